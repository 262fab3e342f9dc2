"""What timed reads took of this day's bytes, and whether one runs. Pure; forgotten when the agent ends."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from rabta_proto.vocabulary import Depth


@dataclass(slots=True, kw_only=True)
class Reading:
    """`busy`: a measurement with timed reads runs."""

    busy: bool = False
    _day: date = date.min
    _spent: int = 0

    def spent(self, now: datetime) -> int:
        """Bytes of measurements with timed reads in the UTC day."""
        return self._spent if self._day == now.astimezone(UTC).date() else 0

    def add(self, count: int, now: datetime) -> None:
        """Notes what one cost."""
        self._spent, self._day = self.spent(now) + count, now.astimezone(UTC).date()


def plain(depth: Depth) -> Depth:
    """The same measurement without timed reads."""
    return Depth.FULL if depth is Depth.TRANSFER else depth
