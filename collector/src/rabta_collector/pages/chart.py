"""A timeline with its scale, and the windows of access in it. Pure.

A window of access is a time in which a platform was reachable between two blocks, and of three days at the most: X in
Pakistan in 2024 came back so for hours, at one ISP and not at the others. What lasted longer is an end of a block.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rabta_collector.pages.moments import DAY_S, HOUR_S, PKT, Length, Moment, make_length, make_moment
from rabta_collector.pages.strip import Frame, Strip, make_strip
from rabta_collector.rfc3339 import minute_of
from rabta_collector.timeline import Span
from rabta_proto.vocabulary import State

DAYS = (1, 7, 30, 90)
SLOTS = 720
WINDOW_AT_MOST_S = 3 * DAY_S
_CUT = (State.BLOCKED, State.THROTTLED)
_PAUSES = (State.INCONCLUSIVE, State.DISRUPTED)
_TICK_S = {1: 4 * HOUR_S, 7: DAY_S, 30: 5 * DAY_S, 90: 15 * DAY_S}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark of the scale; `percent` from its left. `month` is empty where a clock is told."""

    percent: str
    day: int
    month: str
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A window of access. `left` and `width` in percent of the frame."""

    since: Moment
    until: Moment
    length: Length
    left: str
    width: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What stood when in one cell."""

    strip: Strip
    access: tuple[Access, ...]


def make_frame(now: float, days: int) -> Frame:
    """Up to the end of the slot that `now` is in."""
    slot_s = days * DAY_S / SLOTS
    end = (now // slot_s + 1) * slot_s
    return Frame(begin=end - days * DAY_S, end=end, now=now, slots=SLOTS)


def make_ticks(frame: Frame, days: int) -> tuple[Tick, ...]:
    """At even hours, or at midnights, of Pakistan."""
    step = _TICK_S[days]
    offset = 5 * HOUR_S
    first = -(-(frame.begin + offset) // step) * step - offset
    times = [first + step * number for number in range(int((frame.end - first) // step) + 1)]
    return tuple(_tick(at, frame, days) for at in times if 0.02 < (at - frame.begin) / (frame.end - frame.begin) < 0.97)


def _tick(at: float, frame: Frame, days: int) -> Tick:
    moment = make_moment(at, at)
    local = datetime.fromtimestamp(at, UTC).astimezone(PKT)
    clock = moment.clock if days == 1 and local.hour else ""
    return Tick(percent=_percent(at, frame), day=moment.day, month="" if clock else moment.month, clock=clock)


def _percent(at: float, frame: Frame) -> str:
    return f"{(at - frame.begin) / (frame.end - frame.begin):.2%}"


def make_band(spans: Iterable[Span], frame: Frame) -> Band:
    """`spans` of one cell, in order of time."""
    some = list(spans)
    touching = [span for span in some if span.since < frame.end and (span.until is None or span.until > frame.begin)]
    windows = [span for span in find_access(some) if span.until is not None and span.until > frame.begin]
    return Band(strip=make_strip(touching, frame), access=tuple(_access(span, frame) for span in windows))


def find_access(spans: Sequence[Span]) -> Iterable[Span]:
    """Spans that are windows of access; `spans` of one cell, in order of time."""
    steady = [span for span in spans if span.state not in _PAUSES]
    for before, span, after in zip(steady, steady[1:], steady[2:], strict=False):
        between = before.state in _CUT and after.state in _CUT and span.state == State.REACHABLE
        if between and span.until is not None and span.until - span.since <= WINDOW_AT_MOST_S:
            yield span


def _access(span: Span, frame: Frame) -> Access:
    assert span.until is not None  # a window lies between two blocks
    since, until = max(minute_of(span.since), frame.begin), minute_of(span.until)
    return Access(
        since=make_moment(span.since, frame.now),
        until=make_moment(span.until, frame.now),
        length=make_length(span.until - span.since),
        left=_percent(since, frame),
        width=f"{max(0.004, (until - since) / (frame.end - frame.begin)):.2%}",
    )
