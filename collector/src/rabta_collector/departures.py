"""How often agents leave, anywhere in the country, of late: what is to be expected of those of one ISP. Pure, bounded.

A count for each stretch of `HAZARDS_S` is kept as departures come, so that asking costs nothing, when thousands of
sessions end at one moment too.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field

HAZARDS_S = (300.0, 1200.0)
"""Over so many seconds departures are counted; the worse of the two holds."""


@dataclass(slots=True, kw_only=True)
class Departures:
    """Sessions that broke off. `together_s`: those of one ISP within it may be one fall, and are left out."""

    together_s: float
    _lately: dict[float, deque[tuple[float, str]]] = field(
        default_factory=lambda: {reach_s: deque() for reach_s in HAZARDS_S}
    )
    _falling: defaultdict[str, deque[tuple[float, str]]] = field(default_factory=lambda: defaultdict(deque))

    def note(self, isp: str, at: float) -> None:
        """One more; they come in the order of their moments, Unix seconds."""
        for reach_s, moments in self._lately.items():
            moments.append((at, isp))
            _drop(moments, at - reach_s)
        self._falling[isp].append((at, isp))
        _drop(self._falling[isp], at - self.together_s)

    def explain(self, isp: str, since: float) -> None:
        """Those of an ISP from a moment on were an outage: they say nothing of how agents leave one by one."""
        for reach_s, moments in self._lately.items():
            self._lately[reach_s] = deque(one for one in moments if one[1] != isp or one[0] < since)
        self._falling.pop(isp, None)

    def hazard(self, isp: str, connected: int) -> float:
        """Departures per agent and second up to the last one, but for those that may be this ISP's fall.

        `connected`: agents that are there now, in the whole country.
        """
        own = len(self._falling.get(isp, ()))
        return max(_rate(len(moments) - own, connected, reach_s) for reach_s, moments in self._lately.items())


def _rate(departures: int, connected: int, reach_s: float) -> float:
    """Of all that were there at some time."""
    return departures / (reach_s * (connected + departures)) if departures > 0 else 0.0


def _drop(moments: deque[tuple[float, str]], until: float) -> None:
    while moments[0][0] <= until:
        moments.popleft()
