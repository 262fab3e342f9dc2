"""How much was measured of one cell, day by day: from the counts, so that a quarter costs no more than a day. Pure.

A day without a measurement is a fact, too, and stands among the others. Days are those of UTC, as in the archive and
in `/api/v1/counts`; they begin at five in the morning in Pakistan.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rabta_collector.pages.moments import DAY_S, MONTHS
from rabta_collector.pages.strip import TOP, Bar, Frame
from rabta_collector.query import By, Query
from rabta_collector.record.counts import Counted
from rabta_proto.vocabulary import Judgement, State

SHOWN_AS = {
    Judgement.OK: State.REACHABLE,
    Judgement.INCONCLUSIVE: State.INCONCLUSIVE,
    Judgement.DOWN: State.DOWN,
    Judgement.THROTTLED: State.THROTTLED,
    Judgement.BLOCKED: State.BLOCKED,
}
"""What was found of single measurements, from the foot of a bar to its top, in the colours of states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """`machine` as `2024-02-17`; `found`: measurements by what was found of them, in the order of `SHOWN_AS`."""

    machine: str
    day: int
    month: str
    measurements: int
    agents: int
    found: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """`days`: from the first that anything was counted of, the newest first.

    `bars`: shares of each day, one colour each, drawn on the ground of a timeline's strip.
    """

    days: tuple[Day, ...]
    bars: tuple[Bar, ...]


def ask_for_days(platform: str, isp: str, frame: Frame) -> Query:
    """The counts of a cell of the days that a frame touches."""
    since = frame.begin // DAY_S * DAY_S
    return Query(platform=platform, isp=isp, since=since, by=By.DAY, limit=int((frame.end - since) // DAY_S) + 1)


def make_daily(counts: Iterable[Counted], frame: Frame) -> Daily:
    """`counts`: by day, of one cell."""
    known = {count.at: count for count in counts}
    today = int(frame.now // DAY_S * DAY_S)
    each = range(min(known, default=today + DAY_S), today + 1, DAY_S)
    return Daily(days=tuple(_day(at, known.get(at)) for at in reversed(each)), bars=tuple(_bars(known, frame)))


def day_row(count: Counted) -> Mapping[str, object]:
    """For what is kept of a page."""
    return {
        "day": _date(count.at).date().isoformat(),
        "measurements": sum(count.found.values()),
        "agents": count.agents,
        **count.found,
    }


def _day(at: int, count: Counted | None) -> Day:
    date, found = _date(at), _found(count)
    return Day(
        machine=date.date().isoformat(),
        day=date.day,
        month=MONTHS[date.month - 1],
        measurements=sum(found),
        agents=0 if count is None else count.agents,
        found=found,
    )


def _found(count: Counted | None) -> tuple[int, ...]:
    return tuple(0 if count is None else count.found[str(judgement)] for judgement in SHOWN_AS)


def _date(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _bars(known: Mapping[int, Counted], frame: Frame) -> Iterable[Bar]:
    shares = {at: _shares(_found(count)) for at, count in known.items()}
    for number, state in enumerate(SHOWN_AS.values()):
        path = "".join(_block(at, share[number], frame) for at, share in sorted(shares.items()))
        if path:
            yield Bar(state=str(state), path=path)


def _shares(found: Sequence[int]) -> list[tuple[float, float]]:
    """Of each kind where its part of the bar begins and how high it is, from the foot."""
    whole, foot, parts = sum(found), 0.0, []
    for number in found:
        height = TOP * number / whole if whole else 0.0
        parts.append((foot, height))
        foot += height
    return parts


def _block(at: int, part: tuple[float, float], frame: Frame) -> str:
    """A rectangle on the ground of the strip; empty where there is none."""
    foot, height = part
    left, right = max(0.0, frame.slot(at)), min(float(frame.slots), frame.slot(at + DAY_S))
    if not height or right <= left:
        return ""
    width = right - left
    return f"M{left:.4g} {TOP - foot - height:.4g}h{width:.4g}v{height:.4g}h-{width:.4g}z"
