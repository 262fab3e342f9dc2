"""Holds what is seen against what a story expects. Pure: it is told what was seen and when.

An expectation is met when its cell shows what was asked for in time, and broken when the cell shows something else
after that and before the next expectation of the same cell begins.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.story import Cell, Expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What stood in a cell."""

    state: str
    mechanism: str | None


@dataclass(slots=True, kw_only=True)
class Result:
    """What became of an expectation; times in seconds of the story. `in_metrics`: the metrics said the same, too."""

    expected: Expectation
    met_at: float | None = None
    broken_at: float | None = None
    in_metrics: bool = False
    last: Seen | None = None
    broken_by: Seen | None = None

    @property
    def good(self) -> bool:
        return self.in_metrics and self.broken_at is None and self.took <= self.expected.within

    @property
    def took(self) -> float:
        """Seconds from the switch to what was expected."""
        return float("inf") if self.met_at is None else self.met_at - self.expected.at


def fits(expected: Expectation, seen: Seen) -> bool:
    return seen.state in expected.states and (not expected.mechanisms or seen.mechanism in expected.mechanisms)


class Referee:
    """Judges a story while it plays."""

    def __init__(self, expectations: Iterable[Expectation]) -> None:
        self.results = [Result(expected=expected) for expected in expectations]
        self._standing: dict[Cell, tuple[str, float]] = {}

    def see(self, now: float, cells: Mapping[Cell, Seen]) -> list[Result]:
        """Takes what is seen now; returns the results that changed by it."""
        self._remember(now, cells)
        changed = []
        for result in self.results:
            seen = cells.get(result.expected.cell)
            if (
                seen is not None
                and result.expected.at <= now < result.expected.until
                and self._judge(result, now, seen)
            ):
                changed.append(result)
        return changed

    def _remember(self, now: float, cells: Mapping[Cell, Seen]) -> None:
        """Since when each state has been seen to stand: the API tells no time within a minute."""
        for cell, seen in cells.items():
            known = self._standing.get(cell)
            if known is None or known[0] != seen.state:
                self._standing[cell] = (seen.state, float("-inf") if known is None else now)

    def _judge(self, result: Result, now: float, seen: Seen) -> bool:
        result.last = seen
        right = fits(result.expected, seen)
        if right and result.met_at is None:
            result.met_at = self._moment(result.expected, now)
            return True
        if not right and result.met_at is not None and result.broken_at is None:
            result.broken_at, result.broken_by = now, seen
            return True
        return False

    def _moment(self, expected: Expectation, now: float) -> float:
        """When it came about: where the state began after the switch, when that was seen.

        A state that stood before the switch and now bears another mechanism tells of no moment of its own.
        """
        _, since = self._standing[expected.cell]
        if since > expected.at:
            return since
        return now if expected.mechanisms else expected.at

    @property
    def unconfirmed(self) -> list[Result]:
        """Met, standing, and not yet seen in the metrics."""
        return [r for r in self.results if r.met_at is not None and r.broken_at is None and not r.in_metrics]

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if not result.good]
