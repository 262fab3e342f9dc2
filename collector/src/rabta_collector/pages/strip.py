"""What stood when, drawn as bars: the last 24 hours in a cell of the matrix, and longer times on other pages. Pure.

Time is cut into equal slots, and each shows the worst that stood in it, so that a brief block is seen. A strip's slots
are quarters of an hour: it changes four times an hour, or when a state does. Heights differ by state, so that nothing
hangs on colour.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rabta_collector.pages.moments import DAY_S, Length, make_length
from rabta_collector.pages.words import SEVERITY
from rabta_collector.timeline import Span

SLOT_S = 900
SLOTS = DAY_S // SLOT_S
TOP = 8
"""Height of everything drawn, in its own units."""

HEIGHTS = {"blocked": 8, "throttled": 6, "disrupted": 6, "degraded": 6, "down": 5, "reachable": 2, "up": 2}
_RANK = {state: rank for rank, state in enumerate(SEVERITY)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A stretch of time, cut into slots; nothing is drawn after `now`. Unix seconds."""

    begin: float
    end: float
    now: float
    slots: int

    def slot(self, at: float) -> float:
        return (at - self.begin) * self.slots / (self.end - self.begin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """All slots of one state, as one path of SVG."""

    state: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How long a state stood, all together."""

    state: str
    length: Length


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """`bars` and `shares`: the worst state first. `calm`: one state stood all the time."""

    bars: tuple[Bar, ...]
    shares: tuple[Share, ...]
    calm: bool


def day_before(now: float) -> Frame:
    """The 24 hours that end with the quarter of an hour that a moment is in."""
    end = now // SLOT_S * SLOT_S + SLOT_S
    return Frame(begin=end - DAY_S, end=end, now=now, slots=SLOTS)


def make_strip(spans: Iterable[Span], frame: Frame) -> Strip:
    """Of one cell's spans, those that touch the frame."""
    slots: list[str | None] = [None] * frame.slots
    lengths: dict[str, float] = {}
    for span in spans:
        since = max(span.since, frame.begin)
        until = min(frame.now if span.until is None else span.until, frame.now)
        if until <= since and span.until is not None:
            continue
        lengths[span.state] = lengths.get(span.state, 0.0) + max(0.0, until - since)
        first, last = int(frame.slot(since)), -int(-frame.slot(until) // 1)
        for slot in range(first, min(max(last, first + 1), frame.slots)):
            slots[slot] = _worse(slots[slot], span.state)
    seen = sorted({state for state in slots if state}, key=rank)
    return Strip(
        bars=tuple(Bar(state=state, path=_path(slots, state)) for state in seen),
        shares=tuple(Share(state=state, length=make_length(lengths[state])) for state in sorted(lengths, key=rank)),
        calm=len(set(slots)) == 1,
    )


def make_strips(spans: Sequence[Span], now: float) -> Mapping[tuple[str | None, str], Strip]:
    """Of every cell that has spans within the last day; `spans` come cell by cell."""
    frame = day_before(now)
    recent = [span for span in spans if span.until is None or span.until > frame.begin]
    return {cell: make_strip(some, frame) for cell, some in groupby(recent, key=lambda span: (span.platform, span.isp))}


def rank(state: str) -> int:
    """Where a state stands among those that hide each other."""
    return _RANK.get(state, len(SEVERITY))


def _worse(one: str | None, other: str) -> str:
    return other if one is None or rank(other) < rank(one) else one


def _path(slots: Sequence[str | None], state: str) -> str:
    """Rectangles on the ground of the strip, one for each run of slots."""
    height = HEIGHTS.get(state, 3)
    parts, at = [], 0
    for found, run in groupby(slots):
        width = len(list(run))
        if found == state:
            parts.append(f"M{at} {TOP - height}h{width}v{height}h-{width}z")
        at += width
    return "".join(parts)
