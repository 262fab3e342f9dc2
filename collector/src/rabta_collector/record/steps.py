"""From one cell to the next through a table of the record, without its rows in between.

SQLite finds the first row beyond a pair of columns by the first of them alone (`(isp, platform) > (?, ?)` reads all
rows of the ISP), and `DISTINCT` reads the whole index: what years have added would be read for each question.
"""

import sqlite3
from collections.abc import Iterator

Cell = tuple[str, str]


def cells(
    connection: sqlite3.Connection, rows: str, *, first: Cell = ("", ""), isp: str | None = None
) -> Iterator[Cell]:
    """ISPs and platforms that there is anything of, in order; an index has to begin with them, or after what is fixed.

    `rows`: a table and its condition, as constants, up to where another one can follow (`events WHERE`). `first`: the
    one to begin with, or with what follows it; `isp`: of this one alone.
    """
    here = f"SELECT isp, platform FROM {rows} isp = ? AND platform {{}} ? ORDER BY platform LIMIT 1"  # noqa: S608
    beyond = f"SELECT isp, platform FROM {rows} isp > ? ORDER BY isp, platform LIMIT 1"  # noqa: S608 - constants

    def find(how: str, cell: Cell) -> Cell | None:
        found: Cell | None = connection.execute(here.format(how), cell).fetchone()
        return found or connection.execute(beyond, cell[:1]).fetchone()

    cell = find(">=", max(first, (isp or "", "")))
    while cell is not None and isp in (None, cell[0]):
        yield cell
        cell = find(">", cell)
