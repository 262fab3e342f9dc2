"""All of it or nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector.transaction import transaction


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "file.sqlite", isolation_level=None)) as opened:
        opened.execute("CREATE TABLE numbers (n INTEGER UNIQUE)")
        yield opened


def kept(connection: sqlite3.Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT n FROM numbers ORDER BY n")]


def test_what_was_done_within_is_kept(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        connection.execute("INSERT INTO numbers VALUES (1)")
    assert [1] == kept(connection)
    assert not connection.in_transaction


def test_nothing_is_kept_where_anything_goes_wrong(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError), transaction(connection):
        connection.executemany("INSERT INTO numbers VALUES (?)", [(1,), (1,)])
    assert kept(connection) == []
    assert not connection.in_transaction


def test_what_went_wrong_is_said_where_that_ended_the_transaction(connection: sqlite3.Connection) -> None:
    """As some errors of SQLite's do: a second ROLLBACK would hide the first error by another."""
    connection.execute("INSERT INTO numbers VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"), transaction(connection):
        connection.execute("INSERT OR ROLLBACK INTO numbers VALUES (1)")
    assert [1] == kept(connection)


def test_nobody_else_writes_in_between(connection: sqlite3.Connection, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "file.sqlite", isolation_level=None, timeout=0)) as other:
        with transaction(connection), pytest.raises(sqlite3.OperationalError, match="locked"), transaction(other):
            raise AssertionError("both were let in")
        with transaction(other):
            other.execute("INSERT INTO numbers VALUES (2)")
    assert [2] == kept(connection)
