"""Whoever decides has every row once, in order, and asks the stream for many at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from rabta_collector.entries import Entry, Fence
from rabta_collector.jetstream import following
from rabta_collector.jetstream.following import BEAT_S, Follower
from rabta_collector.jetstream.frame import frame
from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.jetstream.rows import StreamRows
from rabta_collector.journal_file import Kind, Row
from rabta_collector.journals import Owner
from rabta_collector.state import IngestStats
from support.nats import Nats
from support.waiting import PATIENCE_S, until

TRICKLE_S = 0.004
ROWS = 200


class Reader:
    """A follower, and what it was given."""

    def __init__(self, place: Place) -> None:
        self.heard: list[Entry | Fence | None] = []
        self.follower = Follower(place, stats=IngestStats(), owner=Owner(committed=self._hear))

    def _hear(self, entry: Entry | Fence | None, epoch: int) -> None:
        self.heard.append(entry)

    async def aclose(self) -> None:
        await self.follower.close()


@asynccontextmanager
async def reading(folder: Path) -> AsyncIterator[tuple[Client, Place, Reader]]:
    async with Nats(folder).running() as nats, nats.client() as client:
        place = parse_place(nats.url())
        with closing(StreamRows(place, make=True)):
            pass
        async with aclosing(Reader(place)) as reader:
            yield client, place, reader


async def trickle(client: Client, place: Place, first: int, count: int) -> None:
    """Rows that say what time it is, one after the other."""
    for number in range(first, first + count):
        row = Row(0, Kind.FENCE, number * 1_000_000, "", "", "")
        await client.publish(place.subject_of("", ""), frame(row, f"test-{number}"))
        await asyncio.sleep(TRICKLE_S)  # as they come, and nothing that is waited for


async def test_rows_that_come_one_by_one_are_asked_for_together(tmp_path: Path) -> None:
    async with reading(tmp_path) as (client, place, reader):
        asked = 0

        async def count(_: Msg) -> None:
            nonlocal asked
            asked += 1

        await client.subscribe(f"$JS.API.CONSUMER.MSG.NEXT.{place.stream}.*", cb=count)
        await reader.follower.follow(0, lambda: False)
        began = asyncio.get_running_loop().time()
        await trickle(client, place, 1, ROWS)
        await until(lambda: len(reader.heard) >= ROWS)
        took_s = asyncio.get_running_loop().time() - began
        assert [Fence(at=float(number)) for number in range(1, ROWS + 1)] == reader.heard
        assert asked <= took_s / BEAT_S + 5


async def test_whatever_goes_wrong_it_reads_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the machine has no thread to give for a moment."""
    faults, work = iter([RuntimeError("can't start new thread")]), asyncio.to_thread

    async def to_thread(*args: Any) -> Any:
        for wrong in faults:
            raise wrong
        return await work(*args)

    async with reading(tmp_path) as (client, place, reader):
        monkeypatch.setattr(following.asyncio, "to_thread", to_thread)
        await reader.follower.follow(0, lambda: False)
        await trickle(client, place, 1, 3)
        await until(lambda: len(reader.heard) == 3)
        assert [1.0, 2.0, 3.0] == [one.at for one in reader.heard if one]


async def test_a_stream_that_never_rests_is_caught_up_with(tmp_path: Path) -> None:
    async with reading(tmp_path) as (client, place, reader):
        await trickle(client, place, 1, ROWS)
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(trickle(client, place, ROWS + 1, 10**6))
            async with asyncio.timeout(PATIENCE_S):
                await reader.follower.follow(0, lambda: False)
            assert len(reader.heard) >= ROWS
            writing.cancel()
