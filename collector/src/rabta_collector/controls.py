"""The last measurements of each target by each control, and which of them speak for a given moment. Pure, bounded."""

from bisect import bisect_left, insort
from collections.abc import Collection
from dataclasses import dataclass, field

from rabta_proto.model import Measurement

KEPT = 16
"""Measurements of one target by one control."""

Key = tuple[str, str]
"""Platform and URL of a target."""


@dataclass(frozen=True, slots=True, order=True)
class Look:
    """A measurement by a control; ordered by its start."""

    started: float
    measurement: Measurement = field(compare=False)


@dataclass(slots=True, kw_only=True)
class Controls:
    """`reach_s` is how far from a moment a control may have begun to speak for it.

    `muted`: controls that are not listened to.
    """

    muted: frozenset[str] = frozenset()
    _looks: dict[Key, dict[str, list[Look]]] = field(default_factory=dict)

    def add(self, target: Key, agent: str, look: Look, reach_s: float) -> tuple[float, float]:
        """Takes in a control's measurement; outside of the span of moments that it returns that changes nothing."""
        looks = self._looks.setdefault(target, {}).setdefault(agent, [])
        place = bisect_left(looks, look)
        before = looks[place - 1].started if place else look.started - reach_s
        after = looks[place].started if place < len(looks) else look.started + reach_s
        insort(looks, look)
        if len(looks) > KEPT:
            del looks[0]
        return before, after

    def lookers(self, target: Key) -> Collection[str]:
        """Controls that have looked at a target."""
        return self._looks.get(target, {}).keys()

    def around(self, target: Key, moment: float, reach_s: float) -> tuple[Measurement, ...]:
        """Of each control the last measurement that began before the moment and the first that began since."""
        found: list[Measurement] = []
        for agent, looks in sorted(self._looks.get(target, {}).items()):
            if agent in self.muted:
                continue
            place = bisect_left(looks, Look(moment, looks[0].measurement))
            for look in looks[max(0, place - 1) : place + 1]:
                if abs(look.started - moment) <= reach_s:
                    found.append(look.measurement)
        return tuple(found)
