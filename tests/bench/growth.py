"""Whether something grows faster than n log n. Pure."""

from collections.abc import Mapping, Sequence
from math import log

from bench.report import Bar

SLACK = 1.5
"""A machine that others use."""

Points = Sequence[tuple[int, Mapping[str, float]]]
"""Sizes, and what was measured at each."""


def allowed(small: int, large: int) -> float:
    """How many times as much something may be at a larger size."""
    return large * log(large) / (small * log(small)) if small > 1 else large * max(1.0, log(large))


def bars(name: str, points: Points, least: Mapping[str, float] | None = None) -> list[Bar]:
    """A bar for each thing: what it grew by over the last stretch of its curve.

    `least`: below it a value says nothing, and counts as that.
    """
    (small, before), (large, after) = points[-2:]
    floors = least or {}

    def times(what: str) -> float:
        floor = floors.get(what, 1e-9)
        return max(after[what], floor) / max(before[what], floor)

    most = allowed(small, large) * SLACK
    return [Bar(f"{what}, from {small:,} {name} to {large:,}, times", times(what), most) for what in after]
