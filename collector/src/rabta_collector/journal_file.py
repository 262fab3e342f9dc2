"""The journal's file: what was admitted, in order. Of it, and of the archive for old rows, all else can be rebuilt.

SQLite (https://sqlite.org/fileformat2.html) in WAL mode with synchronous=FULL: a commit is on disk when it returns.
One table, `entries`, only ever appended to at its end; rows go from its beginning once they are sealed in the archive.
Ids have no gaps but where damage was:

    id              position, from 1
    kind            1 measured, 2 session began, 3 session ended, 4 session ended as the agent had said it would,
                    5 nothing but that a process began to write (jetstream/journal.py; in a file, where it was copied)
    at_us           collector's clock at admission, microseconds since 1970; never falls
    agent, isp, role    as they were at admission
    epoch           of the agent's spool        first_sequence, last_sequence, count    of what the payload holds
    payload         a serialised rabta.v1.MeasurementBatch, as it came where nothing had to be left out
    crc             CRC-32 of all that but the id: SQLite does not notice a changed byte, this does

A damaged file is moved aside, whole, and whatever can be read of it goes into a new one.
"""

import sqlite3
from collections.abc import Container, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from zlib import crc32

from rabta_collector.transaction import transaction

APPLICATION_ID = 0x52424A31  # "RBJ1"
FORMAT = 1
BLIND_IDS = 10_000  # how far to look behind damage where the last id cannot be read
MOST_IDS = 100_000_000  # and where it can be, but may be damaged itself
COLUMNS = "id, kind, at_us, agent, isp, role, epoch, first_sequence, last_sequence, count, payload, crc"
INSERT = f"INSERT INTO entries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, at_us INTEGER NOT NULL, agent TEXT NOT NULL, isp TEXT NOT NULL,
    role TEXT NOT NULL, epoch INTEGER NOT NULL, first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL,
    count INTEGER NOT NULL, payload BLOB NOT NULL, crc INTEGER NOT NULL
) STRICT
"""


class Kind(IntEnum):
    """What a row holds."""

    MEASURED = 1
    CONNECTED = 2
    DISCONNECTED = 3
    LEFT = 4  # disconnected, as the agent had said it would, or because the process that held its session is gone
    FENCE = 5  # a process began to write, and none that wrote before it can any more


@dataclass(frozen=True, slots=True)
class Row:
    """One row, in the order of its columns."""

    id: int
    kind: int
    at_us: int
    agent: str
    isp: str
    role: str
    epoch: int = 0
    first_sequence: int = 0
    last_sequence: int = 0
    count: int = 0
    payload: bytes = b""

    def at_id(self, id_: int) -> tuple[object, ...]:
        """Values of every column, at a position of the file."""
        return (id_, *self._words(), self.payload, self.checksum())

    def matches(self, crc: int) -> bool:
        """Whether this is what was written with that checksum. Raises `TypeError` for a payload of another type."""
        return self.checksum() == crc

    def checksum(self) -> int:
        """CRC-32 of all but the id."""
        return crc32(self.payload, crc32("\x1f".join(map(str, self._words())).encode()))

    def _words(self) -> tuple[object, ...]:
        return (
            self.kind,
            self.at_us,
            self.agent,
            self.isp,
            self.role,
            self.epoch,
            self.first_sequence,
            self.last_sequence,
            self.count,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """What became of a damaged file; `lost` is the least number of rows that could not be read."""

    moved_to: Path
    kept: int
    lost: int


class UnusableJournalError(RuntimeError):
    """The file is not ours to use; the message is one line for the operator."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection that commits to disk, or not at all."""
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    connection.text_factory = lambda text: text.decode(errors="replace")  # damage shows in the checksum
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def prepare(path: Path, *, after: int = 0) -> Salvage | None:
    """Makes the file ready: created, or checked page by page, and replaced by what can be read of it where damaged.

    `after`: a row up to which nothing will be read of it; then only the rows behind are read to check it, since a check
    of ten million measurements takes minutes.

    Raises `UnusableJournalError` for another program's file, a newer format, or a file that cannot be opened.
    """
    draft = path.with_name(path.name + ".salvage")
    if not path.exists() and draft.exists():
        draft.replace(path)  # we were stopped between the two renames of `_salvage`
    try:
        with closing(connect(path)) as connection:
            _check_owner(connection, path)
            if _is_whole(connection, after):
                _create(connection)
                return None
    except sqlite3.OperationalError as wrong:
        if "malformed" not in str(wrong) and "disk I/O" not in str(wrong):
            raise UnusableJournalError(f"{path}: {wrong}") from None
    except sqlite3.DatabaseError:
        pass  # not a database, or malformed
    try:
        return _salvage(path, draft)
    except (sqlite3.Error, OSError) as wrong:
        raise UnusableJournalError(f"{path}: damaged, and what can be read of it cannot be kept: {wrong}") from None


def _is_whole(connection: sqlite3.Connection, after: int) -> bool:
    """Raises `sqlite3.DatabaseError` where it cannot be read."""
    if not after:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    for _ in _select(connection, "WHERE id >= ? ORDER BY id", after):
        pass
    return True


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if owner != APPLICATION_ID and (owner or tables):
        raise UnusableJournalError(f"{path}: not a journal of Rabta")
    if (format_ := connection.execute("PRAGMA user_version").fetchone()[0]) > FORMAT:
        raise UnusableJournalError(f"{path}: written by a newer Rabta (format {format_}, this one reads {FORMAT})")


