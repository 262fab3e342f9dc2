"""What is said of events is written down once, in the stream's order, as of when the stream took it."""

import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import structlog.testing

from rabta_collector.jetstream import link
from rabta_collector.jetstream.hearing import Hearing
from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.record.file import RecordFile
from rabta_collector.record.heard import heard_before, last_heard, sealed_up_to
from rabta_collector.record.reading import Written, reading
from support.country import make_events
from support.nats import Nats
from support.sealing import say

EVENTS = tuple(sorted(make_events(), key=lambda event: event.at))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with Nats(tmp_path).running() as nats:
        yield parse_place(nats.url())


async def heard(place: Place, record: Path, floor: float = 0.0) -> list[Written]:
    hearing = Hearing(place, record, lambda: floor)
    try:
        await hearing.catch_up()
    finally:
        await hearing.close()
    with reading(record) as file:
        return list(file.lines(0.0, 2**33))


async def test_what_was_heard_is_not_written_again(place: Place, tmp_path: Path) -> None:
    began = time.time()
    await say(place, EVENTS[:5])
    first = await heard(place, tmp_path / "record.sqlite")
    assert 5 == len(first)
    assert all(began - 1 < line.written < time.time() + 1 for line in first)
    assert first == await heard(place, tmp_path / "record.sqlite")
    with closing(RecordFile(tmp_path / "old.sqlite")) as record, record.transaction():
        record.append(replace(EVENTS[0], id=1_000_000), None, EVENTS[0].at)
    assert 5 == len(await heard(place, tmp_path / "old.sqlite")), "one that was known before is there once"
    with reading(tmp_path / "old.sqlite") as file:
        assert (5, 3, 5) == (
            last_heard(file.connection),
            sealed_up_to(file.connection, 3),
            sealed_up_to(file.connection, 5),
        )
        assert (0, 5) == (heard_before(file.connection, began - 60), heard_before(file.connection, began + 60))


async def test_what_the_stream_took_of_a_day_that_is_sealed_is_of_the_next_one(place: Place, tmp_path: Path) -> None:
    later = float(round(time.time()) + 1000)
    await say(place, EVENTS[:2])
    assert [later, later] == [line.written for line in await heard(place, tmp_path / "record.sqlite", later)]


async def test_a_message_that_is_none_holds_nothing_up(place: Place, tmp_path: Path) -> None:
    await say(place, EVENTS[:1])
    client = await link.connect(place, name="test")
    await link.publish(client, place.event_of("ptcl"), b"nothing", {})
    await client.close()
    await say(place, EVENTS[1:3])
    with structlog.testing.capture_logs() as lines:
        assert 3 == len(await heard(place, tmp_path / "record.sqlite"))
    assert ["events.unreadable"] == [line["event"] for line in lines]


async def test_a_stream_that_was_made_anew_is_read_from_its_beginning(place: Place, tmp_path: Path) -> None:
    await say(place, EVENTS[:5])
    before = await heard(place, tmp_path / "record.sqlite")
    client = await link.connect(place, name="test")
    await link.ask(client, f"STREAM.DELETE.{place.events}")
    await client.close()
    await say(place, EVENTS[3:6])
    after = await heard(place, tmp_path / "record.sqlite")
    assert before == after[:5]
    assert 6 == len(after)
    await say(place, EVENTS[6:9])
    assert 9 == len(await heard(place, tmp_path / "record.sqlite")), "it is the stream from now on"
