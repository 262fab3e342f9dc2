"""Token buckets, one under each key, in bounded memory. Pure: times are arguments, seconds of a clock that never falls.

A bucket holds a burst, fills at a rate, and may be drawn below empty by at most another burst: what was received was
received, and its sender waits until the debt is paid.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

MAX_KEYS = 65_536
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So much a second, and so much at once."""

    per_s: float
    burst: float


class Buckets(Generic[Key]):
    """Who has drawn how much lately. Where there are too many keys, the one longest unheard is forgotten."""

    def __init__(self, rate: Rate, *, most: int = MAX_KEYS) -> None:
        self._rate, self._most = rate, most
        self._levels: dict[Key, tuple[float, float]] = {}  # level and when it was that, the longest unheard first

    def __len__(self) -> int:
        return len(self._levels)

    def share(self, key: Key, now: float) -> float:
        """How full the bucket is: 1 full, 0 empty, below it in debt."""
        return self._level(key, now) / self._rate.burst

    def draw(self, key: Key, amount: float, now: float) -> float:
        """Draws, whatever there is; seconds until the bucket is out of debt."""
        level = max(self._level(key, now) - amount, -self._rate.burst)
        self._levels.pop(key, None)
        self._levels[key] = (level, now)
        if len(self._levels) > self._most:
            del self._levels[next(iter(self._levels))]
        return max(0.0, -level / self._rate.per_s)

    def try_draw(self, key: Key, amount: float, now: float) -> bool:
        """Draws where there is enough; whether there was."""
        if self._level(key, now) < amount:
            return False
        self.draw(key, amount, now)
        return True

    def _level(self, key: Key, now: float) -> float:
        level, at = self._levels.get(key, (self._rate.burst, now))
        return min(self._rate.burst, level + (now - at) * self._rate.per_s)
