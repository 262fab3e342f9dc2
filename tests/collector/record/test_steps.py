"""Cells are found one after the other, and what lies between is not read."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from rabta_collector.record.steps import Cell, cells

CELLS = [("jazz", ""), ("jazz", "x"), ("ptcl", "dw"), ("ptcl", "x"), ("zong", "")]


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (kind INTEGER, isp TEXT, platform TEXT, at INTEGER)")
        connection.execute("CREATE INDEX i ON t (kind, isp, platform, at)")
        fill(connection, 3)
        connection.execute("INSERT INTO t VALUES (2, 'nayatel', 'x', 0)")
        yield connection


def fill(connection: sqlite3.Connection, times: int) -> None:
    connection.executemany("INSERT INTO t VALUES (1, ?, ?, ?)", [(*cell, at) for cell in CELLS for at in range(times)])


@pytest.mark.parametrize(
    ("first", "isp", "found"),
    [
        (("", ""), None, CELLS),
        (("jazz", "x"), None, CELLS[1:]),
        (("jazz", "y"), None, CELLS[2:]),
        (("", ""), "ptcl", CELLS[2:4]),
        (("ptcl", "x"), "ptcl", CELLS[3:4]),
        (("zong", "a"), None, []),
        (("", ""), "optix", []),
    ],
)
def test_each_is_found_once(table: sqlite3.Connection, first: Cell, isp: str | None, found: list[Cell]) -> None:
    assert found == list(cells(table, "t WHERE kind = 1 AND", first=first, isp=isp))


def test_it_takes_as_long_however_much_there_is_of_each(table: sqlite3.Connection) -> None:
    def steps() -> int:
        """Of SQLite's machine."""
        counted: list[None] = []
        table.set_progress_handler(lambda: counted.append(None), 1)
        list(cells(table, "t WHERE kind = 1 AND"))
        table.set_progress_handler(None, 0)
        return len(counted)

    few = steps()
    fill(table, 1000)
    assert few == steps()