def _create(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        connection.execute(SCHEMA)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={FORMAT}")


def _salvage(path: Path, draft: Path) -> Salvage:
    """Copies what can be read into a draft, then swaps; a stop at any moment leaves the one or the other."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    kept = first = last = 0
    with closing(connect(draft)) as copy:
        _create(copy)
        copy.execute("BEGIN")
        for row in _readable(path):
            kept, last = kept + 1, max(last, row.id)
            first = first or row.id
            copy.execute(INSERT, row.at_id(row.id))
        copy.execute("COMMIT")
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = path.with_name(f"{path.stem}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}{path.suffix}")
    for suffix in ("-wal", "-shm"):
        if (companion := path.with_name(path.name + suffix)).exists():
            companion.replace(aside.with_name(aside.name + suffix))
    path.replace(aside)
    draft.replace(path)
    return Salvage(moved_to=aside, kept=kept, lost=last - max(0, first - 1) - kept)


def _readable(path: Path) -> Iterator[Row]:
    """Every row that can be read: in order up to the damage, then one by one behind it."""
    last = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as damaged:
        damaged.text_factory = lambda text: text.decode(errors="replace")
        try:
            damaged.execute("PRAGMA writable_schema=ON")  # or SQLite reads nothing of a file that is too short
            for row, sound in _select(damaged, "WHERE id > ? ORDER BY id", 0):
                if sound:  # a damaged one may bear any number
                    last = row.id
                    yield row
            return
        except sqlite3.DatabaseError:
            pass
        for number in range(last + 1, _last_id(damaged, last) + 1):
            try:
                yield from (row for row, sound in _select(damaged, "WHERE id = ?", number) if sound)
            except sqlite3.DatabaseError:
                continue


def _last_id(damaged: sqlite3.Connection, good: int) -> int:
    """The last id that there may be, given the last one that was read."""
    try:
        found = damaged.execute("SELECT id FROM entries ORDER BY id DESC LIMIT 1").fetchone()
    except sqlite3.DatabaseError:
        found = None
    return good + BLIND_IDS if found is None else min(int(found[0]), good + MOST_IDS)


def _select(connection: sqlite3.Connection, where: str, *parameters: int) -> Iterator[tuple[Row, bool]]:
    """Rows, each with whether it is what was written."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM entries {where}", parameters)  # noqa: S608 - constants
    for *values, crc in rows:
        row = Row(*values)
        try:
            sound = row.matches(crc)
        except TypeError:
            sound = False
        yield row, sound


def read_after(connection: sqlite3.Connection, id_: int, limit: int) -> Sequence[tuple[Row, bool]]:
    """The next rows, at most so many, each with whether it is what was written."""
    return tuple(_select(connection, "WHERE id > ? ORDER BY id LIMIT ?", id_, limit))


def last_position(connection: sqlite3.Connection) -> tuple[int, int]:
    """Id and `at_us` of the last row; zeros in an empty journal."""
    found = connection.execute("SELECT id, at_us FROM entries ORDER BY id DESC LIMIT 1").fetchone()
    return (0, 0) if found is None else (int(found[0]), int(found[1]))


def first_position(connection: sqlite3.Connection) -> tuple[int, int]:
    """Id and `at_us` of the first row; zeros in an empty journal."""
    found = connection.execute("SELECT id, at_us FROM entries ORDER BY id LIMIT 1").fetchone()
    return (0, 0) if found is None else (int(found[0]), int(found[1]))


def marks_of(connection: sqlite3.Connection, id_: int) -> tuple[int, int] | None:
    """What tells a row from any other: its `at_us` and its checksum; `None` where there is no such row."""
    found = connection.execute("SELECT at_us, crc FROM entries WHERE id = ?", (id_,)).fetchone()
    return None if found is None else (int(found[0]), int(found[1]))


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold anything; room that was given up is used again, and the file does not shrink."""
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in names)
    return (pages - free) * size


def row_at(connection: sqlite3.Connection, at_us: int) -> int:
    """Id of the first row that was admitted at a moment or later; one beyond the last where there is none."""
    low, high = first_position(connection)[0], last_position(connection)[0] + 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute("SELECT at_us FROM entries WHERE id >= ? ORDER BY id LIMIT 1", (middle,)).fetchone()
        if found is not None and found[0] < at_us:
            low = middle + 1
        else:
            high = middle
    return low


def trim(connection: sqlite3.Connection, up_to: int, most: int) -> bool:
    """Deletes rows up to an id, oldest first, never the last one; whether there are more. Raises `sqlite3.Error`."""
    first, last = first_position(connection)[0], last_position(connection)[0]
    end = min(up_to, last - 1, first + most - 1)
    if end < first:
        return False
    connection.execute("DELETE FROM entries WHERE id <= ?", (end,))
    return end < min(up_to, last - 1)


def append(connection: sqlite3.Connection, after: int, rows: Sequence[Row], damaged: Container[int] = ()) -> None:
    """Appends rows after a position: on disk when this returns, and none of them where it raises `sqlite3.Error`.

    `damaged`: ids of rows of a copy that were not what had been written, and are not to look so.
    """
    values = [row.at_id(after + number) for number, row in enumerate(rows, 1)]
    if damaged:
        values = [(*one[:-1], int(str(one[-1])) ^ 1) if one[0] in damaged else one for one in values]
    with transaction(connection):
        connection.executemany(INSERT, values)
