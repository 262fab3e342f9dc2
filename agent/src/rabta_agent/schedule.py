"""When to measure what. Pure: the caller says what time it is and draws.

A target's turns are the moments when (now - phase) is a multiple of its interval, counted from the Unix epoch, so that
agents whose phases the collector staggered cover the time evenly without speaking to one another. Turns that were slept
through are left out, never caught up with: a machine that wakes must not burst.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rabta_agent.errands import Errand, Errands
from rabta_agent.plan import Assignment
from rabta_agent.rest import Rest
from rabta_proto.vocabulary import Depth

JITTER_SHARE = 0.05  # of the interval, so that a censor cannot tell the next turn by the clock
JITTER_MOST_S = 5.0

Draw = Callable[[], float]  # uniform within [0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One measurement to be made, at Unix seconds `at` or as soon after it as can be.

    `request`: the identifier of the "measure now" that asked for it, or 0. `reads`: the timed reads that it wants at
    the most; 0: a whole round.
    """

    assignment: Assignment
    depth: Depth
    at: float
    request: int = 0
    reads: int = 0


@dataclass(slots=True, kw_only=True)
class _Line:
    """Where one assignment stands: the number of its next turn, counted from 1970, and when that is."""

    assignment: Assignment
    offset: int  # drawn, so that agents' full measurements do not all fall on the same turns
    transfer_offset: int = 0  # likewise, for those with timed reads
    number: int = 0
    at: float = 0.0


class Schedule:
    """The turns of one plan, none of which comes before its target has rested.

    `rest` and `errands` outlive it: the limits, and what the collector asked for, hold across a change of plans.
    """

    def __init__(
        self, assignments: Sequence[Assignment], *, now: float, rest: Rest, errands: Errands, draw: Draw
    ) -> None:
        self._rest = rest
        self._draw = draw
        self._lines = [_line(entry, draw) for entry in assignments]
        self._errands = errands
        for line in self._lines:
            self._advance(line, now)

    def ask(self, errand: Errand) -> bool:
        """Takes what the collector asks for at once; false where it is not of this plan, or too much."""
        return self._line_of(errand) is not None and self._errands.offer(errand)

    def wait_s(self, now: float) -> float | None:
        """Seconds until something may be due; `None`: nothing ever is."""
        self._forgive_the_clock(now)
        if not self._lines:
            return None
        planned_s = max(0.0, min(map(self._possible_at, self._lines)) - now)
        asked_s = self._errands.wait_s(now, self._errand_possible_at)
        return planned_s if asked_s is None else min(planned_s, asked_s)

    def pop(self, now: float) -> Turn | None:
        """Takes what the collector asked for, or the turn that has been due longest, if any is."""
        self._forgive_the_clock(now)
        if (turn := self._pop_errand(now)) is not None:
            return turn
        due = [line for line in self._lines if self._possible_at(line) <= now]
        if not due:
            return None
        line = min(due, key=lambda entry: (entry.at, entry.assignment.priority))
        turn = Turn(assignment=line.assignment, depth=self._depth(line), at=line.at)
        self._advance(line, now)
        return turn

    def _pop_errand(self, now: float) -> Turn | None:
        errand = self._errands.pop(now, self._errand_possible_at)
        if errand is None:
            return None
        line = self._line_of(errand)
        if line is None:  # the plan changed meanwhile
            self._errands.refused += 1
            return None
        return Turn(assignment=line.assignment, depth=errand.depth, at=now, request=errand.request, reads=errand.reads)

    def _line_of(self, errand: Errand) -> _Line | None:
        wanted = (errand.platform, errand.target)
        return next((one for one in self._lines if (one.assignment.platform, one.assignment.target) == wanted), None)

    def _errand_possible_at(self, errand: Errand) -> float:
        return self._rest.free_at(errand.target, errand=True)

    def _possible_at(self, line: _Line) -> float:
        return max(line.at, self._rest.free_at(line.assignment.target))

    def _depth(self, line: _Line) -> Depth:
        entry = line.assignment
        if entry.transfer and entry.transfer_every and (line.number + line.transfer_offset) % entry.transfer_every == 0:
            return Depth.TRANSFER
        return Depth.FULL if (line.number + line.offset) % line.assignment.full_every == 0 else Depth.LIGHT

    def _advance(self, line: _Line, now: float) -> None:
        """Puts a line on its first turn after `now` that it has not had."""
        entry = line.assignment
        number = int(now * 1000 - entry.phase_ms) // entry.interval_ms + 1
        line.number = max(number, line.number + 1)
        jitter_s = self._draw() * min(JITTER_SHARE * entry.interval_ms / 1000, JITTER_MOST_S)
        line.at = (line.number * entry.interval_ms + entry.phase_ms) / 1000 + jitter_s

    def _forgive_the_clock(self, now: float) -> None:
        """A clock that was set back would leave every turn in a far future: start again from now."""
        self._rest.forgive(now)
        for line in self._lines:
            if line.at - now > 2 * line.assignment.interval_ms / 1000 + JITTER_MOST_S:
                line.number = 0
                self._advance(line, now)


def _line(entry: Assignment, draw: Draw) -> _Line:
    offset = int(draw() * entry.full_every)
    return _Line(
        assignment=entry, offset=offset, transfer_offset=int(draw() * entry.transfer_every) if entry.transfer else 0
    )


def all_at_once(assignments: Sequence[Assignment], now: float) -> list[Turn]:
    """Every target of a plan once, in full, most urgent first; one that several platforms have, for the first."""
    ordered = sorted(assignments, key=lambda entry: entry.priority)
    once = {Rest.key(entry.target): entry for entry in reversed(ordered)}
    return [Turn(assignment=entry, depth=Depth.FULL, at=now) for entry in reversed(once.values())]
