"""When a measurement was made, by our clock, as far as its agent's clock can be believed. Pure.

An agent says when it began by its own clock, and how far that clock is from ours where a session measured it. What
cannot be placed in time stays in the journal as it came, and takes no part in verdicts.
"""

from enum import StrEnum
from typing import NamedTuple

from rabta_proto.model import Measurement

NEGLIGIBLE_S = 1.0  # an offset of less is within the error of most, and is left out: times of one machine stay in order
EARLIEST = 1_704_067_200.0  # 2024-01-01: there was no agent before; clocks without a battery wake up in 1970
AHEAD_S = 86_400.0
OLDEST_S = 15 * 86_400.0  # a spool keeps what waits for fourteen days, as a rule


class Doubt(StrEnum):
    """Why a time cannot be believed: label values of `rabta_collector_doubted_times_total`."""

    JUMPED = "jumped"  # the agent's clock was set since, and nobody had measured how far it was off
    ANCIENT = "ancient"  # before there were agents
    STALE = "stale"  # by a clock of which is not known how far it is off, and older than a spool keeps anything
    AHEAD = "ahead"  # more than a day ahead: only in journals of before that was refused


class Moment(NamedTuple):
    """When a measurement began, in Unix seconds by our clock, unless there is a doubt. A tuple, for there are many."""

    at: float
    doubt: Doubt | None


def reckon(measurement: Measurement, now: float) -> Moment:
    """The moment of a measurement that came at `now`. Whatever an agent says, it is a number and raises nothing."""
    at, offset_us = measurement.began_us / 1e6, measurement.clock_offset_us
    if offset_us is not None and abs(offset_us) >= NEGLIGIBLE_S * 1e6:
        at += offset_us / 1e6
    return Moment(at, _doubt(measurement, at, now))


def placed(measurement: Measurement, now: float) -> float | None:
    """The same moment, `None` where there is a doubt; most clocks are as good as right, and raise none."""
    at, offset_us = measurement.began_us / 1e6, measurement.clock_offset_us
    near = max(EARLIEST, now - OLDEST_S) <= at <= now + AHEAD_S
    if near and not measurement.clock_jumped and (offset_us is None or abs(offset_us) < NEGLIGIBLE_S * 1e6):
        return at
    moment = reckon(measurement, now)
    return moment.at if moment.doubt is None else None


def _doubt(measurement: Measurement, at: float, now: float) -> Doubt | None:
    if measurement.clock_jumped:
        return Doubt.JUMPED
    if at < EARLIEST:
        return Doubt.ANCIENT
    if at > now + AHEAD_S:
        return Doubt.AHEAD
    if measurement.clock_offset_us is None and at < now - OLDEST_S:
        return Doubt.STALE
    return None
