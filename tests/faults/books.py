"""What lies in the files of both ends, read from the files: no code that keeps a measurement is asked about it.

A measurement's mark is its `plan_version`, which decides nothing; a producer draws it anew for each.
"""

import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from faults.diary import Key
from rabta_collector.rows import Where, open_rows
from rabta_proto.v1.collector_pb2 import MeasurementBatch
from rabta_proto.v1.measurement_pb2 import Measurement

Journaled = Mapping[str, Mapping[Key, list[int]]]
"""By agent, the marks under each key: two where a measurement was counted twice."""

_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolBook:
    """A spool. `last` is the last sequence number of its own epoch; `waiting` has the mark of each measurement."""

    epoch: int
    last: int
    waiting: Mapping[Key, int]
    counters: Mapping[str, int]


def read_journal(where: Where) -> Journaled:
    """Everything in a journal whose checksum is right; raises `ValueError` for a row whose checksum is not."""
    found: defaultdict[str, defaultdict[Key, list[int]]] = defaultdict(lambda: defaultdict(list))
    with closing(open_rows(where)) as rows:
        last = 0
        while chunk := rows.read_after(last, _CHUNK):
            for row, sound in chunk:
                if not sound:
                    raise ValueError(f"row {row.id} is not what was written")
                for one in MeasurementBatch.FromString(row.payload).measurements:
                    found[row.agent][one.epoch, one.sequence].append(one.plan_version)
            last = chunk[-1][0].id
    return found


def count_rows(where: Where) -> int:
    """How long a journal is; nought where there is none."""
    if not isinstance(where, Path):
        with closing(open_rows(where)) as rows:
            return rows.last_position()[0]
    path = where
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30)) as connection:
        try:
            return int(connection.execute("SELECT coalesce(max(id), 0) FROM entries").fetchone()[0])
        except sqlite3.OperationalError:  # it is being made
            return 0


def read_spool(path: Path) -> SpoolBook:
    """A spool at one moment. Raises `ValueError` for a measurement that is not what was written."""
    waiting: dict[Key, int] = {}
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30)) as connection:
        connection.execute("BEGIN")
        (epoch,) = connection.execute("SELECT epoch FROM identity").fetchone()
        last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'measurement'").fetchone()
        counters = dict(connection.execute("SELECT name, value FROM counter"))
        rows = connection.execute("SELECT row, epoch, sequence, payload, crc FROM measurement")
        for row, old_epoch, old_sequence, payload, crc in rows:
            if zlib.crc32(payload) != crc:
                raise ValueError(f"row {row} of the spool is not what was written")
            key = (epoch, row) if old_epoch is None else (old_epoch, old_sequence)
            waiting[key] = Measurement.FromString(payload).plan_version
    return SpoolBook(epoch=epoch, last=max(0, last[0]) if last else 0, waiting=waiting, counters=counters)
