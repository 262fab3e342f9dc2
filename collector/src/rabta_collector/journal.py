"""Appends to the journal in groups, on a thread of its own, so that the event loop never waits for a disk.

An append gets its time, `at`, when it is asked for, and its place in that order; its future is done after the commit
that holds it, never before. `at` never falls, over restarts too. Whoever decides asks `horizon` how far the past is
complete: an entry that is not on disk yet is not decided on.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from rabta_collector import journal_file
from rabta_collector.entries import Entry, Measured, Presence
from rabta_collector.journal_file import Kind, Row
from rabta_collector.state import SYNC_BUCKETS_S, IngestStats
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Role

LINGER_S = 0.005  # how long the first of a group waits for others: one sync for all of them
MAX_GROUP = 1000
SLICE_S = 0.02  # of handing on at a stretch
TRIMMED = 200  # rows that are deleted at a stretch


class JournalError(RuntimeError):
    """Nothing of this append is on disk; the message is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An agent as the journal knows it."""

    agent: str
    isp: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Measurements that were admitted together, and the bytes to keep of them."""

    epoch: int
    measurements: tuple[Measurement, ...]
    payload: bytes


@dataclass(slots=True, kw_only=True)
class _Append:
    entry: Entry
    row: Row
    future: "asyncio.Future[None]"


@dataclass(frozen=True, slots=True)
class _Trim:
    """Rows up to this one are to go."""

    row: int


