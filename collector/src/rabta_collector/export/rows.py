"""Reads a journal beside the collector that writes it: rows from a moment on, in order, a few at a time.

Nothing is ever written, and no transaction is left open between two reads, so the collector is not held up.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from rabta_collector.eventtime import EARLIEST, NEGLIGIBLE_S
from rabta_collector.journal_file import Kind, Row
from rabta_collector.rows import UnreadableJournalError, Where, last_before, open_to_read
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.vocabulary import Role

CHUNK = 200
CLOCK_SLACK_S = 1.0
"""As in engine.py: by so much an agent's clock may be ahead before its times are corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Measurements that one agent delivered together. `at` in Unix seconds, by the collector's clock."""

    at: float
    agent: str
    isp: str
    role: Role
    messages: tuple[wire.Measurement, ...]


@dataclass(slots=True, kw_only=True)
class JournalReader:
    """`damaged` counts rows that could not be read so far. `archive`: where rows are that the journal has no more.

    `share`: how much of what is to be read was read, from 0 to 1.
    """

    path: Where
    archive: Path | None = None
    damaged: int = 0
    share: float = 0.0
    _rows: tuple[int, int] | None = None

    def deliveries(self, since: float | None = None) -> Iterator[Delivery]:
        """What was admitted from a moment on (Unix seconds). Raises `UnreadableJournalError`."""
        self.damaged, self.share, self._rows = 0, 0.0, None
        try:
            with closing(open_to_read(self.path)) as rows:
                end = rows.last_position()[0]
                yield from self._archived(rows.first_position()[0], end, since)
                last = 0 if since is None else last_before(rows, int(since * 1_000_000))
                while chunk := rows.read_after(last, CHUNK):
                    for row, sound in chunk:
                        self._come_to(row.id, end)
                        yield from self._read(row, sound)
                    last = chunk[-1][0].id
        except sqlite3.Error as wrong:
            raise UnreadableJournalError(f"{self.path}: the journal cannot be read: {wrong}") from None

    def _archived(self, before: int, end: int, since: float | None) -> Iterator[Delivery]:
        """What the journal gave up: rows up to its first one."""
        if self.archive is None or before <= 1:
            return
        from rabta_collector.archive.reading import older_rows  # which needs DuckDB

        for row in older_rows(self.archive, 0, before, since=since):
            self._come_to(row.id, end)
            yield from self._read(row, row.kind in tuple(Kind))

    def _come_to(self, id_: int, end: int) -> None:
        """A row, of those from the first one read to the last one there is; more may come meanwhile."""
        first, last = self._rows = self._rows or (id_, max(id_, end))
        self.share = min(1.0, (id_ - first) / (last - first + 1))

    def _read(self, row: Row, sound: bool) -> Iterator[Delivery]:
        if sound and row.kind != Kind.MEASURED:
            return
        try:
            if not sound:
                raise ValueError("damaged")
            messages = tuple(link.MeasurementBatch.FromString(row.payload).measurements)
            role = Role(row.role)
        except (DecodeError, ValueError):
            self.damaged += 1
            return
        yield Delivery(at=row.at_us / 1_000_000, agent=row.agent, isp=row.isp, role=role, messages=messages)


def start_of(message: wire.Measurement, at: float) -> float:
    """When a measurement began, in Unix seconds: a clock that is off is set right, as the engine does it."""
    started = message.started_at.seconds + message.started_at.nanos / 1e9
    if abs(message.clock_offset_us) >= NEGLIGIBLE_S * 1e6 and started + message.clock_offset_us / 1e6 >= EARLIEST:
        started += message.clock_offset_us / 1e6
    lasted = message.duration_us / 1_000_000
    return at - lasted if started + lasted > at + CLOCK_SLACK_S else started
