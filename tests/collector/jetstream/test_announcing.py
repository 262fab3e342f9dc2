"""Every event is in the stream once and in its ISP's order, whoever tells of the country when, and whoever dies."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from rabta_collector.ending import end
from rabta_collector.jetstream import link
from rabta_collector.jetstream.announcing import Announcer
from rabta_collector.jetstream.place import parse_place
from rabta_collector.jetstream.reading import StreamReader
from rabta_collector.record.file import RecordFile
from rabta_collector.record.seam import WARM_S
from rabta_collector.record.told import LARGEST, Told, read_told
from rabta_collector.state import Event, IngestStats
from support.country import NOW, make_event
from support.nats import Nats
from support.waiting import PATIENCE_S, until

BLOCKED = ("reachable", "blocked", None)
EVENTS = tuple(make_event(n, 60 - n // 3, ("xyz"[n % 3], f"isp{n % 2}"), BLOCKED) for n in range(1, 31))
"""Of two ISPs, three at a moment."""


@pytest.fixture(params=[1, 3])
async def nats(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nats]:
    async with Nats(tmp_path, nodes=request.param).running() as running:
        yield running


class Process:
    """One that decides the same as the others, and writes it down."""

    def __init__(self, nats: Nats, folder: Path, *, begins: float = 0.0) -> None:
        folder.mkdir()
        self.path, self.rules, self.stats = folder / "record.sqlite", False, IngestStats()
        RecordFile(self.path).close()
        place = parse_place(nats.url())
        self.announcer = Announcer(place, self.path, stats=self.stats, may=lambda: self.rules, begins=lambda: begins)

    def decide(self, events: Iterable[Event], evidence: str = "seen") -> None:
        with closing(RecordFile(self.path)) as record, record.transaction():
            for event in events:
                if not record.stands(event):
                    record.append(event, {"of": evidence}, NOW)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Process"]:
        task = asyncio.create_task(self.announcer.run())
        try:
            yield self
        finally:
            await end(task)
            await self.announcer.close()


async def told(nats: Nats) -> list[Told]:
    """All that is in the stream."""
    place = parse_place(nats.url())
    client = await link.connect(place, name="test")
    try:
        if await link.config_of(client, place.events) is None:
            return []
        reader, found = StreamReader(client, place.events), list[Told]()
        last = 0
        while chunk := await reader.read_after(last, 100):
            found += (read_told(one.data) for one in chunk)
            last = chunk[-1].number
        return found
    finally:
        await client.close()


def by_isp(events: Iterable[Event], isp: str) -> list[Event]:
    """In the order in which they are decided."""
    return [replace(event, id=0) for event in events if event.isp == isp]


def check(found: list[Told], events: Iterable[Event]) -> None:
    for isp in ("isp0", "isp1"):
        those = [one for one in found if one.event.isp == isp]
        assert by_isp(sorted(events, key=lambda one: (one.at, one.platform or "")), isp) == [one.event for one in those]
        assert [*range(1, len(those) + 1)] == [one.number for one in those]


ORDERED = tuple(sorted(EVENTS, key=lambda one: (one.at, one.platform or "")))


async def test_who_takes_over_says_what_was_not_said_and_nothing_twice(nats: Nats, tmp_path: Path) -> None:
    first, second = Process(nats, tmp_path / "first"), Process(nats, tmp_path / "second")
    async with asyncio.timeout(PATIENCE_S), second.running():
        async with first.running():
            for one in (first, second):
                one.decide(ORDERED[:14])
            first.rules = True
            await until(lambda: first.stats.events_said == 14)
        for one in (first, second):  # the first one is gone before it says these
            one.decide(ORDERED[14:])
        second.rules = True
        await until(lambda: second.stats.events_said == 16 and not second.stats.events_unsaid)
    check(await told(nats), EVENTS)


async def test_of_two_that_say_at_once_each_event_is_taken_once(nats: Nats, tmp_path: Path) -> None:
    """One of them was thought dead, and goes on with what it was at."""
    both = [Process(nats, tmp_path / name) for name in ("one", "other")]
    async with asyncio.timeout(PATIENCE_S), both[0].running(), both[1].running():
        for count in (*range(5, 30, 3), 30):
            for one in both:
                one.decide(ORDERED[:count])
                one.rules = True
            await until(lambda count=count: sum(one.stats.events_said for one in both) >= count)  # type: ignore[misc]
    assert len(EVENTS) == sum(one.stats.events_said for one in both)
    check(await told(nats), EVENTS)


async def test_what_cannot_be_said_waits_and_is_counted(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE_S), Nats(tmp_path).running() as nats:
        one = Process(nats, tmp_path / "one")
        async with one.running():
            one.rules = True
            one.decide(ORDERED[:5])
            await until(lambda: one.stats.events_said == 5)
            nats.nodes[0].stop()
            one.decide(ORDERED[5:])
            await until(lambda: one.stats.events_unsaid == 25)
            nats.nodes[0].start()
            await until(lambda: one.stats.events_said == 30 and not one.stats.events_unsaid)
        check(await told(nats), EVENTS)


async def test_what_a_replay_by_other_rules_makes_of_the_past_is_not_said(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE_S), Nats(tmp_path).running() as nats:
        one = Process(nats, tmp_path / "one")
        async with one.running():
            one.rules = True
            one.decide(ORDERED[:11])
            await until(lambda: one.stats.events_said == 11)
            one.decide([replace(event, from_state="down") for event in ORDERED[:11]])
            one.decide(ORDERED[11:])
            await until(lambda: one.stats.events_said == 30)
        check(await told(nats), EVENTS)


async def test_who_began_on_what_was_left_of_the_stream_says_nothing_of_the_first_day(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE_S), Nats(tmp_path).running() as nats:
        one = Process(nats, tmp_path / "one", begins=ORDERED[11].at - WARM_S + 0.25)
        late = [event for event in ORDERED if event.at > ORDERED[11].at]
        async with one.running():
            one.rules = True
            one.decide(ORDERED)
            await until(lambda: one.stats.events_said == len(late))
            await until(lambda: not one.stats.events_unsaid)
        check(await told(nats), late)


async def test_evidence_that_no_message_bears_is_left_out(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE_S), Nats(tmp_path).running() as nats:
        one = Process(nats, tmp_path / "one")
        async with one.running():
            one.rules = True
            one.decide(ORDERED[:1], "x" * LARGEST)
            one.decide(ORDERED[1:2])
            await until(lambda: one.stats.events_said == 2)
        assert [None, {"of": "seen"}] == [one.evidence for one in await told(nats)]
