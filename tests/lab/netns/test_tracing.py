"""A trace on real routers: whichever of them cuts a name off, and however, it is found there, or nothing is said.

Six routers stand between home and server, which is therefore seven hops away. What a router forwards it has passed by
then, so that a filter in what router k forwards is met by first words that may come to router k + 1.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from lab.netns.chain import BLOCKED, HELLO, REQUEST, RESET, SERVER6, Chain
from rabta_agent.ceilings import TRACE_BYTES, TRACE_SECONDS
from rabta_proto.codec import from_message
from rabta_proto.model import PathTrace
from rabta_proto.v1.measurement_pb2 import Measurement
from support.programs import require

pytestmark = pytest.mark.root

ROUTERS = 6
SERVER_HOP = ROUTERS + 1
Found = dict[str, Any]
TRIES = 8
LATE_S = 0.1
"""Less than it takes until what was not answered is sent again."""


@pytest.fixture(scope="module")
def standing(root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    chain = Chain(tmp_path_factory.mktemp("chain"), ROUTERS)
    with asyncio.Runner() as runner:
        try:
            runner.run(chain.open())
            yield chain
        finally:
            runner.run(chain.close())


@pytest.fixture
async def chain(standing: Chain) -> AsyncIterator[Chain]:
    """As it was before."""
    yield standing
    await standing.open_up()


def traces(found: Found) -> list[PathTrace]:
    """Of the innocuous name, and of the blocked one."""
    measurement = from_message(Measurement.FromString(bytes.fromhex(found["wire"])))
    return [one.detail for one in measurement.observations if isinstance(one.detail, PathTrace)]


def place(found: Found) -> tuple[Any, ...]:
    return found["cut"], found["after"], found["begins"], found["server"], found["doubt"]


@pytest.mark.parametrize("router", [1, 3, 5, 6])
async def test_the_router_that_resets_is_found(chain: Chain, router: int) -> None:
    await chain.censor(router, f"{HELLO} {RESET}")
    found = await chain.trace("reset")
    assert ("reset", router, router + 1, SERVER_HOP, None) == place(found)
    assert found["by_name"]
    assert (router == ROUTERS) is found["at_server"]


@pytest.mark.parametrize("router", [1, 2, 4, 6])
async def test_the_router_that_drops_is_found(chain: Chain, router: int) -> None:
    await chain.censor(router, f"{HELLO} -j DROP")
    found = await chain.trace("silence")
    assert ("silence", router, router + 1, SERVER_HOP, None) == place(found)


async def test_a_router_that_drops_before_it_counts_is_one_hop_nearer(chain: Chain) -> None:
    await chain.tables(4, "mangle", [f"-A PREROUTING {HELLO} -j DROP"])
    assert ("silence", 3, 4, SERVER_HOP, None) == place(await chain.trace("silence"))


async def test_the_resets_themselves_are_kept(chain: Chain) -> None:
    """Router 3 sends with TTL 64, and two routers take one each."""
    await chain.censor(3, f"{HELLO} {RESET}")
    found = await chain.trace("reset")
    assert 2 == found["resets"]
    assert [62, 62] == [one["ttl"] for one in found["first_resets"]]
    innocuous, blocked = traces(found)
    assert (BLOCKED, False, True) == (blocked.server_name, blocked.isolation, blocked.tls)
    assert innocuous.steps[-1].answered
    assert 64 - ROUTERS == innocuous.steps[-1].answer_ttl


async def test_a_forged_ttl_moves_nothing(chain: Chain) -> None:
    await chain.censor(4, f"{HELLO} {RESET}")
    await chain.tables(4, "mangle", ["-A OUTPUT -p tcp --tcp-flags RST RST -j TTL --ttl-set 250"])
    found = await chain.trace("reset")
    assert ("reset", 4, 5, SERVER_HOP, None) == place(found)
    assert [247, 247] == [one["ttl"] for one in found["first_resets"]]


async def injected(chain: Chain, router: int, *, ttl: int, ids: Sequence[int]) -> Found:
    """A trace beside a filter. One for which the filter was late does not count, whatever it found."""
    for _ in range(TRIES):
        async with chain.injecting(router, ttl=ttl, ids=ids) as injecting:
            found = await chain.trace("reset")
        if injecting.late_s < LATE_S:
            return found
    raise AssertionError(f"the machine is too busy: the filter was late {TRIES} times")


@pytest.mark.parametrize("router", [1, 4])
async def test_a_filter_that_only_injects_is_found_by_what_it_injects(chain: Chain, router: int) -> None:
    """It stands beside the way into the router; what it answers goes on all the same, and its time runs out there."""
    found = await injected(chain, router, ttl=200, ids=[4660, 7, 54321])
    assert ("reset", router - 1, router, SERVER_HOP, None) == place(found)
    _innocuous, blocked = traces(found)
    shown = [step for step in blocked.steps if step.resets]
    assert [(True, 3)] * 2 == [(step.expired, step.resets) for step in shown]
    assert [4660, 7, 54321] * 2 == [one["ip_id"] for one in found["first_resets"]]
    assert {200 - router + 1} == {one["ttl"] for one in found["first_resets"]}


async def test_routers_that_send_no_icmp_do_not_hide_a_reset(chain: Chain) -> None:
    await chain.silence(2, 3, 4)
    await chain.censor(3, f"{HELLO} {RESET}")
    assert ("reset", 3, 4, SERVER_HOP, None) == place(await chain.trace("reset"))


async def test_routers_that_send_no_icmp_leave_silence_a_place_between_two(chain: Chain) -> None:
    await chain.silence(3, 4)
    await chain.censor(3, f"{HELLO} -j DROP")
    assert ("silence", 2, 5, SERVER_HOP, None) == place(await chain.trace("silence"))


async def test_where_nothing_is_cut_nothing_is_found(chain: Chain) -> None:
    assert (None, None, None, SERVER_HOP, "not_cut") == place(await chain.trace("reset"))
    assert (None, None, None, SERVER_HOP, "not_cut") == place(await chain.trace("silence"))


async def test_a_block_that_outlasts_its_trigger_leaves_no_place(chain: Chain) -> None:
    """Once the name was said, nothing of this client's passes any more."""
    seen = "-m recent --name traced --rsource"
    await chain.censor(3, f"-p tcp --dport 443 {seen} --rcheck --seconds 30 -j DROP")
    await chain.censor(3, f"{HELLO} {seen} --set {RESET}")
    found = await chain.trace("reset")
    assert ("reset", None, None, SERVER_HOP, "not_looked") == place(found)


