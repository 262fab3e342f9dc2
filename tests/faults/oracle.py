"""Compares what was produced and acknowledged with what both ends hold. Pure.

The law: every acknowledged measurement is in the journal exactly once; every other one that a spool gave a number to is
in the journal or still in the spool, or the spool says that it dropped it, or that the collector refused it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from faults.books import SpoolBook
from faults.diary import Diary, Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Counts of measurements; of all but the first two each one is a fault."""

    records: int = 0  # that a number was given to
    waiting: int = 0  # that are in the spool
    lost: int = 0  # that are nowhere, beyond those that the spool says it dropped or that were refused
    unkept: int = 0  # that were acknowledged and are not in the journal
    twice: int = 0  # that the journal holds more often than once
    changed: int = 0  # that hold another mark than was produced
    invented: int = 0  # in the journal, under a number that the spool never gave
    miscounted: int = 0  # by which the spool's counters miss what it holds

    @property
    def good(self) -> bool:
        return not any(getattr(self, name) for name in FAULTS)

    def __add__(self, other: "Finding") -> "Finding":
        return Finding(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})

    def figures(self) -> dict[str, int]:
        """All counts by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def __str__(self) -> str:
        return " ".join(f"{name}={count}" for name, count in self.figures().items())


FAULTS = ("lost", "unkept", "twice", "changed", "invented", "miscounted")


def compare(diary: Diary, spool: SpoolBook, journal: Mapping[Key, list[int]], *, last: int = 0) -> Finding:
    """One agent's accounts. The diary must have been read first, then the spool, then the journal.

    `last`: the spool's last number as it was read once more after all of these, where the agent goes on meanwhile: up
    to there the journal may be ahead of what was read of the spool.
    """
    since = {(spool.epoch, number) for number in range(spool.last + 1, last + 1)}
    numbered = {(spool.epoch, number) for number in range(1, spool.last + 1)} | diary.produced.keys()
    missing = numbered - journal.keys() - spool.waiting.keys()
    given_up = spool.counters["dropped"] + spool.counters["rejected"]
    marks = [(key, mark) for key, found in journal.items() for mark in found] + list(spool.waiting.items())
    return Finding(
        records=len(numbered),
        waiting=len(spool.waiting),
        lost=max(0, len(missing) - given_up),
        unkept=len(diary.settled - journal.keys()),
        twice=sum(len(found) - 1 for found in journal.values()),
        changed=sum(diary.produced.get(key, mark) != mark for key, mark in marks),
        invented=len(journal.keys() - numbered - since),
        miscounted=_miscounted(spool),
    )


def _miscounted(spool: SpoolBook) -> int:
    """By the spool's own law: produced = acked + rejected + dropped + waiting."""
    counters = spool.counters
    ended = counters["acked"] + counters["rejected"] + counters["dropped"]
    return abs(counters["produced"] - ended - len(spool.waiting))
