"""Whether handshakes and pages take longer at an ISP than they use to there, or no longer so. Pure, bounded.

Each ISP is its own measure: one reaches a site in 3 ms, its neighbour in hundreds. Of each target at an ISP the last
durations are kept, whoever measured them; a new one is slow above nine in ten of them and half as long again as their
median and a tenth of a second, and fast below half of it. Two of the last three that are so are told: chance and one
agent's bad line do not suffice. Nothing is concluded from it: it only has timed reads made sooner.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Step

KEPT = 64
LEAST = 12
"""Durations that make a measure."""

TIMES, MORE_US = 1.5, 100_000
FASTER = 0.5
LAST, AT_ONCE = 3, 2
KEYS = 5000

Place = tuple[str, str]
"""ISP and URL."""


@dataclass(slots=True)
class _Line:
    durations: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT))
    last: deque[int] = field(default_factory=lambda: deque(maxlen=LAST))  # 1 slow, -1 fast, 0 as ever

    def hear(self, duration_us: int) -> bool:
        sign = self._sign(duration_us)
        self.durations.append(duration_us)
        self.last.append(sign)
        if sign and self.last.count(sign) >= AT_ONCE:
            self.last.clear()
            return True
        return False

    def _sign(self, duration_us: int) -> int:
        if len(self.durations) < LEAST:
            return 0
        ordered, middle = sorted(self.durations), median(self.durations)
        if duration_us > max(ordered[len(ordered) * 9 // 10], TIMES * middle + MORE_US):
            return 1
        return -1 if duration_us < FASTER * middle and middle > MORE_US else 0


@dataclass(slots=True)
class Slowness:
    """What every target of every ISP is used to."""

    _lines: dict[tuple[Place, Step], _Line] = field(default_factory=dict)

    def hear(self, place: Place, measurement: Measurement) -> bool:
        """Takes in a measurement; whether this place has changed its pace."""
        told = False
        for step, duration_us in _durations(measurement):
            if len(self._lines) >= KEYS and (place, step) not in self._lines:
                continue
            told |= self._lines.setdefault((place, step), _Line()).hear(duration_us)
        return told


def _durations(measurement: Measurement) -> Iterator[tuple[Step, int]]:
    """Of the first handshake and the first page that went well, on the target's own hop."""
    seen: set[Step] = set()
    for one in measurement.observations:
        if one.step in (Step.TLS, Step.HTTP) and one.hop == 0 and one.attempt == 1 and one.step not in seen:
            seen.add(one.step)
            if one.failure is None:
                yield one.step, one.duration_us
