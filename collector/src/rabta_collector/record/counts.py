"""Counts by minute, hour and day, in the record's file; they are added to as measurements come, however late.

counts      width (seconds: 60, 3600, 86400), isp, platform, at (its beginning, Unix seconds);
            ok, blocked, throttled, down, inconclusive: measurements by what was found of them;
            voices: four bytes for each agent that measured, a digest with a key that is drawn for this file
facts       `counted_to`: the journal's row up to which measurements are counted; `voices_key`
"""

import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from math import inf
from pathlib import Path

from rabta_collector.record.rollup import JUDGEMENTS, Count, Minute
from rabta_collector.record.steps import cells

WIDTHS = {"minute": 60, "hour": 3600, "day": 86_400}
VOICE_BYTES = 4
WAIT_S = 10
_FOUND = ", ".join(JUDGEMENTS)
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS counts (
    width INTEGER NOT NULL, isp TEXT NOT NULL, platform TEXT NOT NULL, at INTEGER NOT NULL,
    {", ".join(f"{name} INTEGER NOT NULL" for name in JUDGEMENTS)}, voices BLOB NOT NULL,
    PRIMARY KEY (width, isp, platform, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT
"""
_ADD = (
    f"INSERT INTO counts VALUES (?, ?, ?, ?, {', '.join('?' * len(JUDGEMENTS))}, ?) ON CONFLICT DO UPDATE SET "  # noqa: S608 - constants
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in JUDGEMENTS)
    + ", voices = excluded.voices"
)
Cell = tuple[int, str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Measurements of a cell within a span of time that begins at `at` (Unix seconds), and agents that made them."""

    at: int
    isp: str
    platform: str
    found: Mapping[str, int]
    agents: int


def counted_to(connection: sqlite3.Connection) -> int:
    """The journal's row up to which measurements are counted."""
    return int(_fact(connection, "counted_to") or 0)


def add_counts(connection: sqlite3.Connection, counts: Mapping[Minute, Count], row: int) -> None:
    """Adds what was counted up to a row of the journal; to be called within a transaction."""
    key = bytes.fromhex(_fact(connection, "voices_key") or _keep(connection, "voices_key", secrets.token_hex(16)))
    summed: dict[Cell, tuple[list[int], set[bytes]]] = {}
    for (minute, isp, platform), count in counts.items():
        voices = {blake2b(agent.encode(), digest_size=VOICE_BYTES, key=key).digest() for agent in count.agents}
        for width in WIDTHS.values():
            found, known = summed.setdefault(
                (width, isp, platform, minute // width * width), ([0] * len(JUDGEMENTS), set())
            )
            found[:] = map(sum, zip(found, count.found, strict=True))
            known |= voices
    connection.executemany(
        _ADD, [(*cell, *found, _join(known | _voices(connection, cell))) for cell, (found, known) in summed.items()]
    )
    _keep(connection, "counted_to", str(row))


def forget_counts(connection: sqlite3.Connection) -> None:
    """Before all of the journal is counted anew; to be called within a transaction."""
    connection.execute("DELETE FROM counts")
    _keep(connection, "counted_to", "0")


def forget_minutes(connection: sqlite3.Connection, before: float) -> None:
    """Counts by minute from before a moment go; those by hour and day stay."""
    connection.execute("DELETE FROM counts WHERE width = 60 AND at < ?", (before,))


def read_counts(
    path: Path,
    *,
    width: int,
    isp: str | None,
    platform: str | None,
    window: tuple[float | None, float | None],
    after: tuple[str, str, int] | None,
    most: int,
) -> tuple[Counted, ...]:
    """Counts that begin within a half-open window, by ISP, platform and time; at most so many, after a place.

    Cell by cell, so that of each no more is read than is wanted: years of the others are stepped over.
    """
    query = (
        f"SELECT at, isp, platform, voices, {_FOUND} FROM counts WHERE width = ? AND isp = ? AND platform = ?"  # noqa: S608 - constants
        " AND at >= ? AND at < ? ORDER BY at LIMIT ?"
    )
    since, until = -inf if window[0] is None else window[0], inf if window[1] is None else window[1]
    found: list[Counted] = []
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=WAIT_S)) as connection:
        first = ("", "") if after is None else after[:2]
        for cell in cells(connection, f"counts WHERE width = {width} AND", first=first, isp=isp):
            if platform not in (None, cell[1]):
                continue
            begin = max(since, after[2] + 1) if after is not None and cell == after[:2] else since
            found += map(_read, connection.execute(query, (width, *cell, begin, until, most - len(found))))
            if len(found) >= most:
                break
    return tuple(found)


def _read(row: Sequence[object]) -> Counted:
    at, isp, platform, voices, *found = row
    assert isinstance(voices, bytes)
    return Counted(
        at=int(str(at)),
        isp=str(isp),
        platform=str(platform),
        found={str(name): int(str(count)) for name, count in zip(JUDGEMENTS, found, strict=True)},
        agents=len(voices) // VOICE_BYTES,
    )


def _voices(connection: sqlite3.Connection, cell: Cell) -> set[bytes]:
    query = "SELECT voices FROM counts WHERE width = ? AND isp = ? AND platform = ? AND at = ?"
    found = connection.execute(query, cell).fetchone()
    known = b"" if found is None else found[0]
    return {known[start : start + VOICE_BYTES] for start in range(0, len(known), VOICE_BYTES)}


def _join(voices: Iterable[bytes]) -> bytes:
    return b"".join(sorted(voices))


def _fact(connection: sqlite3.Connection, key: str) -> str | None:
    found = connection.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
    return None if found is None else str(found[0])


def _keep(connection: sqlite3.Connection, key: str, value: str) -> str:
    connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))
    return value
