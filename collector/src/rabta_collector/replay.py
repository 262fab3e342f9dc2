"""Reads the journal from a row on and hands every entry on, so that what was known is known again.

Rows that the journal gave up are read from the archive, which lies beside it.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice, starmap
from pathlib import Path

import structlog
from google.protobuf.message import DecodeError

from rabta_collector.admit import Refused
from rabta_collector.entries import Entry, Fence, Measured, Presence
from rabta_collector.journal import Member
from rabta_collector.journal_file import Kind, Row, UnusableJournalError
from rabta_collector.judging import read_parts
from rabta_collector.rows import Rows, Where, open_rows
from rabta_proto.codec import from_numbers
from rabta_proto.vocabulary import Role

CHUNK = 200  # rows read and decoded off the loop at a time
PROGRESS_S = 2.0
_KINDS = frozenset(Kind)
Owned = frozenset[str] | None
"""ISPs to decide on; `None`: all."""

log = structlog.get_logger()


class Known:
    """What was taken in of a journal, at a replay and since. `present`: agents whose session began and did not end."""

    def __init__(self) -> None:
        self.row = 0
        """Id of the last row that was taken in."""
        self.measurements = 0
        self.unreadable: list[int] = []
        """Ids of damaged rows."""
        self.present: dict[str, Member] = {}
        self.sessions: dict[str, tuple[int, int]] = {}
        """The newest session of each agent and the process that holds or held it; zeros where one process holds all."""
        self.at = 0.0
        """The time of the last entry."""
        self.begins = 0.0
        """The time of the first row that there was, where those before it are nowhere; 0: it is all of the journal."""
        self.recalls_at = 0.0
        """When what the record knows of the time before is to be put beside what is known; 0: never, or it was."""

    def note(self, entry: Entry | Fence | None) -> Entry | Fence | None:
        """Takes in the next row; `None`: it cannot be read. What is to be made of it, if anything.

        Where many processes write one journal, their clocks differ: an entry is of no time before the one before it.
        And of a session that another one has replaced nobody hears any more.
        """
        self.row += 1
        if entry is None:
            self.unreadable.append(self.row)
            return None
        if entry.at < self.at:
            entry = replace(entry, at=self.at)
        self.at = entry.at
        match entry:
            case Measured():
                self.measurements += len(entry.measurements)
            case Presence(session=session) if 0 < session < self.sessions.get(entry.agent, (0, 0))[0]:
                return Fence(at=entry.at)
            case Presence(connected=True):
                self.present[entry.agent] = Member(agent=entry.agent, isp=entry.isp, role=entry.role)
                self.sessions[entry.agent] = entry.session, entry.process
            case Presence():
                self.present.pop(entry.agent, None)  # its session stays known: what is told of an older one comes late
        return entry


class Progress:
    """How far a replay has come, for whoever waits for it."""

    def __init__(self, begin: int, end: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._begin, self._row, self._end = begin, begin, end
        self._clock, self._began = clock, clock()
        self._told = self._began

    def come_to(self, row: int) -> None:
        """Notes the last row that was taken in, and says so in the log once in a while."""
        self._row, now = row, self._clock()
        if now - self._told >= PROGRESS_S:
            self._told = now
            log.info("replay.progress", rows=row, of=self._end, seconds_left=self.seconds_left)

    @property
    def seconds_left(self) -> int | None:
        """By the pace so far; `None` where there is none yet."""
        done = self._row - self._begin
        return round((self._clock() - self._began) / done * max(0, self._end - self._row)) if done else None

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", about {self.seconds_left} s left"
        return f"{self._row} of {self._end} entries{left}"


def reaches(archive: Path, row: int) -> bool:
    """Whether an archive has the rows up to one."""
    from rabta_collector.archive.chain import InvalidCheckpointError
    from rabta_collector.archive.reading import last_row_of

    try:
        return last_row_of(archive) >= row
    except InvalidCheckpointError:
        return False


async def replay_archived(
    root: Path,
    before: int,
    take: Callable[[Entry, int], None],
    known: Known,
    *,
    stop: Callable[[], bool],
    owned: Owned = None,
) -> None:
    """The same with rows that the journal gave up, from the row after `known.row` on, up to the journal's first one.

    Rows that are nowhere are told in the log: what hung on them is not known again.
    """
    from rabta_collector.archive.reading import older_rows  # DuckDB: only who needs it pays for it

    rows = older_rows(root, known.row, before)
    while not stop() and (chunk := await asyncio.to_thread(lambda: list(islice(rows, CHUNK)))):
        for row in chunk:
            _tell_gap(known.row, row.id)
            known.row = row.id - 1
            entry = known.note(entry_or_none(row, owned))
            if isinstance(entry, Entry):
                take(entry, row.epoch)
    if not stop():
        _tell_gap(known.row, before)


def _tell_gap(last: int, row: int) -> None:
    if row > last + 1:
        log.error("journal.gap", first=last + 1, last=row - 1, rows=row - last - 1)


def entry_or_none(row: Row, owned: Owned = None) -> Entry | Fence | None:
    """The same as `entry_of`, `None` where it cannot be read."""
    try:
        return entry_of(row, owned) if row.kind in _KINDS else None
    except ValueError:
        return None


def entry_of(row: Row, owned: Owned = None) -> Entry | Fence:
    """The entry that a row holds. Raises `ValueError` where its payload cannot be read.

    Of an agent at an ISP that somebody else decides on it only says that it measured: who is where counts for all.
    """
    at = row.at_us / 1_000_000
    if row.kind == Kind.FENCE:
        return Fence(at=at)
    role = Role(row.role)
    if row.kind != Kind.MEASURED:
        connected, left = row.kind == Kind.CONNECTED, row.kind == Kind.LEFT
        who = Presence(at=at, agent=row.agent, isp=row.isp, role=role, connected=connected, left=left)
        return replace(who, session=row.epoch, process=row.first_sequence) if row.epoch else who
    if owned is not None and role is Role.PROBE and row.isp not in owned:
        return Measured(at=at, agent=row.agent, isp=row.isp, role=role, measurements=())
    try:
        measurements = tuple(starmap(from_numbers, read_parts(row.payload)))
    except (Refused, DecodeError) as wrong:
        raise ValueError("a payload that cannot be read") from wrong
    return Measured(at=at, agent=row.agent, isp=row.isp, role=role, measurements=measurements)


async def replay(
    where: Where,
    take: Callable[[Entry, int], None],
    known: Known,
    *,
    stop: Callable[[], bool],
    progress: Progress | None = None,
    archive: Path | None = None,
    owned: Owned = None,
) -> None:
    """Calls `take` on the loop with each entry and its epoch, from the row after `known.row` on, and notes it there.

    In order, until the end or until `stop` says so. Between two chunks others run on the loop, and find all of it as of
    one row. `archive`: where rows are that the journal has no more; beside its file unless told.
    `owned`: see `entry_of`.

    The end is also where fewer than `CHUNK` rows are left, which came meanwhile: where thousands come in a second, a
    busy machine would never find none. Whoever follows the journal reads on from there.
    """
    if archive is None and isinstance(where, Path):
        archive = where.with_name("archive")
    with closing(await asyncio.to_thread(open_rows, where)) as rows:
        first, first_us = await asyncio.to_thread(rows.first_position)
        if first > known.row + 1 and archive is not None:
            await replay_archived(archive, first, take, known, stop=stop, owned=owned)
        if first > known.row + 1 and not stop():
            known.begins = first_us / 1_000_000
        while not stop():
            chunk = await asyncio.to_thread(_read, rows, known.row, owned)
            if not chunk:
                break
            for row, entry in chunk:
                known.row = row.id - 1
                if isinstance(noted := known.note(entry), Entry):
                    take(noted, row.epoch)
            if progress is not None:
                progress.come_to(known.row)
            if len(chunk) < CHUNK and await asyncio.to_thread(_left, rows, known.row) < CHUNK:
                break


def _left(rows: Rows, last: int) -> int:
    """How many there are after a row."""
    return rows.last_position()[0] - last


def _read(rows: Rows, last: int, owned: Owned) -> Sequence[tuple[Row, Entry | Fence | None]]:
    decoded: list[tuple[Row, Entry | Fence | None]] = []
    try:
        found = rows.read_after(last, CHUNK)
    except sqlite3.Error as wrong:  # it was good a moment ago: the disk, as a rule
        raise UnusableJournalError(f"the journal cannot be read after row {last}: {wrong}") from None
    for row, sound in found:
        try:
            decoded.append((row, entry_of(row, owned) if sound else None))
        except ValueError:
            decoded.append((row, None))
    return decoded
