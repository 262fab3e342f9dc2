"""A journal, on a file or on a stream, with what stands behind it in a collector: ingest, and what was known before."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

from rabta_collector import journal_file
from rabta_collector.entries import Entry, Fence
from rabta_collector.ingest import Ingest
from rabta_collector.jetstream.opening import open_stream
from rabta_collector.journal import Batch, Journal, Member
from rabta_collector.journal_file import Kind, Row
from rabta_collector.journals import AnyJournal, Owner
from rabta_collector.replay import Known, replay
from rabta_collector.rows import Where, open_rows
from rabta_collector.state import IngestStats
from rabta_proto.codec import from_message
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role
from support.collector_server import batch as wire_batch
from support.waiting import PATIENCE_S

MEMBER = Member(agent="a", isp="ptcl", role=Role.PROBE)


class Anything:
    """Every target was asked about."""

    def __contains__(self, _: object) -> bool:
        return True


def batch(*sequences: int) -> Batch:
    message = wire_batch(*sequences)
    measurements = tuple(from_message(measurement) for measurement in message.measurements)
    return Batch(epoch=7, measurements=measurements, payload=message.SerializeToString())


class Kept:
    """One collector's life with a journal: what it was told, from the first row on, and what it takes."""

    def __init__(self, where: Where, clock: Callable[[], float] = time.time) -> None:
        self.where, self.stats, self.known = where, IngestStats(), Known()
        self.entries: list[Entry] = []
        self.lost = False
        owner = Owner(committed=self._committed, pack=lambda agent: self.ingest.seen.pack(agent), lost=self._lose)
        self.journal: AnyJournal
        if isinstance(where, Path):
            journal_file.prepare(where)
            self.journal = Journal(where, stats=self.stats, committed=self._committed, clock=clock)
        else:
            stream = open_stream(where, stats=self.stats, owner=owner)
            stream._clock._clock = clock
            self.journal = stream
        self.ingest = Ingest(
            journal=self.journal, stats=self.stats, lab=False, asked=Anything(), joined_at=lambda _: 0.0
        )

    def _lose(self) -> None:
        self.lost = True

    def _committed(self, entry: Entry | Fence | None, epoch: int) -> None:
        self.known.note(entry)
        if isinstance(entry, Entry):
            self._take(entry, epoch)

    def _take(self, entry: Entry, epoch: int) -> None:
        self.entries.append(entry)
        self.ingest.remember(entry, epoch)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Kept"]:
        """Knows what was known, and writes, as a collector that serves does."""
        self.journal.start()
        with closing(open_rows(self.where)) as rows:
            for agent, packed in rows.marks():
                self.ingest.seen.unpack(agent, packed)
        await replay(self.where, self._take, self.known, stop=lambda: False)
        await self.journal.follow(self.known.row, lambda: False)
        try:
            yield self
        finally:
            await self.journal.close()

    async def deliver(self, *sequences: int, member: Member = MEMBER) -> dict[int, int]:
        """What became of measurements that an agent sent, by their numbers."""
        ack = await self.ingest.take(member, wire_batch(*sequences).SerializeToString())
        return {number: part.outcome for part in ack.ranges for number in range(part.first, part.last + 1)}

    async def given_up(self, first: int) -> None:
        """Until the first row that is kept is that one."""
        with closing(open_rows(self.where)) as rows:
            async with asyncio.timeout(PATIENCE_S):
                while (await asyncio.to_thread(rows.first_position))[0] < first:  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.01)
            assert first == rows.first_position()[0]

    def rows(self) -> list[Row]:
        """All rows that are kept but for fences, each of which is as it was written."""
        with closing(open_rows(self.where)) as rows:
            first, last = rows.first_position()[0], rows.last_position()[0]
            found, after = [], max(0, first - 1)
            while chunk := rows.read_after(after, 7):
                found += chunk
                after = chunk[-1][0].id
        assert all(sound for _, sound in found)
        assert [row.id for row, _ in found] == (list(range(first, last + 1)) if last else [])
        return [row for row, _ in found if row.kind != Kind.FENCE]

    def measured(self) -> list[tuple[str, int]]:
        """Agent and number of every measurement that is kept, in order."""
        batches = ((row.agent, link.MeasurementBatch.FromString(row.payload)) for row in self.rows() if row.payload)
        return [(agent, one.sequence) for agent, found in batches for one in found.measurements]
