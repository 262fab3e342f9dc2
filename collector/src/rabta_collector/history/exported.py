"""Rows of exports as entries of the history: what was found of them is taken as it was told. Pure, but for `Seen`.

An export has no controls beside a measurement, and CSV not even that, so nothing can be judged anew: a finding stands
by the rules of whoever exported it, under their ids. `source` is `rabta`; `aside` holds what the row says, as JSON; the
payload is the measurement alone, or empty.

Exports are anonymous, so that two rows may be equal and yet two measurements. So a row is told from others by what is
in it and by how many equal ones stood before it in its file: the same file, or another one that overlaps it, brings
nothing twice, as long as exports are cut at whole minutes. The steps of a measurement, to the microsecond, are such
that no two are equal, be they written as JSON lines or as Parquet. CSV has less in it: of two collectors' rows, equal
ones count once, and it is not known for the same as other forms of it.
"""

import json
import sqlite3
from collections.abc import Mapping

from rabta_collector.eventtime import EARLIEST
from rabta_collector.export.reading import Told
from rabta_collector.history.file import Placed, Published
from rabta_collector.history.fold import Found
from rabta_collector.history.importing import AHEAD_S, Admit, Admitted, Skipped, digest_of
from rabta_collector.history.payload import Evidence, pack
from rabta_collector.history.places import Places, Reason, site_of
from rabta_proto.codec import to_message
from rabta_proto.vocabulary import Judgement, Mechanism

SOURCE = "rabta"
CACHE_KIB = 16_384


class Seen:
    """How many equal rows were seen before, of one file: on disk, in a private file of SQLite's own."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)  # no name: a temporary file, nobody else's
        self._file.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("CREATE TABLE seen (row BLOB PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID")

    def before(self, row: bytes) -> int:
        """Of this one; from now on it is seen."""
        add = "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count - 1"
        return int(self._file.execute(add, (row,)).fetchone()[0])

    def close(self) -> None:
        self._file.close()


def admitting(places: Places, seen: Seen, now: float) -> Admit[Told]:
    """Which rows of a file have a place. `now` in Unix seconds."""

    def admitted(told: Told) -> Admitted | Skipped:
        aside = _aside(told)
        placed = place_told(aside, told.time.timestamp(), places)
        if isinstance(placed, Reason):
            return Skipped(reason=placed)
        if placed.found.started > now + AHEAD_S:
            return Skipped(reason=Reason.FUTURE)
        row = digest_of(_content(told, aside))
        content = digest_of(row + seen.before(row).to_bytes(8, "big"))
        return Admitted(content=content, take=lambda: (_published(told, aside, content), placed))

    return admitted


def place_told(aside: str, started: float, places: Places) -> Placed | Reason:
    """What a row says and where that belongs, or why it does not. Raises `ValueError` for what is no such row."""
    told: Mapping[str, str] = json.loads(aside)
    target, isp = told["target"], told["isp"]
    if not told["platform"]:
        return Reason.REFERENCE
    platform = places.platform_of_target(target)
    if isinstance(platform, Reason):
        return platform
    if isp not in places.names:
        return Reason.OTHER_ISP
    if started < EARLIEST:
        return Reason.NO_TIME
    found = Found(
        started=started,
        site=site_of(target) or target,
        judgement=Judgement(told["state"]),
        mechanism=Mechanism(told["mechanism"]) if told["mechanism"] else None,
        rule=told["rule"],
    )
    return Placed(isp=isp, platform=platform, found=found)


def _published(told: Told, aside: str, content: bytes) -> Published:
    return Published(
        began_us=round(told.time.timestamp() * 1_000_000),
        asn=0,
        uid=None,
        content=content,
        controls=0,
        aside=aside,
        payload=b"" if told.measurement is None else pack(Evidence(measurement=told.measurement)),
        source=SOURCE,
    )


def _aside(told: Told) -> str:
    return json.dumps(
        {
            "platform": told.platform,
            "isp": told.isp,
            "target": told.target,
            "state": str(told.judgement),
            "mechanism": str(told.mechanism or ""),
            "rule": told.rule,
        }
    )


def _content(told: Told, aside: str) -> bytes:
    """What tells a row from others: its measurement where it has one, whatever was found of it."""
    if told.measurement is None:
        return f"{told.time.isoformat()} {aside}".encode()
    return told.isp.encode() + b"\0" + to_message(told.measurement).SerializeToString(deterministic=True)
