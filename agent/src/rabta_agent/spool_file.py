"""The file of the spool: its format, and what is done with one that is damaged.

SQLite in WAL mode with synchronous=FULL: a transaction that returned survives a power cut. `user_version` is FORMAT.

    identity      one row: the epoch, 63 bits drawn when the file was made
    era           spans in which nobody set the wall clock: see spool_eras.py. `boot` is a start of the machine,
                  `ahead_us` how far the wall clock was ahead of the steady one; `offset_us`, `error_us` and
                  `measured_us` (by the steady clock) are the offset from the collector's clock, null until a session
                  has measured it
    measurement   what waits. `row` above zero is the sequence number within the file's own epoch, and is never used
                  twice (AUTOINCREMENT); `epoch` and `sequence` are null there. Rows below zero were saved from a
                  damaged file and keep the epoch and sequence number that they had, so that one which had been
                  delivered already is known for a duplicate. `era` is that by whose clock it was timed, or 0,
                  `ended_us` when it ended by that clock, or 0. `payload` is a serialised `rabta.v1.Measurement` without
                  epoch and sequence, `crc` its CRC-32: what is saved from a damaged file is what was measured
    counter       produced, acked, rejected, dropped: produced = acked + rejected + dropped + rows of measurement. Of
                  the dropped, dropped_old had waited for too long and dropped_damaged could not be read any more
    day           measurements and bytes by UTC day, the last DAYS
    contact       what was contacted, the last CONTACTS

Pages are of 1 kB: a commit writes every page that it touched, and most of what it changes is a few numbers in each. Of
what was taken over from format 1, which knew no eras, `era` and `ended_us` are 0.

A file that SQLite cannot read whole is moved aside as `spool.sqlite.damaged-N`, never deleted. Every measurement that
can still be read in it goes into a new file, which has a new epoch because sequence numbers may have been lost.
"""

import secrets
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from rabta_agent.words import tr

FORMAT = 2
PAGE_BYTES = 1024
DAYS = 31
CONTACTS = 5000
COUNTERS = ("produced", "acked", "rejected", "dropped", "dropped_old", "dropped_damaged")
_BUSY_MS = 5000
_MOST_WAITING = 10**7  # more than any spool holds: a counter that says so is damaged, too
_THIS_FORMAT = f"PRAGMA user_version = {FORMAT}"
_SUFFIXES = ("", "-wal", "-shm")
_NOT_THE_FILE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}

