"""Reads a collector's journal while the collector writes it."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from lab.accuracy.looks import CONTROLS, Looks
from rabta_collector.journal_file import Kind
from rabta_proto.codec import from_message
from rabta_proto.model import Measurement
from rabta_proto.v1.collector_pb2 import MeasurementBatch
from rabta_proto.vocabulary import Role

_NEW = "SELECT id, agent, isp, role, payload FROM entries WHERE id > ? AND kind = ? ORDER BY id"


@dataclass(slots=True, kw_only=True)
class JournalReader:
    """Everything measured so far; `read` takes in what is new."""

    path: Path
    looks: Looks = field(default_factory=Looks)
    measured: dict[tuple[str, str, str], list[Measurement]] = field(default_factory=lambda: defaultdict(list))
    """By platform, ISP (of controls: `CONTROLS`) and agent, in the order in which they came."""
    _last: int = 0

    def read(self) -> None:
        if not self.path.exists():
            return
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as journal:
            for id_, agent, isp, role, payload in journal.execute(_NEW, (self._last, int(Kind.MEASURED))):
                self._last = id_
                where = CONTROLS if role == Role.CONTROL else isp
                for message in MeasurementBatch.FromString(payload).measurements:
                    self._take(from_message(message), where, agent)

    def _take(self, measurement: Measurement, isp: str, agent: str) -> None:
        self.measured[measurement.platform, isp, agent].append(measurement)
        self.looks.add(measurement.platform, isp, agent, measurement.started_at.timestamp())
