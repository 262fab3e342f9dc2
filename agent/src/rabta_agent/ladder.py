"""Which way to try next, of several to one collector, best first. Pure: times are the caller's monotonic seconds.

The way that worked is kept, over restarts too; from one that is not the best, the better ones are tried again after
RETRY_S, and then at pauses that double up to RETRY_CAP_S, because each try costs a moment without the link. A way that
fails gives way to the best one not tried since the last that worked; after a whole round all of them are tried again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rabta_agent.endpoint import Endpoint

RETRY_S = 3600.0
RETRY_CAP_S = 24 * 3600.0
PATIENCE = 2  # sessions in a row that began and came to nothing, before another way is tried


@dataclass(slots=True)
class Ladder:
    """The ways, and where on them we stand. `worked`: the one that worked last, as text; empty: none."""

    ways: Sequence[Endpoint]
    worked: str = ""
    _at: int = 0
    _tried: set[int] = field(default_factory=set)
    _stumbles: int = 0
    _retry_s: float = 0.0

    def __post_init__(self) -> None:
        known = [str(way) for way in self.ways]
        self._at = known.index(self.worked) if self.worked in known else 0
        self._retry_s = RETRY_S

    @property
    def current(self) -> Endpoint:
        return self.ways[self._at]

    @property
    def stay_s(self) -> float | None:
        """How long to stay on this way before better ones are tried again; `None`: it is the best."""
        return self._retry_s if self._at else None

    def held(self) -> None:
        """The current way works."""
        if self._at == 0:
            self._retry_s = RETRY_S
        self.worked = str(self.current)
        self._tried.clear()
        self._stumbles = 0

    def slipped(self) -> None:
        """A session began on the current way and came to nothing."""
        self._stumbles += 1
        if self._stumbles >= PATIENCE:
            self.failed()

    def failed(self) -> None:
        """The current way does not work."""
        self._stumbles = 0
        self._tried.add(self._at)
        left = [number for number in range(len(self.ways)) if number not in self._tried]
        if not left:
            self._tried.clear()
            left = list(range(len(self.ways)))
        self._at = left[0]

    def look_up(self) -> None:
        """The stay is over: the better ways are tried, and then this one again."""
        self._retry_s = min(self._retry_s * 2, RETRY_CAP_S)
        self._tried = set()
        self._at = 0
