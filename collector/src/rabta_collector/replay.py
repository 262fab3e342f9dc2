"""Reads the journal from its beginning and hands every entry on, so that what was known is known again."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from google.protobuf.message import DecodeError

from rabta_collector import journal_file
from rabta_collector.entries import Entry, Measured, Presence
from rabta_collector.journal import Member
from rabta_collector.journal_file import Kind, Row, UnusableJournalError
from rabta_proto.codec import from_message
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role

CHUNK = 200  # rows read and decoded off the loop at a time
PROGRESS_S = 2.0
log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Replayed:
    """What a replay came across. `present`: agents whose session began and did not end."""

    rows: int = 0
    measurements: int = 0
    unreadable: list[int] = field(default_factory=list)  # ids of damaged rows
    present: dict[str, Member] = field(default_factory=dict)


def entry_of(row: Row) -> Entry:
    """The entry that a row holds. Raises `ValueError` where its payload cannot be read."""
    at, role = row.at_us / 1_000_000, Role(row.role)
    if row.kind != Kind.MEASURED:
        return Presence(at=at, agent=row.agent, isp=row.isp, role=role, connected=row.kind == Kind.CONNECTED)
    try:
        batch = link.MeasurementBatch.FromString(row.payload)
    except DecodeError as wrong:
        raise ValueError("a payload that cannot be read") from wrong
    measurements = tuple(from_message(message) for message in batch.measurements)
    return Measured(at=at, agent=row.agent, isp=row.isp, role=role, measurements=measurements)


async def replay(path: Path, take: Callable[[Entry, int], None], *, stop: Callable[[], bool]) -> Replayed:
    """Calls `take` on the loop with each entry and its epoch, in order, until the end or until `stop` says so."""
    found = Replayed()
    last, reported = 0, time.monotonic()
    with closing(journal_file.connect(path)) as connection:
        while not stop():
            chunk = await asyncio.to_thread(_read, connection, last)
            if not chunk:
                break
            for row, entry in chunk:
                _note(found, row, entry)
                if entry is not None:
                    take(entry, row.epoch)
            last = chunk[-1][0].id
            if time.monotonic() - reported > PROGRESS_S:
                reported = time.monotonic()
                log.info("replay.progress", rows=found.rows, measurements=found.measurements)
    return found


def _read(connection: sqlite3.Connection, last: int) -> Sequence[tuple[Row, Entry | None]]:
    decoded: list[tuple[Row, Entry | None]] = []
    try:
        rows = journal_file.read_after(connection, last, CHUNK)
    except sqlite3.Error as wrong:  # it was good a moment ago: the disk, as a rule
        raise UnusableJournalError(f"the journal cannot be read after row {last}: {wrong}") from None
    for row, sound in rows:
        try:
            decoded.append((row, entry_of(row) if sound else None))
        except ValueError:
            decoded.append((row, None))
    return decoded


def _note(found: Replayed, row: Row, entry: Entry | None) -> None:
    found.rows += 1
    match entry:
        case None:
            found.unreadable.append(row.id)
        case Measured():
            found.measurements += len(entry.measurements)
        case Presence(connected=True):
            found.present[entry.agent] = Member(agent=entry.agent, isp=entry.isp, role=entry.role)
        case Presence():
            found.present.pop(entry.agent, None)
