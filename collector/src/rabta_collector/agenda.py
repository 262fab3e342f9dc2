"""What is to be looked at again, and at which point of the decision grid. Pure.

The grid's points are `grid_s` apart and counted from 1970. An item stands in the agenda once, at its earliest point:
whoever looks at it enters it anew. A point that is past is never entered again, so looking always comes to an end.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import ceil

Item = tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Agenda:
    """`done` is the last point that is past; what is due at one point comes in the items' own order."""

    grid_s: float
    done: int = 0
    _heap: list[tuple[int, Item]] = field(default_factory=list)
    _points: dict[Item, int] = field(default_factory=dict)

    def enter_after(self, item: Item, moment: float) -> None:
        """Makes an item due at the first point after a moment."""
        self.enter(item, self.point_after(moment))

    def enter_at(self, item: Item, moment: float) -> None:
        """Makes an item due at the first point that is not before a moment."""
        self.enter(item, ceil(moment / self.grid_s))

    def point_after(self, moment: float) -> int:
        """The first point after a moment."""
        return int(moment // self.grid_s) + 1

    def enter(self, item: Item, point: int) -> None:
        """Makes an item due at a point, or at the next one where that is past."""
        if point <= self.done:
            point = self.done + 1
        known = self._points.get(item)
        if known is None or point < known:
            self._points[item] = point
            heappush(self._heap, (point, item))

    @property
    def next(self) -> int | None:
        """The next point at which something is due."""
        while self._heap and self._points.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, point: int) -> list[Item]:
        """Takes out everything due at this point or before, which is past from now on."""
        due: set[Item] = set()
        while (first := self.next) is not None and first <= point:
            _, item = heappop(self._heap)
            del self._points[item]
            due.add(item)
        self.done = max(self.done, point)
        return sorted(due)
