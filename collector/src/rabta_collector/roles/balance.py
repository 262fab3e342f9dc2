"""How many of its sessions a process ends, so that their agents come again and find another process. Pure.

After a rolling restart all agents are where they came back first, and nothing moves them: sessions last for weeks. Who
clearly has more than its share of all sessions, and has had it for a while, gives some of them up, few at a time, until
it has little more than that. Whose agents come back to it all the same has no balancer before it: it lets them be.
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import ceil

OVER, SPARE = 1.25, 10
"""More than so many times its share, and so many sessions, is clearly more: less comes about by chance."""

ENOUGH, LEAST = 1.05, 2
STEADY_BEATS = 20
"""A process that was just started, or is gone, is given so long."""

LEAST_A_BEAT, MOST = 2, 20
PART = 100
"""Sessions that are ended in a beat: one in so many, within these two."""

LOOK_BEATS, BACK = 20, 0.25
"""After so many beats of giving up, less than such a part of those who went being away means that they come back."""

REST_BEATS = 3600


@dataclass(slots=True, kw_only=True)
class Balance:
    """Of one process; asked once a second."""

    _over: int = 0
    _resting: int = 0
    _began_with: int = 0
    _ended: int = 0
    _beats: int = 0

    def beat(self, own: int, others: Collection[int] | None) -> int:
        """How many to end now. `others`: what each other process holds; `None` where that is not known of all."""
        self._resting = max(0, self._resting - 1)
        if not others or self._resting:
            self._over = self._beats = 0
            return 0
        share = (own + sum(others)) / (1 + len(others))
        if self._beats:
            return self._go_on(own, share)
        self._over = self._over + 1 if own > share * OVER + SPARE else 0
        if self._over < STEADY_BEATS:
            return 0
        self._began_with, self._ended, self._over = own, 0, 0
        return self._go_on(own, share)

    def _go_on(self, own: int, share: float) -> int:
        """Another beat of giving up, or its end."""
        if self._beats >= LOOK_BEATS and self._began_with - own < self._ended * BACK:
            self._beats, self._resting = 0, REST_BEATS
            return 0
        count = min(ceil(own - share * ENOUGH - LEAST), max(LEAST_A_BEAT, min(MOST, own // PART)))
        if count <= 0:
            self._beats = 0
            return 0
        self._beats, self._ended = self._beats + 1, self._ended + count
        return count
