"""What is decided of ISPs of other shares is heard, once, by whoever has agents of its own ISPs asked for it."""

import asyncio
from dataclasses import replace
from pathlib import Path

from rabta_collector.isp_share import IspShare
from rabta_collector.jetstream.place import parse_place
from rabta_collector.state import Event
from rabta_proto.vocabulary import Mechanism
from support.country import NOW, Country, make_event
from support.nats import Nats
from support.shares import IDS, Process, deciding, part_of
from support.waiting import PATIENCE_S, until

FIRST, SECOND = IspShare(1, 2), IspShare(2, 2)
OURS, THEIRS = FIRST.owned(IDS)[0], SECOND.owned(IDS)[0]


def blocked(number: int, isp: str, at: float) -> Event:
    return make_event(number, NOW - at, ("x", isp), ("reachable", "blocked", Mechanism.TLS_RESET_SNI))


def decide(process: Process, *events: Event, to: float) -> None:
    """A process decides up to a moment, and sees these."""
    country = process.country
    country.events += tuple(event for event in events if event.isp in country.share.owned(IDS))
    country.current = replace(country.current, at=to)


async def answering(process: Process) -> None:
    """Until it has heard of the other one."""
    async with asyncio.timeout(PATIENCE_S):
        while (await process.client.get("/api/v1/verdicts")).status != 200:  # noqa: ASYNC110 - of a server, no event
            await asyncio.sleep(0.01)


def heard(process: Process) -> list[int]:
    return [event.id for event in process.country.elsewhere]


async def test_changes_of_other_shares_are_heard_once(tmp_path: Path) -> None:
    async with Nats(tmp_path).running() as nats:
        place = parse_place(nats.url())
        async with (
            deciding(place, part_of(Country(), FIRST), "one") as first,
            deciding(place, part_of(Country(), SECOND), "two") as second,
        ):
            for process in (first, second):
                await answering(process)
            for number, to in ((100, NOW + 1), (200, NOW + 2)):
                for process in (first, second):
                    decide(process, blocked(number, THEIRS, to), blocked(number + 1, OURS, to), to=to)
            await until(lambda: heard(first) == [100, 200])
            await until(lambda: heard(second) == [101, 201])
            for process, isp in ((first, THEIRS), (second, OURS)):
                assert {isp} == {event.isp for event in process.country.elsewhere}
