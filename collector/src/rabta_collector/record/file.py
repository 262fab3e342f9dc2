"""The record's file: SQLite in WAL mode with synchronous=FULL, written by the collector that serves, read by anybody.

    events      what was decided, in the order in which it was written down; rows are only ever added
        id              position, from 1 without gaps
        at_us           when it was decided, microseconds since 1970
        isp, platform   of what; platform is empty where it is the ISP's own state
        from_state, to_state, mechanism, detected_after_us      what changed; mechanism is empty for none
        written_us      when it was written down
        digest          SHA-256 of its line, which the next line names
        line            the line of lines.py, deflated (RFC 1950)
        number          the event's number in the API; another one after a replay by other rules
        standing        1, or 0 once a replay by other rules did not come to this event again

Counts of measurements are in it, too (counts.py), and `spans` that late measurements made of the past, once nothing can
correct them any more (history/spans.py, backfill.py). What is read of it: reading.py.

What a replay comes to again is not written again; what it comes to for the first time is written after the rest, so
that the record keeps what was said at the time, and what was said of it later.
"""

import sqlite3
import zlib
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from rabta_collector.history.spans import SCHEMA as SPANS
from rabta_collector.record.counts import SCHEMA as COUNTS
from rabta_collector.record.lines import NOTHING_BEFORE, Row, write_line
from rabta_collector.record.reading import WAIT_S, RecordReader, microseconds
from rabta_collector.state import Event
from rabta_collector.transaction import transaction
from rabta_collector.verdict.rules import RULES_VERSION

APPLICATION_ID = 0x52424531  # "RBE1"
FORMAT = 1
SCHEMA = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, isp TEXT NOT NULL, platform TEXT NOT NULL,
    from_state TEXT NOT NULL, to_state TEXT NOT NULL, mechanism TEXT NOT NULL, detected_after_us INTEGER,
    written_us INTEGER NOT NULL, digest TEXT NOT NULL, line BLOB NOT NULL,
    number INTEGER NOT NULL, standing INTEGER NOT NULL DEFAULT 1,
    UNIQUE (at_us, isp, platform, from_state, to_state, mechanism)
) STRICT;
CREATE INDEX events_by_number ON events (number, standing);
CREATE INDEX events_by_writing ON events (written_us);
"""
BY_CELL = "CREATE INDEX IF NOT EXISTS events_by_cell ON events (isp, platform, at_us)"
_SAME = "at_us = ? AND isp = ? AND platform = ? AND from_state = ? AND to_state = ? AND mechanism = ?"


class UnusableRecordError(RuntimeError):
    """The file cannot be used; the message is one line for the operator."""


class RecordFile(RecordReader):
    """The connection that writes; not to be used from two threads at once."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file. Raises `UnusableRecordError`."""
        self.path = path
        try:
            self.connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
            self._prepare()
            self._known_to = microseconds(self.last_decided())
        except sqlite3.Error as wrong:
            raise UnusableRecordError(f"{path}: {wrong}; move it away, and it is made anew of the journal") from None

    def _prepare(self) -> None:
        owner = self.connection.execute("PRAGMA application_id").fetchone()[0]
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        tables = self.connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if owner != APPLICATION_ID and (owner or tables):
            raise UnusableRecordError(f"{self.path}: not a record of Rabta")
        if version > FORMAT:
            raise UnusableRecordError(f"{self.path}: written by a newer Rabta (format {version}, not {FORMAT})")
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        if owner != APPLICATION_ID:
            self._lay_out(SCHEMA, f"PRAGMA application_id={APPLICATION_ID}", f"PRAGMA user_version={FORMAT}")
        self._lay_out(COUNTS, SPANS, BY_CELL)

    def _lay_out(self, *statements: str) -> None:
        with self.transaction():
            for statement in filter(str.strip, ";".join(statements).split(";")):
                self.connection.execute(statement)

    def close(self) -> None:
        self.connection.close()

    def transaction(self) -> AbstractContextManager[None]:
        """All of it on disk in the end, or nothing."""
        return transaction(self.connection)

    def begin_anew(self, since: float) -> None:
        """Before a replay from a moment on: what it does not come to again stands no more."""
        self.connection.execute("UPDATE events SET standing = 0 WHERE at_us >= ?", (microseconds(since),))

    def stands(self, event: Event) -> bool:
        """Whether an event was written down before; then it stands, under the number that it has now."""
        done = self.connection.execute(
            f"UPDATE events SET number = ?, standing = 1 WHERE {_SAME}",  # noqa: S608 - constants
            (event.id, *_identity(event)),
        )
        return done.rowcount > 0

    def line_of(self, event: Event) -> int | None:
        """The line that an event was written down in, whether it stands or not."""
        found = self.connection.execute(f"SELECT id FROM events WHERE {_SAME}", _identity(event)).fetchone()  # noqa: S608
        return None if found is None else int(found[0])

    def append(self, event: Event, evidence: Row | None, written: float) -> None:
        """Writes an event down; to be called within a transaction, with an event that does not stand there yet."""
        self.take(
            replace(event, revised=True) if microseconds(event.at) <= self._known_to else event, evidence, written
        )

    def take(self, event: Event, evidence: Row | None, written: float, *, rules_version: int = RULES_VERSION) -> None:
        """The same with an event that another process has decided, by what rules it says; it is as it was told."""
        last = self.connection.execute("SELECT id, digest FROM events ORDER BY id DESC LIMIT 1").fetchone()
        number, previous = (1, NOTHING_BEFORE) if last is None else (last[0] + 1, last[1])
        line = write_line(number, previous, written, event, evidence, rules_version=rules_version)
        took = event.detected_after_seconds
        self.connection.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            (
                number,
                *_identity(event),
                None if took is None else microseconds(took),
                microseconds(written),
                line.digest,
                zlib.compress(line.text, 6),
                event.id,
            ),
        )


def _identity(event: Event) -> tuple[object, ...]:
    """What tells an event from any other."""
    return (
        microseconds(event.at),
        event.isp,
        event.platform or "",
        str(event.from_state),
        str(event.to_state),
        "" if event.mechanism is None else str(event.mechanism),
    )
