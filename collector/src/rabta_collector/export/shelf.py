"""Looks of controls and of agents at references, kept so that those of any moment can be found: on disk, in no order.

A private file of SQLite's own, gone when it is closed: memory does not grow with the journal.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from rabta_collector.controls import SOUND_S, was_answered
from rabta_proto.codec import from_message
from rabta_proto.model import Measurement
from rabta_proto.v1 import measurement_pb2 as wire

DECODED = 4096  # measurements that are held in memory
CACHE_KIB = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was looked at: a target by URL. `platform` is empty for a reference."""

    platform: str
    url: str


class Shelf:
    """Measurements by subject and by who measured; `near` finds those of a moment."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)  # no name: a temporary file, nobody else's
        self._file.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute(
            "CREATE TABLE looks (platform TEXT, url TEXT, owner TEXT, started REAL, message BLOB) STRICT"
        )
        self._owners: dict[Subject, set[str]] = {}
        self._decoded = lru_cache(maxsize=DECODED)(self._read)

    def add(self, looks: Iterable[tuple[Subject, str, float, wire.Measurement]]) -> None:
        """Puts looks there: of what, whose, begun when (Unix seconds), and what was seen."""
        rows = []
        for subject, owner, started, message in looks:
            self._owners.setdefault(subject, set()).add(owner)
            rows.append((subject.platform, subject.url, owner, started, message.SerializeToString()))
        self._file.executemany("INSERT INTO looks VALUES (?, ?, ?, ?, ?)", rows)

    def sort(self) -> None:
        """To be called once, after all that is added and before anything is looked for."""
        self._file.execute("CREATE INDEX by_moment ON looks (url, platform, owner, started)")
        self._file.execute("CREATE INDEX by_owner ON looks (owner, started)")

    def owners(self, subject: Subject) -> list[str]:
        return sorted(self._owners.get(subject, ()))

    def subjects(self) -> list[Subject]:
        return sorted(self._owners, key=lambda subject: (subject.platform, subject.url))

    def near(self, subject: Subject, moment: float, reach_s: float) -> tuple[Measurement, ...]:
        """Of each owner the last look that began before the moment and the first that began since, within reach.

        Without those of which nobody can tell whether the owner's line worked, as controls.py has it.
        """
        return tuple(
            look
            for owner in self.owners(subject)
            for started, look in self.around(subject, owner, moment, reach_s)
            if was_answered(look) or self._answered_else(owner, started)
        )

    def _answered_else(self, owner: str, started: float) -> bool:
        """Whether anything else answered the owner soon after a moment."""
        rows = self._file.execute(
            "SELECT rowid FROM looks WHERE owner = ? AND started >= ? AND started <= ? ORDER BY started",
            (owner, started, started + SOUND_S),
        )
        return any(was_answered(self._decoded(row)) for (row,) in rows.fetchall())

    def around(
        self, subject: Subject, owner: str, moment: float, reach_s: float
    ) -> Iterator[tuple[float, Measurement]]:
        """The same of one owner, each with its start."""
        place = (subject.url, subject.platform, owner, moment)
        where = "SELECT rowid, started FROM looks WHERE url = ? AND platform = ? AND owner = ? AND started"
        before = self._file.execute(f"{where} < ? ORDER BY started DESC LIMIT 1", place).fetchone()
        after = self._file.execute(f"{where} >= ? ORDER BY started LIMIT 1", place).fetchone()
        for found in (before, after):
            if found is not None and abs(found[1] - moment) <= reach_s:
                yield found[1], self._decoded(found[0])

    def _read(self, row: int) -> Measurement:
        message = self._file.execute("SELECT message FROM looks WHERE rowid = ?", (row,)).fetchone()[0]
        return from_message(wire.Measurement.FromString(message))

    def close(self) -> None:
        self._file.close()
