"""What is read of the record's file (file.py has its form), beside whoever writes it."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rabta_collector.record.lines import Row
from rabta_collector.record.seam import Standing, Stood
from rabta_collector.record.steps import cells
from rabta_collector.seals import Mark
from rabta_collector.state import Event, Witness
from rabta_proto.vocabulary import Mechanism

WAIT_S = 10
EVER, NEVER = -(2**62), 2**62  # microseconds
EVENT = "number, at_us, isp, platform, from_state, to_state, mechanism, detected_after_us, line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A line of the record as it stands in the file. `written` in Unix seconds."""

    id: int
    written: float
    digest: str
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A line of the record by what it is of; `platform` is empty where that is the ISP's own state."""

    id: int
    isp: str
    at_us: int
    platform: str


class RecordReader:
    """Whoever has a connection to the file."""

    connection: sqlite3.Connection

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def evidence_of(self, number: int) -> Row | None:
        """The evidence of an event that stands, by its number in the API; `None` where there is none."""
        query = "SELECT line FROM events WHERE number = ? AND standing = 1 ORDER BY id DESC LIMIT 1"
        found = self.connection.execute(query, (number,)).fetchone()
        evidence = None if found is None else json.loads(zlib.decompress(found[0]))["evidence"]
        return None if evidence is None else dict(evidence)

    def before(
        self, number: int, *, platform: str | None, isp: str | None, since: float | None = None
    ) -> tuple[Event, ...]:
        """Events that stand, up to a number, oldest first: those that are no longer in memory.

        `since` (Unix seconds): of what was before, each cell's last one alone, which says what stood then.
        """
        after, until = EVER if since is None else microseconds(since), self._decided(number)
        rows = self.connection.execute(
            f"SELECT {EVENT} FROM events WHERE at_us >= ? AND at_us <= ? AND standing = 1"  # noqa: S608 - constants
            " AND +number < ? AND (?4 IS NULL OR isp = ?4) AND (?5 IS NULL OR platform = ?5)",
            (after, until, number, isp, platform),
        )
        found = [*map(_read_event, rows)]
        if since is not None:
            found += self._last_of_cells(number, min(after - 1, until), isp=isp, platform=platform)
        return tuple(sorted(found, key=lambda event: (event.at, event.id)))

    def _decided(self, number: int) -> int:
        """When an event was decided: older ones need be looked for no later. No bound while it is not written yet."""
        query = "SELECT at_us FROM events WHERE number = ? AND standing = 1 ORDER BY id DESC LIMIT 1"
        found = self.connection.execute(query, (number,)).fetchone()
        return NEVER if found is None else int(found[0])

    def _last_of_cells(self, number: int, until: int, *, isp: str | None, platform: str | None) -> Iterator[Event]:
        """Each cell's last event up to a moment; it takes as long as there are cells, whatever their past."""
        for cell in cells(self.connection, "events WHERE", isp=isp):
            if platform in (None, cell[1]):
                found = self.connection.execute(
                    f"SELECT {EVENT} FROM events WHERE isp = ? AND platform = ? AND at_us <= ?"  # noqa: S608
                    " AND standing = 1 AND +number < ? ORDER BY at_us DESC, number DESC LIMIT 1",
                    (*cell, until, number),
                ).fetchone()
                if found is not None:
                    yield _read_event(found)

    def standing_at(self, moment: float) -> Standing:
        """What stood right before a moment, of each cell and ISP of which there is an event before it."""
        stood = {}
        for isp, platform in cells(self.connection, "events WHERE", isp=None):
            newest, turned = (
                self.connection.execute(
                    f"SELECT at_us, to_state, mechanism FROM events WHERE isp = ? AND platform = ? AND at_us < ?"  # noqa: S608
                    f" AND standing = 1 {which} ORDER BY at_us DESC, number DESC LIMIT 1",
                    (isp, platform, microseconds(moment)),
                ).fetchone()
                for which in ("", "AND from_state <> to_state")
            )
            if newest is not None:
                mechanism, since = Mechanism(newest[2]) if newest[2] else None, (turned or newest)[0] / 1_000_000
                stood[isp, platform] = Stood(state=newest[1], mechanism=mechanism, since=since)
        return stood

    def last_decided(self) -> float:
        """When the newest event was decided, whether it stands or not, Unix seconds; 0: there is none."""
        return float(self.connection.execute("SELECT coalesce(max(at_us), 0) FROM events").fetchone()[0]) / 1_000_000

    def event(self, number: int) -> Event | None:
        """The event that stands under a number of the API."""
        query = f"SELECT {EVENT} FROM events WHERE number = ? AND standing = 1 ORDER BY id DESC LIMIT 1"  # noqa: S608
        found = self.connection.execute(query, (number,)).fetchone()
        return None if found is None else _read_event(found)

    def marks(self, numbers: Iterable[int]) -> Mapping[int, Mark]:
        """Which lines have the events that stand under these numbers; those that are not written yet are left out."""
        query = "SELECT id, digest FROM events WHERE number = ? AND standing = 1 ORDER BY id DESC LIMIT 1"
        found = {number: self.connection.execute(query, (number,)).fetchone() for number in numbers}
        return {number: Mark(record=row[0], sha256=row[1]) for number, row in found.items() if row is not None}

    def placed_after(self, record: int, limit: int) -> Sequence[Placed]:
        """The next lines, whatever they say."""
        rows = self.connection.execute(
            "SELECT id, isp, at_us, platform FROM events WHERE id > ? ORDER BY id LIMIT ?", (record, limit)
        )
        return [Placed(id=id_, isp=isp, at_us=at_us, platform=platform) for id_, isp, at_us, platform in rows]

    def isps(self) -> tuple[str, ...]:
        """Of which there is any event."""
        return tuple(isp for (isp,) in self.connection.execute("SELECT DISTINCT isp FROM events ORDER BY isp"))

    def last_written(self) -> float:
        """When the newest line was written, Unix seconds; 0: there is none."""
        found = self.connection.execute("SELECT coalesce(max(written_us), 0) FROM events").fetchone()
        return float(found[0]) / 1_000_000

    def last_id(self) -> int:
        """The newest line's number; 0: there is none."""
        return int(self.connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])

    def text_of(self, record: int) -> bytes | None:
        """A line of the record, as it is sealed; `None` where there is none."""
        found = self.connection.execute("SELECT line FROM events WHERE id = ?", (record,)).fetchone()
        return None if found is None else zlib.decompress(found[0])

    def first_written_us(self, since: float) -> int | None:
        """When the first line from a moment on was written, microseconds since 1970."""
        query = "SELECT min(written_us) FROM events WHERE written_us >= ?"
        found = self.connection.execute(query, (microseconds(since),)).fetchone()[0]
        return None if found is None else int(found)

    def lines(self, since: float, until: float) -> Iterator[Written]:
        """What was written down within a half-open span of time, in its order."""
        rows = self.connection.execute(
            "SELECT id, written_us, digest, line FROM events WHERE written_us >= ? AND written_us < ? ORDER BY id",
            (microseconds(since), microseconds(until)),
        )
        for id_, written_us, digest, line in rows:
            yield Written(id=id_, written=written_us / 1_000_000, digest=digest, text=zlib.decompress(line))


@contextmanager
def reading(path: Path) -> Iterator[RecordReader]:
    """A connection that cannot write. Raises `sqlite3.Error`."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=WAIT_S)) as connection:
        yield RecordReader(connection)


def microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _read_event(row: Sequence[object]) -> Event:
    number, at_us, isp, platform, from_state, to_state, mechanism, took_us, line = row
    told = json.loads(zlib.decompress(line))["event"]  # type: ignore[arg-type] # types are the table's, which is STRICT
    return Event(
        id=number,  # type: ignore[arg-type]
        at=int(str(at_us)) / 1_000_000,
        platform=str(platform) or None,
        isp=str(isp),
        from_state=str(from_state),
        to_state=str(to_state),
        mechanism=Mechanism(str(mechanism)) if mechanism else None,
        detected_after_seconds=None if took_us is None else int(str(took_us)) / 1_000_000,
        revised=bool(told["revised"]),
        witness=tuple(Witness(rule=one["rule"], count=one["count"]) for one in told["witness"]),
    )
