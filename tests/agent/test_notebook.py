import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from rabta_agent.ceilings import MEASUREMENT_MOST_BYTES
from rabta_agent.network import Datagrams
from rabta_agent.notebook import CEILING_S, Notebook
from rabta_agent.probes.dnswire import Question
from rabta_agent.probes.resolve import LATER_REPLIES_LIMIT, Resolver, query
from rabta_agent.probes.step import Outcome
from rabta_agent.task import STEP_CEILING_S, Settings
from rabta_proto.model import DnsQuery, HttpRoundTrip, Observation, TcpConnect
from rabta_proto.vocabulary import AddressSource, ResolverKind
from support.dns_server import DnsReply, DnsServer, addresses
from support.peers import Authority
from support.scenes import make_contexts, make_notebook, within
from support.waiting import PATIENCE_S

CONTEXTS = make_contexts(Authority())
CONNECTED = Observation(
    detail=TcpConnect(address="192.0.2.1", port=80, source=AddressSource.SYSTEM), offset_us=5, duration_us=1
)
FETCHED = Observation(
    detail=HttpRoundTrip(address="192.0.2.1", port=80, url="http://x.com/", tls=False), offset_us=9, duration_us=1
)


def unopened(observation: Observation) -> Outcome[None]:
    return Outcome(observation=observation)


async def test_a_step_begins_only_if_its_whole_deadline_fits() -> None:
    notebook = make_notebook(CONTEXTS, Settings())
    assert notebook.allows(10)
    notebook._end = within(9)
    assert not notebook.allows(10)
    assert notebook.allows(5)
    assert notebook.allows(4, 4)
    assert not notebook.allows(4, 4, 4)


async def test_no_step_begins_once_the_bytes_are_used() -> None:
    notebook = make_notebook(CONTEXTS, Settings())
    notebook.meter.add(sent=MEASUREMENT_MOST_BYTES // 2, received=MEASUREMENT_MOST_BYTES // 2)
    assert notebook.allows(1)
    notebook.meter.add(received=1)
    assert not notebook.allows(1)


async def test_no_step_takes_longer_than_the_ceiling_whatever_a_plan_says() -> None:
    notebook = make_notebook(CONTEXTS, Settings())
    assert notebook.allows(4_000_000)
    assert notebook.deadline(4_000_000) <= within(STEP_CEILING_S)


async def test_no_pause_is_made_that_does_not_fit() -> None:
    notebook = make_notebook(CONTEXTS, Settings(repeat_pause_s=CEILING_S * 4))
    assert not await notebook.pause()


class Drawn(random.Random):
    """Draws what a test says, and notes between what."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.bounds: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.bounds.append((a, b))
        return self.share


@pytest.mark.parametrize("share", [0.5, 1.5])
async def test_the_second_repeat_is_spaced_by_a_pause_that_nobody_can_foretell(share: float) -> None:
    """What a censor does for a while after a trigger must not be taken for what he does to a name."""
    notebook = make_notebook(CONTEXTS, Settings(repeat_pause_s=0.1))
    drawn = Drawn(share)
    notebook.equipment = replace(notebook.equipment, rng=drawn)
    began = asyncio.get_running_loop().time()
    assert await notebook.pause()
    assert asyncio.get_running_loop().time() - began >= 0.1 * share - 0.01
    assert [(0.5, 1.5)] == drawn.bounds


async def test_observations_are_in_the_order_in_which_they_began() -> None:
    notebook = make_notebook(CONTEXTS, Settings())
    assert "kept" == notebook.keep(Outcome(observation=FETCHED, value="kept"))
    notebook.keep(unopened(CONNECTED))
    assert (CONNECTED, FETCHED) == notebook.observations


async def test_the_last_response_is_marked_when_redirects_end() -> None:
    notebook = make_notebook(CONTEXTS, Settings())
    notebook.end_redirects("nothing to mark")
    for seen in (FETCHED, replace(FETCHED, offset_us=11), CONNECTED):
        notebook.keep(unopened(seen))
    notebook.end_redirects("loop")
    assert [None, None, "http_too_many_redirects"] == [seen.failure for seen in notebook.observations]


FIRST = addresses("10.10.34.34")
ENOUGH = tuple(addresses(f"104.244.42.{number}", delay_s=0.02) for number in range(LATER_REPLIES_LIMIT))


@asynccontextmanager
async def asking(notebook: Notebook, *replies: DnsReply) -> AsyncIterator[None]:
    """Keeps a query to a resolver that says this, and what it goes on hearing for a minute or until it is enough."""
    async with DnsServer(lambda question, client: replies) as server:
        resolver = Resolver(kind=ResolverKind.SYSTEM, endpoint=server.text)
        question = Question(hostname="x.com", type="A")
        asked = await query(notebook.scene, resolver, question, within(60), listen_s=60)
        async with asyncio.timeout(PATIENCE_S), notebook.open():
            notebook.keep(unopened(replace(CONNECTED, offset_us=0)))
            notebook.keep(asked.outcome, asked.listening)
            notebook.keep(unopened(replace(FETCHED, offset_us=10_000_000)))
            yield


def count_later(notebook: Notebook) -> list[int]:
    """How many later replies each query holds."""
    return [len(seen.detail.later_replies) for seen in notebook.observations if isinstance(seen.detail, DnsQuery)]


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[Datagrams]:
    """Sockets that were closed."""
    seen: list[Datagrams] = []
    close = Datagrams.close
    monkeypatch.setattr(Datagrams, "close", lambda self: (seen.append(self), close(self))[1])
    return seen


async def test_a_measurement_waits_at_its_end_for_what_else_is_said(closed: list[Datagrams]) -> None:
    notebook = make_notebook(CONTEXTS, Settings())
    async with asking(notebook, FIRST, *ENOUGH):
        assert [0] == count_later(notebook)
        notebook.prove(notebook.scene.at(hop=0, attempt=2))
        notebook.prove(notebook.scene.at(hop=1, attempt=1))
    assert [LATER_REPLIES_LIMIT] == count_later(notebook)
    assert ["tcp", "dns", "http"] == [seen.step for seen in notebook.observations]
    assert 1 == len(closed)


async def test_a_pass_that_a_certificate_proved_is_not_waited_for(closed: list[Datagrams]) -> None:
    notebook = make_notebook(CONTEXTS, Settings())
    async with asking(notebook, FIRST):
        notebook.prove(notebook.scene)
    assert [0] == count_later(notebook)
    assert 1 == len(closed)


async def test_a_measurement_that_is_cancelled_leaves_no_socket_and_no_task(closed: list[Datagrams]) -> None:
    kept = asyncio.Event()

    async def measure() -> None:
        async with asking(make_notebook(CONTEXTS, Settings()), FIRST):
            kept.set()
            await asyncio.Event().wait()

    measuring = asyncio.create_task(measure())
    await kept.wait()
    measuring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await measuring
    assert 1 == len(closed)
    assert {asyncio.current_task()} == asyncio.all_tasks()
