"""How much agents may be asked for beside their plan: so often in an hour, so often in a day. Pure, bounded."""

from collections import deque
from dataclasses import dataclass, field

HOUR_S, DAY_S = 3600.0, 86_400.0


@dataclass(slots=True, kw_only=True)
class Allowance:
    """Of each agent. Times are Unix seconds and never fall. `lab`: agents pay nothing, so nothing is spared."""

    hour: int
    day: int
    lab: bool = False
    _asked: dict[str, deque[float]] = field(default_factory=dict)

    def note(self, agent: str, now: float) -> None:
        """It is asked."""
        self._asked.setdefault(agent, deque()).append(now)

    def used(self, agent: str) -> int:
        """How often it was asked, as of when that was last of interest."""
        return len(self._asked.get(agent, ()))

    def allows(self, agent: str, now: float, *, spared: int = 0) -> bool:
        """Whether it may be asked once more, with so many of its day kept back."""
        times = self._asked.get(agent)
        if times is None:
            return True
        while times and times[0] + DAY_S <= now:
            times.popleft()
        if not times:
            del self._asked[agent]
            return True
        lately = sum(at + HOUR_S > now for at in times)
        return self.lab or (lately < self.hour and len(times) < self.day - spared)