async def test_a_line_that_loses_a_twentieth_leaves_the_same_place_or_none(chain: Chain) -> None:
    await chain.lose(2, 0.05)
    await chain.censor(4, f"{HELLO} {RESET}")
    found = await chain.trace("reset")
    assert (found["after"], found["begins"]) in ((4, 5), (None, None))


async def test_a_request_is_traced_by_its_host(chain: Chain) -> None:
    await chain.censor(2, f"{REQUEST} {RESET}")
    found = await chain.trace("reset", tls=False)
    assert ("reset", 2, 3, SERVER_HOP, None) == place(found)
    assert [False, False] == [trace.tls for trace in traces(found)]


@pytest.mark.parametrize("router", [2, 5])
async def test_over_ipv6_it_is_the_same(chain: Chain, router: int) -> None:
    await chain.censor(router, f"{HELLO} {RESET}", version=6)
    found = await chain.trace("reset", address=SERVER6)
    assert ("reset", router, router + 1, SERVER_HOP, None) == place(found)
    assert [None, None] == [one["ip_id"] for one in found["first_resets"]]


async def test_it_stays_within_its_ceilings_and_names_no_router(chain: Chain) -> None:
    await chain.censor(5, f"{HELLO} -j DROP")
    found = await chain.trace("silence")
    assert found["bytes"] < TRACE_BYTES / 2
    assert found["seconds"] < TRACE_SECONDS
    text = str(Measurement.FromString(bytes.fromhex(found["wire"])))
    assert {"151.101.1.10"} == set(re.findall(r"\d+\.\d+\.\d+\.\d+", text)) - {"0.1.0"}


@pytest.mark.parametrize("rule", [RESET, "-j DROP"], ids=["reset", "silence"])
async def test_a_volunteer_s_probe_traces_what_it_found_cut_off(chain: Chain, rule: str) -> None:
    await chain.censor(3, f"{HELLO} {rule}")
    measured, traced = await chain.probe(f"https://{BLOCKED}/", RABTA_TRACE_PATH="1")
    assert ("DEPTH_FULL", "DEPTH_TRACE") == (measured["depth"], traced["depth"])
    assert [True, False] == [one["trace"].get("isolation", False) for one in traced["observations"]]


async def test_a_volunteer_s_probe_traces_nothing_else(chain: Chain) -> None:
    assert 1 == len(await chain.probe("https://fine.example/", RABTA_TRACE_PATH="1"))
    await chain.censor(3, f"{HELLO} {RESET}")
    assert 1 == len(await chain.probe(f"https://{BLOCKED}/"))


async def test_without_the_right_to_listen_it_is_said_and_measuring_goes_on(chain: Chain) -> None:
    require("setpriv", "util-linux")
    await chain.censor(3, f"{HELLO} {RESET}")
    stripped = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")
    (measured,), said = await chain.probe_and_hear(f"https://{BLOCKED}/", before=stripped, RABTA_TRACE_PATH="1")
    assert "connection_reset" in str(measured)
    assert "Where it is cut off cannot be looked for" in said
    assert "CAP_NET_RAW" in said