_MEASUREMENT = (
    "CREATE TABLE measurement (row INTEGER PRIMARY KEY AUTOINCREMENT, epoch INTEGER, sequence INTEGER, "
    "era INTEGER NOT NULL, ended_us INTEGER NOT NULL, payload BLOB NOT NULL, crc INTEGER NOT NULL)"
)
_ERA = (
    "CREATE TABLE era (id INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL, ahead_us INTEGER NOT NULL, "
    "offset_us INTEGER, error_us INTEGER, measured_us INTEGER)"
)
_TABLES = (
    "CREATE TABLE identity (epoch INTEGER NOT NULL)",
    _ERA,
    _MEASUREMENT,
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE day (day TEXT PRIMARY KEY, measurements INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE contact (id INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, purpose TEXT NOT NULL, "
    "peers TEXT NOT NULL, bytes_sent INTEGER NOT NULL, bytes_received INTEGER NOT NULL)",
)

_FROM_1 = (
    "ALTER TABLE measurement RENAME TO measurement_1",
    _MEASUREMENT,
    "INSERT INTO measurement SELECT row, epoch, sequence, 0, 0, payload, crc FROM measurement_1",
    "DELETE FROM sqlite_sequence WHERE name = 'measurement'",
    "UPDATE sqlite_sequence SET name = 'measurement' WHERE name = 'measurement_1'",
    "DROP TABLE measurement_1",
    _ERA,
    "INSERT INTO counter VALUES ('dropped_old', 0), ('dropped_damaged', 0)",
)

Key = tuple[int, int]  # epoch, sequence
Kept = tuple[bytes, int, int]  # payload, era, ended_us


class SpoolError(Exception):
    """The spool cannot be used; the message is one line. `damaged`: now or ever, unless it is opened anew."""

    def __init__(self, path: Path, wrong: Exception) -> None:
        super().__init__(" ".join(f"{path}: {wrong}".split()))
        self.damaged = _damaged(wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What was done with a damaged file."""

    cause: str
    moved_to: Path
    saved: int
    lost: int | None
    """How many it held besides, by its own counters; `None`: these cannot be read either."""


def open_file(path: Path) -> tuple[sqlite3.Connection, Damage | None]:
    """A connection that is ready, to a new file where there is none. Raises `SpoolError`."""
    try:
        draft = path.with_name(f"{path.name}.saved")
        if draft.exists() and not path.exists():  # stopped while it replaced a damaged file
            _put_in_place(path, draft)
        try:
            return _connect(path), None
        except sqlite3.Error as wrong:
            if not _damaged(wrong):
                raise
            cause = str(wrong)
        saved, lost = _save(path, draft)
        aside = _put_in_place(path, draft)
        return _connect(path), Damage(cause=cause, moved_to=aside, saved=saved, lost=lost)
    except (sqlite3.Error, OSError) as wrong:
        raise SpoolError(path, wrong) from None


def _damaged(wrong: Exception) -> bool:
    """Whether the file itself is to blame, and not the directory, the disk or another process."""
    if not isinstance(wrong, sqlite3.DatabaseError) or isinstance(wrong, sqlite3.NotSupportedError):
        return False
    code = getattr(wrong, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return code == sqlite3.SQLITE_IOERR_SHORT_READ or code & 0xFF not in _NOT_THE_FILE


def _connect(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a new file
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 1048576")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > FORMAT:
            raise sqlite3.NotSupportedError(
                tr("written by a newer agent (format {found}, this one knows {known})", found=found, known=FORMAT)
            )
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(" ".join(verdict.split()))
        if found == 0:
            _create(connection)
        elif found == 1:
            _take_over(connection)
        _check(connection)
        return connection
    except UnicodeDecodeError:  # the words of a damaged file, or SQLite's complaint that quotes them
        connection.close()
        raise sqlite3.DatabaseError(tr("its words are damaged")) from None
    except BaseException:
        connection.close()
        raise


def _check(connection: sqlite3.Connection) -> None:
    """What SQLite's own check does not look at: that these are our tables, and that what they hold is as it was."""
    found = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_schema")}
    counters = {name for (name,) in connection.execute("SELECT name FROM counter WHERE typeof(value) = 'integer'")}
    epochs = connection.execute("SELECT typeof(epoch) FROM identity").fetchall()
    if any(zlib.crc32(payload) != crc for payload, crc in connection.execute("SELECT payload, crc FROM measurement")):
        raise sqlite3.DatabaseError(tr("a measurement is not as it was written"))
    if not found.issuperset(_TABLES) or counters != set(COUNTERS) or epochs != [("integer",)]:
        raise sqlite3.DatabaseError("not a spool")


def _create(connection: sqlite3.Connection) -> None:
    """In one transaction: a file that was only begun is begun again."""
    connection.execute("BEGIN")
    for statement in (*_TABLES, _THIS_FORMAT):
        connection.execute(statement)
    connection.execute("INSERT INTO identity VALUES (?)", (secrets.randbits(63) | 1,))
    connection.executemany("INSERT INTO counter VALUES (?, 0)", [(name,) for name in COUNTERS])
    connection.execute("COMMIT")


def _take_over(connection: sqlite3.Connection) -> None:
    """Makes a file of format 1 one of this format, in one transaction."""
    connection.execute("BEGIN")
    for statement in (*_FROM_1, _THIS_FORMAT):
        connection.execute(statement)
    connection.execute("COMMIT")


def _save(path: Path, draft: Path) -> tuple[int, int | None]:
    """Takes what can be read of a damaged file into a new one; how many measurements that was, and how many not."""
    rows: dict[Key, Kept] = {}
    for key, kept in _readable(path):
        rows.setdefault(key, kept)
    waiting, eras = _waiting(path), _eras(path)
    lost = None if waiting is None else max(0, waiting - len(rows))
    for suffix in _SUFFIXES:
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    with closing(_connect(draft)) as connection:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO era VALUES (?, ?, ?, ?, ?, ?)", eras)
        for number, key in enumerate(sorted(rows, reverse=True), 1):
            payload, era, ended_us = rows[key]
            entry = (-number, *key, era, ended_us, payload, zlib.crc32(payload))
            connection.execute("INSERT INTO measurement VALUES (?, ?, ?, ?, ?, ?, ?)", entry)
        for name, count in (
            ("produced", len(rows) + (lost or 0)),
            ("dropped", lost or 0),
            ("dropped_damaged", lost or 0),
        ):
            connection.execute("UPDATE counter SET value = ? WHERE name = ?", (count, name))
        connection.execute("COMMIT")
    return len(rows), lost


def _put_in_place(path: Path, draft: Path) -> Path:
    """Moves a damaged file aside and the saved one to its place; can be done again where it was stopped."""
    number = 1
    while path.with_name(f"{path.name}.damaged-{number}").exists():
        number += 1
    aside = path.with_name(f"{path.name}.damaged-{number}")
    for suffix in _SUFFIXES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
    draft.replace(path)
    return aside


def _readable(path: Path) -> Iterator[tuple[Key, Kept]]:
    """Measurements from both ends of the table, up to where it breaks."""
    with suppress(sqlite3.Error), _broken(path) as broken:
        ((own,),) = broken.execute("SELECT epoch FROM identity")
        for direction, times in product(("ASC", "DESC"), ("era, ended_us", "0, 0")):  # of format 2, of format 1
            with suppress(sqlite3.Error):
                query = f"SELECT row, epoch, sequence, payload, crc, {times} FROM measurement ORDER BY row {direction}"  # noqa: S608 - constants
                for row, epoch, sequence, payload, crc, era, ended_us in broken.execute(query):
                    if isinstance(payload, bytes) and zlib.crc32(payload) == crc:
                        yield (own, row) if row > 0 else (epoch, sequence), (payload, era, ended_us)


def _waiting(path: Path) -> int | None:
    """How many measurements a damaged file held, by its counters; `None` where these cannot be read."""
    with suppress(sqlite3.Error, KeyError, TypeError), _broken(path) as broken:
        held = dict(broken.execute("SELECT name, value FROM counter"))
        waiting = held["produced"] - held["acked"] - held["rejected"] - held["dropped"]
        return waiting if isinstance(waiting, int) and 0 <= waiting <= _MOST_WAITING else None
    return None


def _eras(path: Path) -> list[tuple[object, ...]]:
    """The eras of a damaged file; without them its measurements' times stand alone."""
    with suppress(sqlite3.Error, UnicodeDecodeError), _broken(path) as broken:
        rows = broken.execute("SELECT id, boot, ahead_us, offset_us, error_us, measured_us FROM era").fetchall()
        whole = all(
            isinstance(row[1], str) and all(isinstance(n, int | None) for n in (row[0], *row[2:])) for row in rows
        )
        return rows if whole and all(None not in row[:3] for row in rows) else []
    return []


@contextmanager
def _broken(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads what it can."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("PRAGMA writable_schema = ON")  # or SQLite reads nothing of a file that lost its last pages
        yield connection
