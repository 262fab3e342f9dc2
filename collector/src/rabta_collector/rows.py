"""Reading a journal, whatever it is kept in: blocking calls, of one thread at a time.

A row is named by its id, which only grows; the first ones may be gone, for the archive has them.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from rabta_collector import journal_file
from rabta_collector.config import Config
from rabta_collector.jetstream.place import SCHEMES, Place, parse_place
from rabta_collector.journal_file import APPLICATION_ID, Row

Where = Path | Place
"""A journal's file, or its stream."""


class UnreadableJournalError(RuntimeError):
    """The journal cannot be read; the message is one line for the operator."""


class Rows(Protocol):
    """A journal to be read. Each call raises `sqlite3.Error` or `UnusableJournalError` where it cannot be read."""

    def read_after(self, id_: int, limit: int) -> Sequence[tuple[Row, bool]]:
        """The next rows, at most so many, each with whether it is what was written; none at the end."""
        ...

    def first_position(self) -> tuple[int, int]:
        """Id and `at_us` of the first row; zeros in an empty journal."""
        ...

    def last_position(self) -> tuple[int, int]:
        """Id and `at_us` of the last row; zeros in an empty journal."""
        ...

    def marks_of(self, id_: int) -> tuple[int, int] | None:
        """What tells a row from any other: its `at_us` and its checksum; `None` where there is no such row."""
        ...

    def row_at(self, at_us: int) -> int:
        """Id of the first row admitted at a moment or later; one beyond the last where there is none."""
        ...

    def used_bytes(self) -> int:
        """Bytes that hold anything."""
        ...

    def marks(self) -> Iterable[tuple[str, bytes]]:
        """Agents, each with what of its measurements the journal held and gave up (`sequences.Seen.pack`)."""
        ...

    def close(self) -> None: ...


class FileRows:
    """The rows of a file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Closes the connection in the end."""
        self._connection = connection

    def read_after(self, id_: int, limit: int) -> Sequence[tuple[Row, bool]]:
        return journal_file.read_after(self._connection, id_, limit)

    def first_position(self) -> tuple[int, int]:
        return journal_file.first_position(self._connection)

    def last_position(self) -> tuple[int, int]:
        return journal_file.last_position(self._connection)

    def marks_of(self, id_: int) -> tuple[int, int] | None:
        return journal_file.marks_of(self._connection, id_)

    def row_at(self, at_us: int) -> int:
        return journal_file.row_at(self._connection, at_us)

    def used_bytes(self) -> int:
        return journal_file.used_bytes(self._connection)

    def marks(self) -> Iterable[tuple[str, bytes]]:
        return ()  # they are in the checkpoint and in the archive, in the same folder as the file

    def close(self) -> None:
        self._connection.close()


def open_rows(where: Where) -> Rows:
    """A journal to be read by the collector itself. Raises `UnusableJournalError`, `sqlite3.Error`."""
    if isinstance(where, Path):
        return FileRows(journal_file.connect(where))
    from rabta_collector.jetstream.rows import StreamRows  # the extra `[nats]`

    return StreamRows(where)


def open_to_read(where: Where) -> Rows:
    """A journal to be read beside the collector: nothing is ever written. Raises `UnreadableJournalError`."""
    if not isinstance(where, Path):
        return open_rows(where)
    if not where.exists():
        raise UnreadableJournalError(f"{where}: no such journal; see --data")
    try:
        connection = sqlite3.connect(f"{where.resolve().as_uri()}?mode=ro", uri=True, timeout=10, isolation_level=None)
        connection.text_factory = lambda text: text.decode(errors="replace")  # damage shows in the checksum
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
    except sqlite3.Error as wrong:
        raise UnreadableJournalError(f"{where}: the journal cannot be read: {wrong}") from None
    if owner != APPLICATION_ID:
        connection.close()
        raise UnreadableJournalError(f"{where}: not a journal of Rabta")
    return FileRows(connection)


def where_of(config: Config) -> Where:
    """Where the journal of a configuration is."""
    return parse_place(config.journal) if config.journal.startswith(SCHEMES) else config.data / "journal.sqlite"


def last_before(rows: Rows, at_us: int) -> int:
    """Id of the last row that was admitted before a moment; `at_us` never falls."""
    return rows.row_at(at_us) - 1
