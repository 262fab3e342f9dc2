"""The history's file: what others measured, as it was imported, for ever; and what was made of it.

SQLite in WAL mode with synchronous=FULL, so that `ooni import` writes beside a running collector that reads. One table
is only ever appended to, and everything else is rebuilt from it:

    measurements
        id              position, from 1
        began_us        when it began, microseconds since 1970
        source          who published it: `ooni`, or `rabta` for what was exported (exported.py)
        asn             of the network that it was measured in; 0 where an ISP is named in its place
        uid             digest of the publisher's own identifier; null where it has none
        content         digest of what was published; no two rows have the same, nor the same uid
        controls        how many of the payload's measurements are controls; they follow the first, which is the
                        probe's, and references follow them
        aside           JSON of what else it is judged by, or empty: fingerprints that matched, networks of addresses
        payload         a serialised rabta.v1.MeasurementBatch, deflated (RFC 1950)
        crc             CRC-32 of all that but the id

    findings   of each measurement that has a place here: ISP, platform, site, judgement, mechanism, rule
    changed    cells (ISP and platform) whose spans have to be made anew
    spans      what was made of the findings (fold.py)
    facts      `places`: those of the collector that serves from here; `made_by`: what findings were made with
"""

import sqlite3
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from rabta_collector.history.fold import Found, PastSpan
from rabta_collector.history.spans import SCHEMA as SPANS
from rabta_collector.history.spans import write_spans
from rabta_collector.transaction import transaction
from rabta_proto.vocabulary import Judgement, Mechanism

APPLICATION_ID = 0x52424831  # "RBH1"
FORMAT = 1
CHUNK = 500
WAIT_S = 30  # for another process that writes
SCHEMA = """
CREATE TABLE IF NOT EXISTS measurements (
    id INTEGER PRIMARY KEY, began_us INTEGER NOT NULL, source TEXT NOT NULL, asn INTEGER NOT NULL, uid BLOB UNIQUE,
    content BLOB NOT NULL UNIQUE, controls INTEGER NOT NULL, aside TEXT NOT NULL, payload BLOB NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS findings (
    id INTEGER PRIMARY KEY, isp TEXT NOT NULL, platform TEXT NOT NULL, began_us INTEGER NOT NULL, site TEXT NOT NULL,
    judgement TEXT NOT NULL, mechanism TEXT, rule TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS findings_of_cell ON findings (isp, platform, began_us, site, judgement, rule);
CREATE TABLE IF NOT EXISTS changed (isp TEXT NOT NULL, platform TEXT NOT NULL, PRIMARY KEY (isp, platform)) STRICT;
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
_MEASURED = "began_us, source, asn, uid, content, controls, aside, payload, crc"
_INSERT = f"INSERT OR IGNORE INTO measurements ({_MEASURED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_SELECT = f"SELECT id, {_MEASURED} FROM measurements WHERE id > ? ORDER BY id LIMIT {CHUNK}"  # noqa: S608 - constants

Cell = tuple[str, str]
"""ISP and platform."""


class UnusableHistoryError(RuntimeError):
    """The file cannot be used; the message is one line for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One measurement as it was imported; `aside` as in the table."""

    began_us: int
    asn: int
    uid: bytes | None
    content: bytes
    controls: int
    payload: bytes
    aside: str = ""
    source: str = "ooni"

    @property
    def checksum(self) -> int:
        words = (self.began_us, self.source, self.asn, self.controls, self.aside)
        ends = (self.uid or b"") + self.content + self.payload
        return crc32(ends, crc32("\x1f".join(map(str, words)).encode()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A finding and where it belongs."""

    isp: str
    platform: str
    found: Found

    @property
    def cell(self) -> Cell:
        return self.isp, self.platform


