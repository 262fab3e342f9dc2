"""Which measurements are in the journal, by (agent, epoch, sequence): what makes them count exactly once.

Sequence numbers come in runs, so each (agent, epoch) is a few ranges, both ends included, disjoint and not adjacent.
Rebuilt from the journal at each start. Pure.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

MAX_EPOCHS = 64  # of one agent: a new one is made only when a spool is lost
MAX_RANGES = 10_000  # of one epoch: a hostile agent could leave gaps on purpose


class Ranges:
    """A set of whole numbers, as ranges."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __len__(self) -> int:
        return len(self._firsts)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def add(self, first: int, last: int) -> None:
        """Adds every number from `first` to `last`."""
        start = bisect_left(self._lasts, first - 1)
        end = bisect_right(self._firsts, last + 1)
        if start < end:
            first, last = min(first, self._firsts[start]), max(last, self._lasts[end - 1])
        self._firsts[start:end] = [first]
        self._lasts[start:end] = [last]

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        return tuple(zip(self._firsts, self._lasts, strict=True))


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of adjacent numbers, both ends included, of numbers in any order."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number <= found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


class Seen:
    """Every measurement that is on disk."""

    def __init__(self) -> None:
        self._agents: dict[str, dict[int, Ranges]] = {}

    def has(self, agent: str, epoch: int, sequence: int) -> bool:
        ranges = self._agents.get(agent, {}).get(epoch)
        return ranges is not None and sequence in ranges

    def add(self, agent: str, epoch: int, sequences: Iterable[int]) -> None:
        """Remembers numbers in any order."""
        for first, last in runs(sequences):
            self.add_range(agent, epoch, first, last)

    def add_range(self, agent: str, epoch: int, first: int, last: int) -> None:
        self._agents.setdefault(agent, {}).setdefault(epoch, Ranges()).add(first, last)

    def has_room(self, agent: str, epoch: int) -> bool:
        """Whether one more batch of this agent may be remembered."""
        epochs = self._agents.get(agent, {})
        if epoch not in epochs:
            return len(epochs) < MAX_EPOCHS
        return len(epochs[epoch]) < MAX_RANGES
