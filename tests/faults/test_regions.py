"""A region is cut off: the side with the quorum goes on, the other one stops, and in the end all is there, once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import starmap
from pathlib import Path

import pytest

from faults.asked import LONG, PATIENCE_S, TIMEOUT_S, tell
from faults.books import Journaled, read_journal, read_spool
from faults.diary import read_diary
from faults.joining import invite, join
from faults.oracle import Finding, compare
from faults.regions import Part, Region, Regions, regions
from faults.rig import deliver
from faults.tellers import turns_of
from lab.waiting import until
from rabta_collector.roles.ground import SOUND
from support.nats import version
from support.programs import require, require_namespaces

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow, pytest.mark.root]

CROWD = 24
"""Agents of a side: so many that fall silent as one are an outage within half a minute, where it is one."""

CUT_S = 180.0 if LONG else 10.0
"""At the least; in three minutes all who could be called silent by mistake would be."""

UNDER_WAY_S = 5.0
"""After a cut what was acknowledged before it has come to whoever is told."""

TAKEN_OVER_S = 15.0
ISPS = {"north": "ptcl", "south": "jazz"}
RIGHT = {"up", "unknown", "reachable", "inconclusive"}


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[Regions]:
    require_namespaces("net")
    for program, package in (("ip", "iproute2"), ("iptables", "iptables"), ("nats-server", "nats-server")):
        require(program, package)
    async with regions(tmp_path) as made:
        yield made


def gather(system: Regions) -> dict[str, str]:
    """Each side's crowd has joined, as the first process finds in its data directory; a token for one agent more."""
    data, tokens = system.north.ingest.data, dict[str, str]()
    for region in system.both:
        isp = ISPS[region.name]
        system.gather(region, join(data, isp, CROWD))
        tokens[region.name] = invite(data, isp)
    return tokens


async def rows_of(part: Part, path: str, key: str) -> list[dict[str, str]]:
    """None where it does not answer."""
    answer = await part.ask(path)
    return list(json.loads(answer.text)[key]) if answer.status == 200 else []


def settled(part: Part) -> Callable[[], Awaitable[bool]]:
    """Whether it says of both ISPs that the platform is reachable there, and that they are up."""

    async def is_settled() -> bool:
        verdicts = await rows_of(part, "api/v1/verdicts?platform=x", "verdicts")
        reachable = {row["isp"] for row in verdicts if row["state"] == "reachable"}
        up = {row["isp"] for row in await rows_of(part, "api/v1/isps", "isps") if row["state"] == "up"}
        return {*ISPS.values()} <= reachable & up

    return is_settled


def ready(part: Part, status: int = 200) -> Callable[[], Awaitable[bool]]:
    async def says_so() -> bool:
        return (await part.ask("readyz")).status == status

    return says_so


def silent(part: Part) -> Callable[[], Awaitable[bool]]:
    async def tells_nothing() -> bool:
        return not await part.tells()

    return tells_nothing


async def seconds(looks: dict[str, Callable[[], Awaitable[bool]]], began: float) -> dict[str, float]:
    """How long after a moment each of these was so."""

    async def one(name: str, look: Callable[[], Awaitable[bool]]) -> float:
        try:
            await until(look, within=PATIENCE_S)
        except TimeoutError:
            raise TimeoutError(f"not within {PATIENCE_S:g} s: {name}") from None
        return round(time.time() - began, 1)

    return dict(zip(looks, await asyncio.gather(*starmap(one, looks.items())), strict=True))


async def start(system: Regions, first: Region) -> None:
    """Everything runs, the lease and what leads NATS are in one region, and both ISPs have verdicts."""
    tokens = gather(system)
    await system.start(first)
    await system.lead_from(first)
    for region in system.both:
        await system.join(region, tokens[region.name])
        await region.crowd.start()
        await region.member.program.start()
    await seconds({region.name: settled(region.decide) for region in system.both}, time.time())


