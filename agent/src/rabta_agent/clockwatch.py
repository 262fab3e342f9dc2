"""How far the wall clock is off, and whether somebody has set it. Pure.

The steady clock runs evenly from the machine's start, also while it sleeps; the wall clock can be set. How far the wall
clock is ahead of the steady one therefore changes by a little (it is slewed) or at once (it was set). Between two
settings lies an era, in which one offset from the collector's clock holds for everything that was measured.

An offset is reckoned as RFC 5905 does (section 8): what the collector's clock showed, against the middle of the round
trip. It is wrong by at most half of that trip, and by what the clock drifts from then on.
"""

from dataclasses import dataclass

JUMP_US = 1_000_000  # more than clocks are slewed between two looks; a jump of less is within the error of most offsets
DRIFT = 100e-6  # of a cheap clock, in seconds a second
MOST_ERROR_US = 2_000_000  # an offset that is surer than this is worth keeping
LATE_US = 5_000_000  # a measurement is put into the spool so soon after its end, even on a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Both clocks at one moment, in microseconds."""

    wall_us: int
    steady_us: int

    @property
    def ahead_us(self) -> int:
        """How far the wall clock is ahead of the steady one."""
        return self.wall_us - self.steady_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """What to add to the wall clock for the collector's, by how much it may be wrong, and when it was measured."""

    offset_us: int
    error_us: int
    steady_us: int


def same_era(before_us: int, now_us: int) -> bool:
    """Whether the clock ran on between two looks, by how far it was ahead at each."""
    return abs(now_us - before_us) <= JUMP_US


def reckon(sent: Clocks, collector_us: int, received: Clocks) -> Offset | None:
    """The offset by one round trip; `None`: the clock was set meanwhile, or the trip took too long to tell."""
    trip_us = received.steady_us - sent.steady_us
    if abs(received.ahead_us - sent.ahead_us) > JUMP_US or not 0 <= trip_us <= 2 * MOST_ERROR_US:
        return None
    middle_us = received.wall_us - trip_us // 2
    return Offset(offset_us=collector_us - middle_us, error_us=(trip_us + 1) // 2, steady_us=received.steady_us)


def better(held: Offset | None, new: Offset) -> Offset:
    """The surer of two, where one that is held gets less sure with time: so the shortest trip of late counts."""
    if held is None:
        return new
    aged_us = held.error_us + DRIFT * max(0, new.steady_us - held.steady_us)
    return new if new.error_us <= aged_us else held


def belongs(ended_us: int, clocks: Clocks, ahead_us: int) -> bool:
    """Whether a measurement that ended a moment ago, by its own wall clock, had one that was so far ahead."""
    return -JUMP_US <= clocks.steady_us + ahead_us - ended_us <= LATE_US