class HistoryFile:
    """One connection to the file; not to be used from two threads at once."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file. Raises `UnusableHistoryError`."""
        with naming(path):
            self._connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
            self._prepare(path)
        self.path = path

    def _prepare(self, path: Path) -> None:
        owner = self._connection.execute("PRAGMA application_id").fetchone()[0]
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        tables = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if owner != APPLICATION_ID and (owner or tables):
            raise UnusableHistoryError(f"{path}: not a history of Rabta")
        if version > FORMAT:
            raise UnusableHistoryError(f"{path}: written by a newer Rabta (format {version}, this one reads {FORMAT})")
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        if owner == APPLICATION_ID:
            return
        with self.transaction():
            for statement in filter(str.strip, (SCHEMA + SPANS).split(";")):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version={FORMAT}")

    def close(self) -> None:
        self._connection.close()

    def transaction(self) -> AbstractContextManager[None]:
        """All of it on disk in the end, or nothing."""
        return transaction(self._connection)

    # What was published

    def holds(self, uid: bytes | None, content: bytes) -> bool:
        """Whether a measurement was imported before."""
        query = (
            "SELECT 1 FROM measurements WHERE uid = ? UNION ALL SELECT 1 FROM measurements WHERE content = ? LIMIT 1"
        )
        return self._connection.execute(query, (uid, content)).fetchone() is not None

    def append(self, pairs: Iterable[tuple[Published, Placed]]) -> int:
        """Keeps measurements with their findings; returns how many of them were new."""
        new = 0
        with self.transaction():
            for published, placed in pairs:
                row = (
                    published.began_us,
                    published.source,
                    published.asn,
                    published.uid,
                    published.content,
                    published.controls,
                    published.aside,
                    published.payload,
                    published.checksum,
                )
                done = self._connection.execute(_INSERT, row)
                if done.rowcount == 1 and done.lastrowid is not None:
                    new += 1
                    self._place(done.lastrowid, placed)
        return new

    def published_after(self, id_: int) -> Sequence[tuple[int, Published, bool]]:
        """The next rows with their ids, and whether each is what was written."""
        return [_read_published(row) for row in self._connection.execute(_SELECT, (id_,))]

    def last_id(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM measurements").fetchone()[0])

    # Findings

    def place(self, pairs: Iterable[tuple[int, Placed | None]]) -> None:
        """Findings of measurements, by id, in place of those that stood; `None`: none any more."""
        with self.transaction():
            for id_, placed in pairs:
                if placed is None:
                    self._connection.execute("DELETE FROM findings WHERE id = ?", (id_,))
                else:
                    self._place(id_, placed)

    def mark_all_changed(self) -> None:
        """Has the spans of all cells made anew, of those too that lost their findings."""
        for table in ("findings", "spans"):
            cells = f"SELECT DISTINCT isp, platform FROM {table}"  # noqa: S608 - constants
            self._connection.execute(f"INSERT OR IGNORE INTO changed {cells}")

    def forget_cells(self, platforms: Container[str]) -> None:
        """Forgets spans of platforms that are none any more."""
        for isp, platform in self.changed():
            if platform not in platforms:
                with self.transaction():
                    self.replace_spans((isp, platform), ())

    def _place(self, id_: int, placed: Placed) -> None:
        found = placed.found
        self._connection.execute(
            "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                id_,
                placed.isp,
                placed.platform,
                round(found.started * 1_000_000),
                found.site,
                str(found.judgement),
                None if found.mechanism is None else str(found.mechanism),
                found.rule,
            ),
        )
        self._connection.execute("INSERT OR IGNORE INTO changed VALUES (?, ?)", placed.cell)

    def changed(self) -> list[Cell]:
        """Cells whose spans are not of all their findings."""
        return [(str(isp), str(platform)) for isp, platform in self._connection.execute("SELECT * FROM changed")]

    def findings(self, cell: Cell) -> Iterator[Found]:
        """Findings of a cell, oldest first, in an order that does not hang on when they were imported."""
        rows = self._connection.execute(
            "SELECT began_us, site, judgement, mechanism, rule FROM findings WHERE isp = ? AND platform = ?"
            " ORDER BY began_us, site, judgement, rule, mechanism",
            cell,
        )
        for began_us, site, judgement, mechanism, rule in rows:
            yield Found(
                started=began_us / 1_000_000,
                site=site,
                judgement=Judgement(judgement),
                mechanism=None if mechanism is None else Mechanism(mechanism),
                rule=rule,
            )

    # Spans

    def replace_spans(self, cell: Cell, spans: Iterable[PastSpan]) -> None:
        """Takes the place of a cell's spans; to be called within a transaction."""
        self._connection.execute("DELETE FROM spans WHERE isp = ? AND platform = ?", cell)
        write_spans(self._connection, *cell, spans)
        self._connection.execute("DELETE FROM changed WHERE isp = ? AND platform = ?", cell)

    # Facts

    def fact(self, key: str) -> str | None:
        found = self._connection.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def keep_fact(self, key: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Around all that is done with the file: SQLite's errors become `UnusableHistoryError` with its name."""
    try:
        yield
    except sqlite3.Error as wrong:
        raise UnusableHistoryError(f"{path}: {wrong}") from None


def _read_published(row: Sequence[object]) -> tuple[int, Published, bool]:
    id_, began_us, source, asn, uid, content, controls, aside, payload, crc = row
    published = Published(  # types are the table's, which is STRICT
        began_us=began_us,  # type: ignore[arg-type]
        source=source,  # type: ignore[arg-type]
        asn=asn,  # type: ignore[arg-type]
        uid=uid,  # type: ignore[arg-type]
        content=content,  # type: ignore[arg-type]
        controls=controls,  # type: ignore[arg-type]
        aside=aside,  # type: ignore[arg-type]
        payload=payload,  # type: ignore[arg-type]
    )
    return int(id_), published, published.checksum == crc  # type: ignore[call-overload]
