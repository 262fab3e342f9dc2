"""For how long what was measured is left alone. Pure.

Invariant: whatever plans come, one after the other, and however they spell a target: between two measurements pass
`between_s`, between two of one target `same_target_s` (`errand_target_s` before what the collector asked for at once),
between two of one host `same_host_s`. Of targets no more is
remembered than what still rests, which the limit on any two measurements keeps to a few dozen.
"""

from collections.abc import Hashable
from functools import lru_cache

from rabta_agent.ceilings import ASSIGNMENTS, Ceilings
from rabta_agent.urls import Target, parse_target

_NEVER = -1e18


class Rest:
    """One for an agent's whole run: it outlives every plan. Times are Unix seconds."""

    def __init__(self, limits: Ceilings) -> None:
        self._limits = limits
        self._last = _NEVER
        self._begun: dict[Hashable, float] = {}

    def free_at(self, target: str, *, errand: bool = False) -> float:
        """When this target may be measured again; sooner for what the collector asks for at once.

        Raises `InvalidTarget` for what is none.
        """
        what = _parse(target)
        limits = self._limits
        target_s = limits.errand_target_s if errand else limits.same_target_s
        return max(
            self._last + limits.between_s,
            self._begun.get(what, _NEVER) + target_s,
            self._begun.get(what.host, _NEVER) + limits.same_host_s,
        )

    def begins(self, target: str, now: float) -> None:
        """Notes that a measurement begins: the limits count from here."""
        limits, what = self._limits, _parse(target)
        longest_s = max(limits.same_target_s, limits.errand_target_s, limits.same_host_s)
        self._begun = {key: at for key, at in self._begun.items() if at + longest_s > now}
        self._begun[what] = self._begun[what.host] = self._last = now

    def forgive(self, now: float) -> None:
        """Forgets everything where the clock was set back: it would last for years otherwise."""
        if self._last > now:
            self._last, self._begun = _NEVER, {}

    @staticmethod
    def key(target: str) -> Hashable:
        """Equal for all ways of writing one target."""
        return _parse(target)


@lru_cache(maxsize=2 * ASSIGNMENTS)
def _parse(target: str) -> Target:
    return parse_target(target)
