"""The archive's table of measurements: rows of the journal as Parquet, whole, so that the journal can be read back.

Apache Parquet (https://parquet.apache.org/docs/file-format/), zstd, written and read by DuckDB. One row for each
measurement, in the journal's order; a session's beginning or end is a row too. Times are UTC, in microseconds.

    entry           id of the journal's row; measurements that were admitted together have the same
    kind            1 measured, 2 session began, 3 session ended, 4 session ended as the agent had said it would,
                    9 a row that was damaged: `message` is its payload
    admitted        when it was admitted, by the collector's clock
    agent, isp, role    as they were at admission; agents are pseudonyms and stay with the operator
    epoch, sequence     of the agent's spool
    platform, target    what was measured; platform is empty for a reference
    started         when it began, by the agent's clock and what is known of its error
    duration_us, version    how long it took; of the agent's program
    steps           how many
    failed_step, failure    of the first step that failed, as in OONI df-007; empty where none did
    message         a serialised rabta.v1.Measurement, as it was in the journal

Rows go into a draft of text first, and DuckDB reads that: Python's values, one by one, it takes a hundred times slower.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from google.protobuf.message import DecodeError

from rabta_collector.export.rows import start_of
from rabta_collector.journal_file import Kind, Row
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as wire

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DAMAGED = 9
PART_ROWS = 2_000_000
"""After so many rows a day goes on in another file."""

GROUP_ROWS = 20_000
LINE_BYTES = 8 * 1024 * 1024  # of the draft; a batch of 1 MiB is 2 MiB of hex
MEMORY = "400MB"
COLUMNS = {
    "entry": "BIGINT",
    "kind": "TINYINT",
    "admitted": "BIGINT",
    "agent": "VARCHAR",
    "isp": "VARCHAR",
    "role": "VARCHAR",
    "epoch": "UBIGINT",
    "sequence": "UBIGINT",
    "platform": "VARCHAR",
    "target": "VARCHAR",
    "started": "BIGINT",
    "duration_us": "UBIGINT",
    "version": "VARCHAR",
    "steps": "INTEGER",
    "failed_step": "VARCHAR",
    "failure": "VARCHAR",
    "message": "VARCHAR",
}
_CONVERTED = {
    "admitted": "make_timestamp(admitted)",
    "started": "make_timestamp(started)",
    "message": "from_hex(message)",
}
LATEST_US = 2**53  # the year 2255


@dataclass(slots=True, kw_only=True)
class Written:
    """What became of rows: the files they are in, the first and the last of them, and how many were damaged."""

    files: list[Path] = field(default_factory=list)
    first: int = 0
    last: int = 0
    rows: int = 0
    damaged: int = 0


def write_parts(rows: Iterable[tuple[Row, bool]], folder: Path, *, part_rows: int = PART_ROWS) -> Written:
    """Writes rows, each with whether it is sound, into the folder. Raises `OSError`, `duckdb.Error`."""
    written, waiting = Written(), iter(rows)
    draft = folder / "draft.csv"
    while True:
        with draft.open("w", encoding="utf-8", newline="") as stream:
            count = _write_text(waiting, stream, written, part_rows)
        if not count:
            break
        part = folder / f"part-{len(written.files) + 1:04}.parquet"
        _convert(draft, part)
        written.files.append(part)
        written.rows += count
    draft.unlink()
    return written


def _write_text(rows: Iterator[tuple[Row, bool]], stream: TextIO, written: Written, most: int) -> int:
    writer, count = csv.writer(stream), 0
    for row, sound in rows:
        written.first, written.last = written.first or row.id, row.id
        lines = list(_lines(row)) if sound else []
        if not lines:
            written.damaged += 1
            lines = [_damaged(row)]
        writer.writerows(lines)
        count += len(lines)
        if count >= most:
            break
    return count


def _lines(row: Row) -> Iterator[tuple[object, ...]]:
    """A line for each measurement of a row; none where they cannot be read."""
    head = (row.id, int(row.kind), row.at_us, row.agent, row.isp, row.role, row.epoch)
    if row.kind != Kind.MEASURED:
        yield (*head, 0, "", "", row.at_us, 0, "", 0, "", "", "")
        return
    try:
        messages = link.MeasurementBatch.FromString(row.payload).measurements
    except DecodeError:
        return
    for message in messages:
        step, failure = _first_failure(message)
        yield (
            *head,
            message.sequence,
            _word(message.platform),
            _word(message.target),
            round(start_of(message, row.at_us / 1_000_000) * 1_000_000),
            message.duration_us,
            _word(message.agent_version),
            len(message.observations),
            step,
            failure,
            message.SerializeToString().hex(),
        )


def _damaged(row: Row) -> tuple[object, ...]:
    payload = row.payload if isinstance(row.payload, bytes) else b""
    at_us = row.at_us if 0 <= row.at_us < LATEST_US else 0
    words = (_word(str(row.agent)), _word(str(row.isp)), _word(str(row.role)))
    return (row.id, DAMAGED, at_us, *words, 0, 0, "", "", 0, 0, "", 0, "", "", payload.hex())


def _word(text: str) -> str:
    """What an agent wrote, in one line; `message` has it as it was."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _first_failure(message: wire.Measurement) -> tuple[str, str]:
    for observation in message.observations:
        if observation.HasField("failure"):
            return observation.WhichOneof("detail") or "", _word(observation.failure)
    return "", ""


def open_duck() -> "DuckDBPyConnection":
    """A DuckDB in memory, of bounded size, that reaches no network and installs nothing."""
    import duckdb  # 35 MB that the collector which serves never needs

    duck = duckdb.connect()
    duck.execute(f"SET memory_limit = '{MEMORY}'")
    duck.execute("SET threads = 1")
    duck.execute("SET autoinstall_known_extensions = false")
    duck.execute("SET TimeZone = 'UTC'")
    return duck


def _convert(draft: Path, part: Path) -> None:
    """Text to Parquet, a row group at a time."""
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    wanted = ", ".join(f"{_CONVERTED.get(name, name)} AS {name}" for name in COLUMNS)
    how = f"header = false, auto_detect = false, nullstr = '\\N', max_line_size = {LINE_BYTES}, columns = {{{types}}}"
    source = f"read_csv({quoted(draft)}, {how})"
    with open_duck() as duck:
        duck.execute(
            f"COPY (SELECT {wanted} FROM {source}) TO {quoted(part)}"  # noqa: S608 - names of ours
            f" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS})"
        )


def quoted(path: Path) -> str:
    """A path as SQL writes it."""
    return "'" + str(path).replace("'", "''") + "'"


def day_of(at_us: int) -> str:
    """The day, in UTC, that a moment is in."""
    return f"{datetime.fromtimestamp(at_us / 1_000_000, UTC):%Y-%m-%d}"
