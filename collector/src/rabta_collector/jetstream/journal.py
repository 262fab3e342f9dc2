"""The journal on a stream: what `journal.Journal` is on a file, with the same promises. `chain.py` keeps them."""

import asyncio
import time
from collections.abc import Callable
from math import ceil

import structlog

from rabta_collector.entries import Entry, Measured, Presence
from rabta_collector.jetstream.appends import Clock, OtherWriterError
from rabta_collector.jetstream.chain import PATIENCE_S, Chain
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.trimming import Trimmer
from rabta_collector.journal import Batch, JournalError, Member, kind_of, row_of
from rabta_collector.journal_file import Row
from rabta_collector.journals import Owner
from rabta_collector.state import IngestStats

FOLLOW_S = 0.01
log = structlog.get_logger()


class StreamJournal:
    """The one writer of a stream that `streams.make_streams` made ready."""

    def __init__(
        self,
        place: Place,
        last: tuple[int, int],
        *,
        stats: IngestStats,
        owner: Owner,
        clock: Callable[[], float] = time.time,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`last`: id and `at_us` of the last row."""
        self._clock = Clock(clock, last[1])
        self._chain = Chain(
            place, last[0], stats=stats, committed=owner.committed, clock=self._clock, patience_s=patience_s
        )
        self._trimmer = Trimmer(place, owner.pack)
        self._task: asyncio.Task[None] | None = None
        self._closed, self._lost = False, owner.lost

    @property
    def trouble(self) -> str:
        """Why nothing is taken, in one line; empty: it is."""
        return self._chain.trouble

    @property
    def rows(self) -> int:
        """How many the stream has had."""
        return self._chain.last_id

    def start(self) -> None:
        """Nothing is written before `follow`."""

    async def follow(self, row: int, stop: Callable[[], bool]) -> None:
        """Begins to write; `committed` gets every row after this one, whoever wrote it.

        Returns when nobody else writes any more, or when `stop` says so.
        """
        self._chain.last_id = row
        self._task = asyncio.get_running_loop().create_task(self._run())
        while self.trouble and not stop() and not self._task.done():  # noqa: ASYNC110 - `stop` is a question
            await asyncio.sleep(FOLLOW_S)

    async def _run(self) -> None:
        try:
            await self._chain.run()
        except OtherWriterError as wrong:
            log.error("journal.lost", message=str(wrong))
            self._lost()

    def now(self) -> float:
        """The collector's clock as the journal knows it: microseconds exact, never falling."""
        return self._clock.now()

    def begin_after(self, moment: float) -> None:
        """Lets no entry be of a time up to which was decided before this start, whatever the clock says now."""
        self._clock.go_on_from(ceil(moment * 1_000_000))

    async def recall(self, member: Member) -> None:
        """Nothing: what a row says is known as soon as it stands here, for nobody else writes."""

    def horizon(self) -> float:
        """Up to when every entry is in the stream and was handed to `committed`."""
        pending = self._chain.pending
        return pending[0].entry.at if pending else self.now()

    def trim(self, row: int) -> None:
        """Has rows up to one given up, while writing goes on; the last one stays."""
        self._trimmer.trim(min(row, self._chain.last_id - 1))

    def append_presence(self, member: Member, *, connected: bool, left: bool = False) -> "asyncio.Future[None]":
        """Journals that a session began or ended. It waits out any trouble, for nobody says it again."""
        entry = Presence(
            at=self.now(), agent=member.agent, isp=member.isp, role=member.role, connected=connected, left=left
        )
        kind = kind_of(connected=connected, left=left)
        return self._append(entry, Row(0, kind, self._clock.last_us, member.agent, member.isp, str(member.role)))

    def append_batch(self, member: Member, batch: Batch) -> "asyncio.Future[None]":
        """Journals measurements; the future fails with `JournalError` where the stream takes none."""
        if self.trouble:
            raise JournalError(self.trouble)
        entry = Measured(
            at=self.now(), agent=member.agent, isp=member.isp, role=member.role, measurements=batch.measurements
        )
        return self._append(entry, row_of(entry, batch, self._clock.last_us))

    def _append(self, entry: Entry, row: Row) -> "asyncio.Future[None]":
        if self._task is None or self._task.done() or self._closed:
            raise JournalError(self.trouble or "the journal is closed")
        return self._chain.append(entry, row)

    async def close(self) -> None:
        """Writes what was asked for, as far as the stream takes it within its patience, then ends."""
        self._closed = True
        self._chain.close()
        if self._task is not None:
            await self._task
        await self._trimmer.close()
