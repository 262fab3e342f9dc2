"""Which of many things expires when: each at the moment that was noted last for it. Pure.

A heap that may hold moments that do not count any more; they are left out when they come to its top, and all at once
where they are more than those that count. So noting costs the logarithm of how many there are, and a look nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

SPARE = 64
"""Moments that do not count, of which it is not worth getting rid."""


@dataclass(slots=True)
class Expiries:
    """By key. In the order of moments, and of keys where these are the same."""

    _moments: dict[str, float] = field(default_factory=dict)
    _heap: list[tuple[float, str]] = field(default_factory=list)

    def note(self, key: str, moment: float) -> None:
        """Something expires then, whatever was said of it before."""
        if self._moments.get(key) == moment:
            return
        self._moments[key] = moment
        heappush(self._heap, (moment, key))
        if len(self._heap) > 2 * len(self._moments) + SPARE:
            self._heap = [(moment, key) for key, moment in self._moments.items()]
            heapify(self._heap)

    @property
    def next(self) -> float | None:
        """When the next one expires."""
        heap, moments = self._heap, self._moments
        while heap and moments.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def take(self, now: float) -> Iterator[str]:
        """What has expired, which is forgotten; what is noted anew meanwhile is looked at again."""
        while (moment := self.next) is not None and moment <= now:
            _, key = heappop(self._heap)
            del self._moments[key]
            yield key