class Journal:
    """The one writer of a journal file that `journal_file.prepare` made ready."""

    def __init__(
        self,
        path: Path,
        *,
        stats: IngestStats,
        committed: Callable[[Entry, int], None],
        clock: Callable[[], float] = time.time,
        linger_s: float = LINGER_S,
    ) -> None:
        """`committed` is called on the loop, in the journal's order, with each entry on disk and its epoch."""
        self._path, self._stats, self._committed, self._clock, self._linger_s = path, stats, committed, clock, linger_s
        self._queue: queue.SimpleQueue[_Append | _Trim | None] = queue.SimpleQueue()
        self._pending: deque[_Append] = deque()
        self._reported: deque[tuple[_Append, sqlite3.Error | None]] = deque()  # written, and not handed on yet
        self._connection = journal_file.connect(path)
        self._last_id, self._last_us = journal_file.last_position(self._connection)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._trim_to = 0  # the thread's alone
        self.trouble = ""
        """Why the last group could not be written, in one line; empty: it was."""

    def start(self) -> None:
        """Begins to write; to be called on the loop."""
        self._loop = asyncio.get_running_loop()
        self._stats.journal_bytes = _size(self._path)
        self._thread.start()

    @property
    def rows(self) -> int:
        """How many are on disk."""
        return self._last_id

    def now(self) -> float:
        """The collector's clock as the journal knows it: microseconds exact, never falling."""
        self._last_us = max(self._last_us, int(self._clock() * 1_000_000))
        return self._last_us / 1_000_000

    def begin_after(self, moment: float) -> None:
        """Lets no entry be of a time up to which was decided before this start, whatever the clock says now."""
        self._last_us = max(self._last_us, ceil(moment * 1_000_000))

    async def follow(self, row: int, stop: Callable[[], bool]) -> None:
        """Has `committed` get what comes after this row: nobody else writes the file, so that is so already."""

    async def recall(self, member: Member) -> None:
        """Nothing: what a row says is known as soon as it stands here, for nobody else writes."""

    def horizon(self) -> float:
        """Up to when every entry is on disk and was handed to `committed`."""
        return self._pending[0].entry.at if self._pending else self.now()

    def trim(self, row: int) -> None:
        """Has rows up to one deleted, a few at a time and after what is to be appended; the last one stays."""
        self._queue.put(_Trim(row))

    def append_presence(self, member: Member, *, connected: bool, left: bool = False) -> "asyncio.Future[None]":
        """Journals that a session began or ended; `left`: because the agent went of its own accord."""
        entry = Presence(
            at=self.now(), agent=member.agent, isp=member.isp, role=member.role, connected=connected, left=left
        )
        kind = kind_of(connected=connected, left=left)
        return self._append(entry, Row(0, kind, self._last_us, member.agent, member.isp, str(member.role)))

    def append_batch(self, member: Member, batch: Batch) -> "asyncio.Future[None]":
        """Journals measurements; the future fails with `JournalError` where the disk does."""
        at = self.now()
        entry = Measured(at=at, agent=member.agent, isp=member.isp, role=member.role, measurements=batch.measurements)
        return self._append(entry, row_of(entry, batch, self._last_us))

    def _append(self, entry: Entry, row: Row) -> "asyncio.Future[None]":
        if self._loop is None or self._closed:
            raise JournalError("the journal is closed")
        append = _Append(entry=entry, row=row, future=self._loop.create_future())
        self._pending.append(append)
        self._queue.put(append)
        return append.future

    def _run(self) -> None:
        """The thread: gathers a group, writes it, reports it to the loop."""
        assert self._loop is not None
        while True:
            group, last = self._gather()
            if group:
                started = time.perf_counter()
                error = self._write(group)
                self._loop.call_soon_threadsafe(self._report, group, error, time.perf_counter() - started)
            if last:
                return
            if self._trim_to:
                self._trim()

    def _gather(self) -> tuple[list[_Append], bool]:
        """A group, and whether it is the last one."""
        first = self._queue.get()
        if isinstance(first, _Trim):
            self._trim_to = max(self._trim_to, first.row)
        if not isinstance(first, _Append):
            return [], first is None
        time.sleep(self._linger_s)
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                append = self._queue.get_nowait()
            except queue.Empty:
                break
            if append is None:
                return group, True
            if isinstance(append, _Trim):
                self._trim_to = max(self._trim_to, append.row)
            else:
                group.append(append)
        return group, False

    def _trim(self) -> None:
        try:
            more = journal_file.trim(self._connection, self._trim_to, TRIMMED)
        except sqlite3.Error:
            more = False  # a full disk, as a rule: whoever asked asks again
        if more:
            self._queue.put(_Trim(self._trim_to))
        else:
            self._trim_to = 0

    def _write(self, group: list[_Append]) -> sqlite3.Error | None:
        try:
            journal_file.append(self._connection, self._last_id, [append.row for append in group])
        except sqlite3.Error as error:
            return error
        self._last_id += len(group)
        return None

    def _report(self, group: list[_Append], error: sqlite3.Error | None, seconds: float) -> None:
        """Back on the loop."""
        self.trouble = "" if error is None else f"the journal cannot be written: {error}"
        self._stats.sync_buckets[bisect_left(SYNC_BUCKETS_S, seconds)] += 1
        self._stats.sync_sum_s += seconds
        self._stats.journal_bytes = _size(self._path)
        busy = bool(self._reported)
        self._reported.extend((append, error) for append in group)
        if not busy:
            self._hand_on(SLICE_S)

    def _hand_on(self, slice_s: float) -> None:
        """Entries to `committed`, then their futures; in slices of time, so that the loop serves others in between."""
        assert self._loop is not None
        until = time.perf_counter() + slice_s
        try:
            while self._reported and time.perf_counter() < until:
                self._hand_on_first()
        finally:
            if self._reported:
                self._loop.call_soon(self._hand_on, slice_s)

    def _hand_on_first(self) -> None:
        append, error = self._reported[0]
        self._pending.popleft()
        try:
            if error is not None:
                settle(append.future, JournalError(f"the journal cannot be written: {error}"))
                return
            self._committed(append.entry, append.row.epoch)
            settle(append.future, None)
        finally:
            self._reported.popleft()

    async def close(self) -> None:
        """Writes what was asked for, then ends."""
        self._closed = True
        self._queue.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)  # its last report runs on the loop before this goes on
        while self._reported:
            self._hand_on_first()
        self._connection.close()


def kind_of(*, connected: bool, left: bool) -> Kind:
    """The kind of a presence."""
    return Kind.CONNECTED if connected else Kind.LEFT if left else Kind.DISCONNECTED


def row_of(entry: Measured, batch: Batch, at_us: int) -> Row:
    """The row of measurements, its id left out."""
    sequences = [measurement.sequence for measurement in batch.measurements]
    return Row(
        0,
        Kind.MEASURED,
        at_us,
        entry.agent,
        entry.isp,
        str(entry.role),
        batch.epoch,
        min(sequences),
        max(sequences),
        len(sequences),
        batch.payload,
    )


def settle(future: "asyncio.Future[None]", error: JournalError | None) -> None:
    """Says how an append ended, unless nobody waits for it any more."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
        future.exception()  # a session that has ended meanwhile asks no more


def _size(path: Path) -> int:
    total = 0
    for name in (path.name, path.name + "-wal"):
        try:
            total += path.with_name(name).stat().st_size
        except FileNotFoundError:
            continue
    return total
