"""The last measurements of each target by each control, and which of them speak for a given moment. Pure, bounded.

A look to which nobody at all answered says nothing by itself: the control's own line may be dead. It speaks once the
same control was answered by something else within SOUND_S of its beginning: silence takes the longest to come to its
end, so that others begun meanwhile are known by then. (Names have a resolver that answers; what is dialled by its
address has nobody else, and a dead server among several that will do would hide a block of all the others.)
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from rabta_collector.verdict.manners import something_answered
from rabta_proto.alike import by_likeness
from rabta_proto.model import Measurement

KEPT = 16
"""Measurements of one target by one control."""

SOUND_S = 60.0
HEARD = 512
"""Moments at which a control was answered that are kept of each."""

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
    _answered: dict[str, deque[float]] = field(default_factory=dict)

    def add(self, target: Key, agent: str, look: Look, reach_s: float) -> tuple[float, float]:
        """Takes in a control's measurement; outside of the span of moments that it returns that changes nothing."""
        looks = self._looks.setdefault(target, {}).setdefault(agent, [])
        place = bisect_left(looks, look)
        before = looks[place - 1].started if place else look.started - reach_s
        after = looks[place].started if place < len(looks) else look.started + reach_s
        insort(looks, look)
        if was_answered(look.measurement):
            self._answered.setdefault(agent, deque(maxlen=HEARD)).append(look.started)
        if len(looks) > KEPT:
            del looks[0]
        return before, after

    def lookers(self, target: Key) -> Collection[str]:
        """Controls that have looked at a target."""
        return self._looks.get(target, {}).keys()

    def around(self, target: Key, moment: float, reach_s: float) -> tuple[Measurement, ...]:
        """Of each control the last measurement that began before the moment and the first that began since.

        Without those of which nobody can tell whether the control's own line worked.
        """
        found: list[Measurement] = []
        for agent, looks in sorted(self._looks.get(target, {}).items()):
            if agent in self.muted:
                continue
            place = bisect_left(looks, Look(moment, looks[0].measurement))
            for look in looks[max(0, place - 1) : place + 1]:
                if abs(look.started - moment) <= reach_s and self._is_sound(agent, look):
                    found.append(look.measurement)
        return tuple(found)

    def _is_sound(self, agent: str, look: Look) -> bool:
        """Whether the control's line worked at that time."""
        if was_answered(look.measurement):
            return True
        return any(0 <= at - look.started <= SOUND_S for at in self._answered.get(agent, ()))


@by_likeness
def was_answered(measurement: Measurement) -> bool:
    """Whether anybody at all answered."""
    return something_answered(measurement.observations)
