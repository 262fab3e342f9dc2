"""By which clock each measurement of the spool was timed: the table `era`, and what it says of a row's time.

An era is a span in which nobody set the wall clock (clockwatch.py). Its offset from the collector's clock, once any
session has measured it, holds for every row of the era, whenever that row is sent, by whichever process. A row of
another era of which no session ever measured the offset cannot be joined to the collector's time: it is marked so.
Blocking, as the spool is. Raises `sqlite3.Error`.
"""

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta

from rabta_agent.clockwatch import Clocks, Offset, belongs, better, same_era
from rabta_proto.model import Measurement

NO_ERA = 0  # of a row of which is not known by which clock it was timed
KEEP_US = 50_000  # an offset is written down again when it has moved by so much: not every heartbeat is worth a sync
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Eras:
    """The eras of one open spool. `boot` tells this start of the machine from others; empty: nothing does."""

    def __init__(
        self, connection: sqlite3.Connection, *, wall: Callable[[], datetime], steady: Callable[[], float], boot: str
    ) -> None:
        self._connection, self._wall, self._steady, self._boot = connection, wall, steady, boot
        self._offsets: dict[int, int] = {}  # of eras of which one is known
        self._ahead: dict[int, int] = {}  # of eras since this process began
        self._offset: Offset | None = None
        self._kept_us: int | None = None
        self.current = NO_ERA
        self._open()

    def clocks(self) -> Clocks:
        """Both clocks now."""
        return Clocks(wall_us=_micros(self._wall()), steady_us=int(self._steady() * 1e6))

    def look(self) -> bool:
        """Notices that the clock was set, and begins an era then; whether it did."""
        ahead_us = self.clocks().ahead_us
        if same_era(self._ahead[self.current], ahead_us):
            self._ahead[self.current] = ahead_us
            return False
        self._begin(ahead_us)
        return True

    def of(self, measurement: Measurement) -> int:
        """The era by whose clock a measurement was timed that ended a moment ago."""
        ended_us, clocks = ended(measurement), self.clocks()
        eras = (era for era in reversed(self._ahead) if belongs(ended_us, clocks, self._ahead[era]))
        return next(eras, NO_ERA)

    def learn(self, offset: Offset) -> None:
        """Takes in an offset that was measured in the current era."""
        self._offset = better(self._offset, offset)
        self._offsets[self.current] = self._offset.offset_us
        if self._kept_us is None or abs(self._offset.offset_us - self._kept_us) > KEEP_US:
            self._connection.execute(
                "UPDATE era SET ahead_us = ?, offset_us = ?, error_us = ?, measured_us = ? WHERE id = ?",
                (
                    self._ahead[self.current],
                    self._offset.offset_us,
                    self._offset.error_us,
                    self._offset.steady_us,
                    self.current,
                ),
            )
            self._kept_us = self._offset.offset_us

    def stamp(self, era: int) -> tuple[int | None, bool]:
        """Of a row of this era: what is to be added to its time, and whether its clock was set since."""
        offset_us = self._offsets.get(era)
        return offset_us, offset_us is None and era != self.current

    def age_s(self, era: int, ended_us: int) -> float | None:
        """Seconds since a row's measurement ended; `None`: not known, or only by a clock that nobody has confirmed."""
        now_us = self.clocks().wall_us
        if era == self.current:
            return (now_us - ended_us) / 1e6
        if self.current not in self._offsets or ended_us == 0:
            return None
        return (now_us + self._offsets[self.current] - ended_us - self._offsets.get(era, 0)) / 1e6

    def _open(self) -> None:
        """Goes on with the last era where it is still the same, and forgets those of which no row is left."""
        self._connection.execute(
            "DELETE FROM era WHERE id NOT IN (SELECT era FROM measurement) AND id < (SELECT max(id) FROM era)"
        )
        rows = self._connection.execute(
            "SELECT id, boot, ahead_us, offset_us, error_us, measured_us FROM era ORDER BY id"
        )
        last = None
        for last in rows.fetchall():
            if last[3] is not None:
                self._offsets[last[0]] = last[3]
        ahead_us = self.clocks().ahead_us
        if last is None or not self._boot or last[1] != self._boot or not same_era(last[2], ahead_us):
            self._begin(ahead_us)
            return
        self.current = last[0]
        self._ahead[self.current] = ahead_us
        if last[3] is not None:
            self._offset, self._kept_us = Offset(offset_us=last[3], error_us=last[4], steady_us=last[5]), last[3]

    def _begin(self, ahead_us: int) -> None:
        cursor = self._connection.execute("INSERT INTO era (boot, ahead_us) VALUES (?, ?)", (self._boot, ahead_us))
        self.current = int(cursor.lastrowid or 0)
        self._ahead[self.current] = ahead_us
        self._offset = self._kept_us = None


def ended(measurement: Measurement) -> int:
    """When a measurement ended, by the clock that it was timed by, in microseconds since 1970."""
    return _micros(measurement.started_at) + measurement.duration_us


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
