"""What the stream holds of an agent is known without having all of its rows in memory, and from few of them."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from rabta_collector.entries import Entry, Fence, Measured
from rabta_collector.jetstream import link, shared
from rabta_collector.jetstream.frame import frame
from rabta_collector.jetstream.holdings import Holding, add_row, read_holding
from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.jetstream.reading import Came, StreamReader
from rabta_collector.jetstream.rows import StreamRows
from rabta_collector.jetstream.shared import SharedJournal
from rabta_collector.jetstream.trimming import Trimmer
from rabta_collector.journal import Member
from rabta_collector.journal_file import Kind, Row
from rabta_collector.journals import Owner
from rabta_collector.sequences import Seen
from rabta_collector.state import IngestStats
from rabta_proto.vocabulary import Role
from support.collector_server import batch as wire_batch
from support.journaling import MEMBER, batch
from support.nats import Nats
from support.waiting import until

MIB = 1024 * 1024


class Reads:
    """How much is read of rows, and by how many at a time at the most."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = self.most = self._now = 0
        read_after = StreamReader.read_after

        async def counted(reader: StreamReader, number: int, limit: int) -> list[Came]:
            self._now += 1
            self.most = max(self.most, self._now)
            try:
                found = await read_after(reader, number, limit)
            finally:
                self._now -= 1
            self.bytes += sum(len(one.data) for one in found)
            return found

        monkeypatch.setattr(StreamReader, "read_after", counted)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with Nats(tmp_path).running() as nats:
        where = parse_place(nats.url())
        with closing(StreamRows(where, make=True)):
            pass
        yield where


async def written(place: Place, *, agents: int = 1, rows: int, payload: bytes = b"") -> list[str]:
    """The agents of rows that say nothing of what was held before, as one process alone writes them."""
    names = [f"a{number}" for number in range(agents)]
    client = await link.connect(place, name="test")
    for number in range(1, rows + 1):
        text = payload or wire_batch(number).SerializeToString()
        for agent in names:
            row = Row(0, Kind.MEASURED, number, agent, "ptcl", "probe", 7, number, number, 1, text)
            await link.publish(client, place.subject_of("ptcl", agent), frame(row, f"{agent}-{number}"), {})
    await client.close()
    return names


async def holding_of(place: Place, agent: str) -> Holding:
    client = await link.connect(place, name="test")
    try:
        return await read_holding(client, place, agent, "ptcl")
    finally:
        await client.close()


def known(holding: Holding, agent: str, number: int) -> bool:
    seen = Seen()
    seen.unpack(agent, holding.packed)
    return seen.has(agent, 7, number)


class Process:
    """One of many that write, with what it knows of agents."""

    def __init__(self, place: Place) -> None:
        self.seen = Seen()
        owner = Owner(committed=self._commit, pack=self.seen.pack, unpack=self.seen.unpack)
        self.journal = SharedJournal(place, stats=IngestStats(), owner=owner)

    def _commit(self, entry: Entry | Fence | None, epoch: int) -> None:
        if isinstance(entry, Measured):
            self.seen.add(entry.agent, epoch, [one.sequence for one in entry.measurements])

    async def __aenter__(self) -> "Process":
        self.journal.start()
        await self.journal.follow(0, lambda: False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.journal.close()

    async def append(self, number: int, payload: bytes) -> None:
        await self.journal.recall(MEMBER)
        await self.journal.append_batch(MEMBER, replace(batch(number), payload=payload))


async def test_rows_that_are_more_than_memory_are_taken_in_as_they_come(place: Place) -> None:
    (agent,) = await written(place, rows=64, payload=b"x" * MIB)
    tracemalloc.start()
    try:
        holding = await holding_of(place, agent)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 * MIB
    assert known(holding, agent, 1)
    assert known(holding, agent, 64)
    assert not known(holding, agent, 65)


async def test_rows_of_few_agents_are_read_at_a_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    agents, reads = await written(place, agents=12, rows=3), Reads(monkeypatch)
    async with Process(place) as process:
        members = [Member(agent=agent, isp="ptcl", role=Role.PROBE) for agent in agents]
        await asyncio.gather(*map(process.journal.recall, members))
        assert all(process.seen.has(agent, 7, 3) for agent in agents)
    assert 1 < reads.most <= shared.READERS


async def test_of_an_agent_with_many_holes_and_large_batches_little_is_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "SHORT", 60)
    reads, sent = Reads(monkeypatch), list(range(1, 60, 2))
    async with Process(place) as one:
        for number in sent:
            await one.append(number, b"x" * 300_000)
        reads.bytes = 0
        async with Process(place) as other:
            await other.journal.recall(MEMBER)
            assert reads.bytes <= shared.FAR_BYTES + 400_000
            assert all(other.seen.has(MEMBER.agent, 7, number) for number in sent)
            assert not other.seen.has(MEMBER.agent, 7, 2)
            await other.append(2, b"x")
    assert known(await holding_of(place, MEMBER.agent), MEMBER.agent, 2)


async def test_what_an_archive_gave_up_need_not_be_read_again_nor_what_it_read_for_that(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (agent,) = await written(place, rows=10)
    trimmer = Trimmer(place, None)
    trimmer.trim(4)
    await until(lambda: trimmer._task is not None and trimmer._task.done())
    reads = Reads(monkeypatch)
    holding = await holding_of(place, agent)
    assert known(holding, agent, 1)
    assert known(holding, agent, 10)
    assert not reads.bytes
    await trimmer.close()


def test_of_a_row_whose_numbers_have_holes_the_measurements_tell() -> None:
    seen, payload = Seen(), wire_batch(1, 2, 5).SerializeToString()
    row = Row(1, Kind.MEASURED, 1, "a", "ptcl", "probe", 7, 1, 5, 3, payload)
    add_row(seen, row, sound=True)
    assert [1, 2, 5] == [number for number in range(1, 9) if seen.has("a", 7, number)]
    add_row(seen, replace(row, first_sequence=7, last_sequence=8, count=2), sound=False)
    assert not seen.has("a", 7, 7)
    add_row(seen, replace(row, first_sequence=7, last_sequence=8, count=2), sound=True)
    assert seen.has("a", 7, 7)
    add_row(seen, replace(row, payload=b"\xff"), sound=True)  # nobody can say which
    assert not seen.has("a", 7, 3)
