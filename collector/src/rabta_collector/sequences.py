"""Which measurements are in the journal, by (agent, epoch, sequence): what makes them count exactly once.

Sequence numbers come in runs, so each (agent, epoch) is a few ranges, both ends included, disjoint and not adjacent.
An agent costs a bounded memory: what is beyond its bounds is forgotten from the far end, as a receiver's window against
replays moves on (RFC 4303, section 3.4.3). What lies there is `FORGOTTEN` from then on, whether it ever came or not: it
is not taken, so that nothing counts twice, and not called a duplicate, so that nothing is lost in silence.
Rebuilt from the journal at each start, in its order, to the same state. Pure.
"""

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

MAX_RANGES = 1024  # of one agent, over its epochs
MAX_EPOCHS = 16  # of one agent that are known by ranges: a new one is made only when a spool is lost
MAX_EPOCHS_EVER = 256  # of one agent, with those of which only the number is known


class Ranges:
    """A set of whole numbers, as ranges."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self) -> None:
        self._firsts = array("q")
        self._lasts = array("q")

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
        self._firsts[start:end] = array("q", (first,))
        self._lasts[start:end] = array("q", (last,))

    def ends_before(self, number: int) -> bool:
        """Whether every number in it is lower."""
        return not self._lasts or self._lasts[-1] < number

    def drop_lowest(self) -> int:
        """Forgets the lowest range; its last number."""
        self._firsts.pop(0)
        return self._lasts.pop(0)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        return tuple(zip(self._firsts, self._lasts, strict=True))


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of adjacent numbers, both ends included, of numbers in any order."""
    found: list[tuple[int, int]] = []
    ordered = sorted(numbers)
    if ordered and ordered == list(range(ordered[0], ordered[0] + len(ordered))):
        return [(ordered[0], ordered[-1])]  # as most are
    for number in ordered:
        if found and number <= found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


class Standing(StrEnum):
    """What is known of one number."""

    NEW = "new"  # not in the journal
    KNOWN = "known"  # in the journal
    FORGOTTEN = "forgotten"  # so far behind that it is not known any more
    BEYOND = "beyond"  # of one epoch more than any agent has


@dataclass(slots=True)
class _Epoch:
    """What is known of one spool: everything up to `floor` is forgotten."""

    ranges: Ranges = field(default_factory=Ranges)
    floor: int = 0


@dataclass(slots=True)
class _Agent:
    """What is known of one agent. `epochs`: the one that was heard of last comes last."""

    epochs: dict[int, _Epoch] = field(default_factory=dict)
    retired: set[int] = field(default_factory=set)
    ranges: int = 0


class Seen:
    """Every measurement that is on disk."""

    def __init__(
        self, *, max_ranges: int = MAX_RANGES, max_epochs: int = MAX_EPOCHS, max_ever: int = MAX_EPOCHS_EVER
    ) -> None:
        self._max_ranges, self._max_epochs, self._max_ever = max_ranges, max_epochs, max_ever
        self._agents: dict[str, _Agent] = {}

    def has(self, agent: str, epoch: int, sequence: int) -> bool:
        return self.standing(agent, epoch, sequence) is Standing.KNOWN

    def standing(self, agent: str, epoch: int, sequence: int) -> Standing:
        """What is known of a number; only one that is `NEW` may be journaled."""
        one = self._agents.get(agent)
        if one is None:
            return Standing.NEW
        known = one.epochs.get(epoch)
        if known is not None:
            if sequence <= known.floor:
                return Standing.FORGOTTEN
            return Standing.KNOWN if sequence in known.ranges else Standing.NEW
        if epoch in one.retired:
            return Standing.FORGOTTEN
        return Standing.NEW if len(one.epochs) + len(one.retired) < self._max_ever else Standing.BEYOND

    def is_ahead(self, agent: str, epoch: int, sequence: int) -> bool:
        """Whether this number and all beyond it are `NEW`."""
        one = self._agents.get(agent)
        known = None if one is None else one.epochs.get(epoch)
        return known is not None and sequence > known.floor and known.ranges.ends_before(sequence)

    def add(self, agent: str, epoch: int, sequences: Iterable[int]) -> None:
        """Remembers numbers in any order."""
        for first, last in runs(sequences):
            self.add_range(agent, epoch, first, last)

    def add_range(self, agent: str, epoch: int, first: int, last: int) -> None:
        """Remembers every number from `first` to `last`; may forget what is far behind."""
        one = self._agents.setdefault(agent, _Agent())
        if epoch in one.retired:
            return
        known = self._latest(one, epoch)
        first = max(first, known.floor + 1)
        if first > last:
            return
        before = len(known.ranges)
        known.ranges.add(first, last)
        one.ranges += len(known.ranges) - before
        while one.ranges > self._max_ranges:
            behind = next(entry for entry in one.epochs.values() if len(entry.ranges))
            behind.floor = behind.ranges.drop_lowest()
            one.ranges -= 1

    def _latest(self, one: _Agent, epoch: int) -> _Epoch:
        """An epoch, put last; the one that was heard of longest ago gives way to a new one."""
        if next(reversed(one.epochs), None) != epoch:
            one.epochs[epoch] = one.epochs.pop(epoch) if epoch in one.epochs else _Epoch()
            if len(one.epochs) > self._max_epochs:
                oldest = next(iter(one.epochs))
                one.ranges -= len(one.epochs.pop(oldest).ranges)
                one.retired.add(oldest)
        return one.epochs[epoch]

    def pack(self, agent: str) -> bytes:
        """What is known of an agent, for `unpack`: JSON."""
        one = self._agents.get(agent, _Agent())
        epochs = [[number, known.floor, known.ranges.pairs] for number, known in one.epochs.items()]
        return json.dumps({"epochs": epochs, "retired": sorted(one.retired)}, separators=(",", ":")).encode()

    def unpack(self, agent: str, packed: bytes) -> None:
        """Knows of an agent what was packed, and nothing else. Raises `ValueError`."""
        found, one = json.loads(packed), _Agent()
        for number, floor, pairs in found["epochs"]:
            one.epochs[number] = epoch = _Epoch(floor=floor)
            for first, last in pairs:
                epoch.ranges.add(first, last)
            one.ranges += len(epoch.ranges)
        one.retired = set(found["retired"])
        self._agents[agent] = one

    def size(self, agent: str) -> tuple[int, int, int]:
        """What an agent costs: ranges, epochs known by ranges, and epochs ever."""
        one = self._agents.get(agent, _Agent())
        return one.ranges, len(one.epochs), len(one.epochs) + len(one.retired)
