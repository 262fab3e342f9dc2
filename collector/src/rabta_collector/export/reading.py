"""Reads back what `export` wrote: JSON lines, CSV (forms.py) and Parquet (columns.py), a few rows at a time.

What cannot be read is a `Trouble` that names the file and the line or the rows, and costs nothing else: of a damaged
file of Parquet, the row group that the damage is in.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from rabta_collector import sealed
from rabta_collector.archive.table import open_duck, quoted
from rabta_collector.export import columns, forms
from rabta_collector.ooni.own import read_measurement
from rabta_collector.ooni.reader import Heard, Trouble, read_lines, unheard
from rabta_collector.rfc3339 import parse_time
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Judgement, Mechanism

CHUNK = 500
PARQUET = b"PAR1"
HEADER = ",".join(forms.COLUMNS).encode()
LOOKED_AT = 10  # lines, to tell what a file is, should the first be damaged


class Kind(StrEnum):
    """What a file holds."""

    OONI = "ooni"
    JSON = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A row of an export. `measurement` is there where the form has it: all but CSV."""

    time: datetime
    platform: str
    isp: str
    target: str
    judgement: Judgement
    mechanism: Mechanism | None
    rule: str
    measurement: Measurement | None = None


def kind_of(path: Path) -> Kind | None:
    """What a file is, by its beginning; `None` for what none of these begins like."""
    try:
        with path.open("rb") as stream:
            beginning = stream.read(len(sealed.MAGIC))
    except OSError:
        return None
    if beginning.startswith(PARQUET):
        return Kind.PARQUET
    if beginning == sealed.MAGIC:  # what follows is any bytes
        return None
    for number, line in read_lines(path):
        if isinstance(line, Trouble) or number > LOOKED_AT:
            break
        if line.strip() == HEADER:
            return Kind.CSV
        if line.startswith(b"{") and b'"rule":' in line and b'"test_keys"' not in line:
            return Kind.JSON
        if b'"test_keys"' in line or (number == 1 and line.lstrip()[:1] in (b"{", b"[")):
            return Kind.OONI
    return None


def read_export(path: Path, kind: Kind, heard: Heard = unheard) -> Iterator[Told | Trouble]:
    """Rows of a file of that kind, in its order."""
    match kind:
        case Kind.PARQUET:
            yield from _read_parquet(path, heard)
        case Kind.CSV:
            yield from _read_lines(path, heard, _of_csv)
        case Kind.JSON:
            yield from _read_lines(path, heard, _of_json)
        case Kind.OONI:
            raise ValueError("OONI's form is read by ooni/reader.py")


def _read_lines(path: Path, heard: Heard, read: Callable[[bytes], Told]) -> Iterator[Told | Trouble]:
    """Each line is a row by itself: no field that is exported has a line's end in it."""
    for number, line in read_lines(path, heard):
        if isinstance(line, Trouble):
            yield line
        elif line.strip() and line.strip() != HEADER:
            try:
                if not line.endswith(b"\n"):
                    raise ValueError("cut off before its end")
                yield read(line)
            except (ValueError, RecursionError, csv.Error) as wrong:
                yield Trouble(place=f"{path}:{number}", what=str(wrong))


def _of_json(line: bytes) -> Told:
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("a JSON value, and not a measurement")
    return _told(record, record)


def _of_csv(line: bytes) -> Told:
    (fields,) = csv.reader([line.decode("utf-8", "replace")], strict=True)
    if len(fields) != len(forms.COLUMNS):
        raise ValueError(f"{len(fields)} fields and not {len(forms.COLUMNS)}")
    return _told(dict(zip(forms.COLUMNS, fields, strict=True)), None)


def _read_parquet(path: Path, heard: Heard) -> Iterator[Told | Trouble]:
    import duckdb

    size = path.stat().st_size
    with open_duck() as duck:
        try:
            source = f"read_parquet({quoted(path)}, file_row_number = true)"
            there = {row[0] for row in duck.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}  # noqa: S608
            if missing := [name for name in columns.COLUMNS if name not in there]:
                raise ValueError(f"no export of ours: has no column {missing[0]}")
            groups = duck.execute(
                "SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata(?) ORDER BY 1", [str(path)]
            ).fetchall()
        except (duckdb.Error, ValueError) as wrong:
            yield Trouble(place=str(path), what=str(wrong).splitlines()[0])
            return
        first = 0
        for number, (_, rows) in enumerate(groups, 1):
            try:
                query = f"SELECT {', '.join(columns.COLUMNS)} FROM {source} WHERE file_row_number BETWEEN ? AND ?"  # noqa: S608
                found = duck.execute(query, [first, first + rows - 1])
                while chunk := found.fetchmany(CHUNK):
                    yield from (_of_row(path, first + 1, row) for row in chunk)
            except duckdb.Error as wrong:
                yield Trouble(place=f"{path}: rows {first + 1} to {first + rows}", what=str(wrong).splitlines()[0])
            first += rows
            heard(size * number // len(groups))


def _of_row(path: Path, near: int, row: tuple[object, ...]) -> Told | Trouble:
    try:
        named = dict(zip(columns.COLUMNS, row, strict=True))
        return _told(named, json.loads(str(named["measurement"])))
    except (ValueError, RecursionError) as wrong:
        return Trouble(place=f"{path}: a row after {near}", what=str(wrong))


def _told(row: Mapping[str, object], told: object) -> Told:
    """Raises `ValueError` for what is no row of an export."""
    measurement = None if told is None else read_measurement(told)
    if told is not None and (measurement is None or not measurement.target):
        raise ValueError("no measurement that can be read")
    rule, mechanism = str(row.get("rule") or ""), row.get("mechanism")
    if not rule:
        raise ValueError("no rule: not written by export")
    return Told(
        time=_time(row) if measurement is None else measurement.started_at,
        platform=str(row.get("platform") or ""),
        isp=str(row.get("isp") or ""),
        target=str(row.get("target") or ""),
        judgement=Judgement(str(row.get("state"))),
        mechanism=Mechanism(str(mechanism)) if mechanism else None,
        rule=rule,
        measurement=measurement,
    )


def _time(row: Mapping[str, object]) -> datetime:
    return datetime.fromtimestamp(parse_time(str(row.get("time"))), UTC)
