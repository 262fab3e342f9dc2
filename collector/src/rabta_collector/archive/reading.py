"""Reads rows of the journal back from the archive, in their order; the form is table.py's."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import structlog

from rabta_collector.archive.chain import InvalidCheckpointError, name_of, read_checkpoint
from rabta_collector.archive.table import DAMAGED, day_of, open_duck, quoted
from rabta_collector.journal_file import Kind, Row
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as wire

CHUNK = 500
log = structlog.get_logger()


def days_of(root: Path) -> list[str]:
    """The days that are sealed, in order."""
    return sorted(path.stem for path in (root / "chain").glob("????-??-??.txt"))


def last_row_of(root: Path) -> int:
    """The last row of the journal that is sealed; 0: none."""
    for day in reversed(days_of(root)):
        if (journal := read_checkpoint((root / name_of(day)).read_bytes()).journal) is not None:
            return journal.last
    return 0


def last_record_of(root: Path) -> int:
    """The last line of the record that is sealed; 0: none."""
    for day in reversed(days_of(root)):
        if (records := read_checkpoint((root / name_of(day)).read_bytes()).records) is not None:
            return records.last
    return 0


def older_rows(root: Path, after: int, before: int, *, since: float | None = None) -> Iterator[Row]:
    """Rows between two ids, both left out, that were admitted on the day of a moment (Unix seconds) or later.

    A row that was damaged has kind 9 and its payload. What cannot be read of a day is passed over, with a line in the
    log, and whoever reads sees the gap.
    """
    import duckdb

    from_day = "" if since is None else day_of(int(since * 1_000_000))
    for day in days_of(root):
        try:
            span = read_checkpoint((root / name_of(day)).read_bytes()).journal
        except (OSError, InvalidCheckpointError):
            continue
        if day < from_day or span is None or span.last <= after:
            continue
        if span.first >= before:
            return
        parts = sorted((root / f"measurements/day={day}").glob("part-*.parquet"))
        try:
            for row in read_rows(parts, after):
                if row.id >= before:
                    return
                yield row
        except duckdb.Error as wrong:
            log.error("archive.unreadable", day=day, message=str(wrong).partition("\n")[0])


def read_rows(parts: Iterable[Path], after: int) -> Iterator[Row]:
    """Rows of the journal, as it had them, from the one after a row on. A damaged one has kind 9, and its payload."""
    columns = "entry, kind, epoch_us(admitted), agent, isp, role, epoch, sequence, message"
    waiting: list[tuple[object, ...]] = []
    with open_duck() as duck:
        for part in parts:
            found = duck.execute(
                f"SELECT {columns} FROM read_parquet({quoted(part)}) WHERE entry > ?",  # noqa: S608 - names of ours
                [after],
            )
            while chunk := found.fetchmany(CHUNK):
                for line in chunk:
                    if waiting and waiting[0][0] != line[0]:
                        yield _row(waiting)
                        waiting = []
                    waiting.append(line)
        if waiting:
            yield _row(waiting)


def _row(lines: list[tuple[object, ...]]) -> Row:
    id_, kind, at_us, agent, isp, role, epoch, _, message = lines[0]
    row = Row(int(str(id_)), int(str(kind)), int(str(at_us)), str(agent), str(isp), str(role), int(str(epoch)))
    if row.kind == DAMAGED:
        return Row(row.id, DAMAGED, row.at_us, row.agent, row.isp, row.role, payload=bytes(message))  # type: ignore[call-overload]
    if row.kind != Kind.MEASURED:
        return row
    sequences = [int(str(line[7])) for line in lines]
    batch = link.MeasurementBatch(measurements=[wire.Measurement.FromString(bytes(line[8])) for line in lines])  # type: ignore[call-overload]
    return Row(
        row.id,
        row.kind,
        row.at_us,
        row.agent,
        row.isp,
        row.role,
        row.epoch,
        min(sequences),
        max(sequences),
        len(lines),
        batch.SerializeToString(),
    )
