"""Which controls are out of step with the others, and so no measure for anybody. Pure, bounded.

A control stands abroad, in a network that nobody censors: that is assumed, and can be wrong. So each look of a control
is held against what the others found of the same target at about that time, where two of them or more were of one mind.
Of its last KEPT comparisons at least FEWEST have to be there, and where at half of them it stood alone it is left out,
until it is alone at no more than a quarter. A site that treats one country apart is one target of many, and no reason.
"""

from collections import deque
from dataclasses import dataclass, field

Key = tuple[str, str]
"""Platform and URL of a target."""

KEPT, FEWEST = 40, 12
OUT, BACK = 0.5, 0.25


@dataclass(slots=True, kw_only=True)
class Consensus:
    """`outliers`: controls that are left out."""

    outliers: frozenset[str] = frozenset()
    _newest: dict[Key, dict[str, tuple[float, bool]]] = field(default_factory=dict)
    _alone: dict[str, deque[bool]] = field(default_factory=dict)

    def hear(self, control: str, target: Key, *, reached: bool, started: float, reach_s: float) -> bool:
        """Takes in whether a control reached a target; says whether that changed who is left out."""
        looks = self._newest.setdefault(target, {})
        others = [got for other, (at, got) in looks.items() if other != control and abs(at - started) <= reach_s]
        looks[control] = started, reached
        if len(others) < 2 or len(set(others)) > 1:
            return False
        alone = self._alone.setdefault(control, deque(maxlen=KEPT))
        alone.append(others[0] is not reached)
        return self._settle(control, sum(alone) / len(alone) if len(alone) >= FEWEST else 0.0)

    def _settle(self, control: str, share: float) -> bool:
        before = self.outliers
        if share >= OUT:
            self.outliers |= {control}
        elif share <= BACK:
            self.outliers -= {control}
        return self.outliers != before