async def cut(system: Regions) -> dict[str, float]:
    """The link is cut, for as long as it takes until each side has done what it should; seconds after the cut."""
    north, south = system.both
    await system.cut()
    began = time.time()

    def told(region: Region, word: str) -> Callable[[], Awaitable[bool]]:
        async def was_told() -> bool:
            return word in region.told(began + 1.0, time.time())

        return was_told

    looks = {"north tells": north.decide.tells, "north acknowledges": told(north, "ack")}
    looks |= {"south is silent": silent(south.decide), "south takes nobody": ready(south.ingest, 503)}
    looks |= {"south shows nothing": ready(south.decide, 503)}
    looks |= {f"south: {word}": told(south, word) for word in ("slow_down", "UNAVAILABLE")}
    found = await seconds(looks, began)
    await asyncio.sleep(max(0.0, began + CUT_S - time.time()))  # the length of the fault, not of a wait
    assert "ack" not in south.told(began + UNDER_WAY_S, time.time())
    await seconds({"north still tells": north.decide.tells}, began)
    assert not await south.decide.tells()
    return (
        found
        | turned(north.decide, began, tells=True, name="north tells")
        | turned(south.decide, began, tells=False, name="south is silent")
    )


def turned(part: Part, began: float, *, tells: bool, name: str) -> dict[str, float]:
    """When its log says that it began to tell after a moment, or ceased, which is sooner than who looks finds it."""
    log = part.program.log.read_text(encoding="utf-8")
    turns = (turn for turn in turns_of(part.role, log[: log.rfind("\n") + 1]) if turn.at > began)
    at = next((turn.at for turn in turns if turn.tells is tells), None)
    return {} if at is None else {name: round(at - began, 2)}


async def account(system: Regions) -> Finding:
    """Of those who have a spool, and of the crowds, which say what was acknowledged."""
    await deliver([region.member for region in system.both])
    told: dict[str, tuple[int, int, int]] = {}
    for region in system.both:
        await region.crowd.stop(within=60.0)
        told |= json.loads(region.crowd.last_words())
    journal = await system.north.within(lambda: read_journal(system.place))
    members = [region.member for region in system.both]
    books = [compare(read_diary(m.diary), read_spool(m.spool), journal[m.id], last=m.produced()) for m in members]
    return sum((count(journal, agent, *said) for agent, said in told.items()), sum(books, Finding()))


def count(journal: Journaled, agent: str, epoch: int, acked: int, sent: int) -> Finding:
    """One of a crowd: its numbers up to `acked` were acknowledged, and none above `sent` was ever sent."""
    held = journal.get(agent, {})
    return Finding(
        records=acked,
        unkept=sum((epoch, number) not in held for number in range(1, acked + 1)),
        twice=sum(len(marks) - 1 for marks in held.values()),
        invented=sum(number > sent for _, number in held),
    )


@pytest.mark.parametrize("holder", ["north", "south"])
async def test_a_region_that_is_cut_off_stops_and_the_other_one_goes_on(system: Regions, holder: str) -> None:
    """North has the quorum. `holder`: where the process with the lease is, and all that NATS leads.

    A server of an old version that led there comes back with an empty disk, as deploy/nats/README.md says.
    """
    north, south = system.both
    await start(system, north if holder == "north" else south)
    found = await cut(system)
    states = {row["isp"]: row["state"] for row in await rows_of(north.decide, "api/v1/isps", "isps")}
    if old := holder == "south" and version() < SOUND:  # what led there may have rows that no quorum took
        system.empty(south)
    mended = time.time()
    await system.mend()
    if old:
        south.nodes[0].start()
    looks = {"south takes agents again": ready(south.ingest), "south answers again": settled(south.decide)}
    back = await seconds(looks | {"north is as before": settled(north.decide)}, mended)
    finding = await account(system)
    events = [await rows_of(region.decide, "api/v1/events", "events") for region in system.both]
    tell("regions", holder=holder, **{name.replace(" ", "_"): at for name, at in (found | back).items()})
    tell("regions", south=states[ISPS["south"]], **finding.figures())
    assert finding.good, str(finding)
    assert 0 == finding.waiting
    assert {row["to"] for told in events for row in told} <= RIGHT
    assert found["north tells"] <= TAKEN_OVER_S
    assert holder == "north" or found["south is silent"] < found["north tells"]
