"""From many plays to the figures that are printed, and the bars that they are held against. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from statistics import median

from rabta_proto.vocabulary import State
from sim.affairs import AFFAIRS, AFFAIRS_BY_ID
from sim.score import ACCUSING, BINS, WINDOW_S, Wrong
from sim.stage import Show
from sim.year import Found

LIARS = ("liars claim", "liars hide", "one hand")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One affair at one size of fleet, all seeds together. Delays in seconds, `None` where nothing was found."""

    affair: str
    fleet: int
    blocks: int
    found: int
    median_s: float | None
    p95_s: float | None
    over_median_s: float | None  # for which it was said after its end
    over_p95_s: float | None
    accused: int  # verdicts `blocked` or `throttled` that nothing bears out
    disrupted: int  # the same for `disrupted`
    down: int  # ISPs wrongly said to be down
    windows: int  # of two minutes or more
    windows_found: int
    asked: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What was promised, and what came out. `value` `None`: it was not played."""

    name: str
    value: float | None
    bound: float
    least: bool = False  # the bound is the least and not the most

    @property
    def met(self) -> bool:
        return self.value is not None and (self.value >= self.bound if self.least else self.value < self.bound)

    @property
    def missed_by(self) -> float | None:
        return None if self.met or self.value is None else abs(self.value - self.bound)


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that so large a share of all does not exceed."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def rows(shows: Iterable[Show]) -> list[Row]:
    """A row for each affair and fleet, in the order in which affairs are told."""
    groups: dict[tuple[str, int], list[Show]] = {}
    for show in shows:
        groups.setdefault((show.job.affair, show.job.fleet), []).append(show)
    order = [affair.id for affair in AFFAIRS]
    return [_row(*key, groups[key]) for key in sorted(groups, key=lambda key: (order.index(key[0]), key[1]))]


def _row(affair: str, fleet: int, shows: Sequence[Show]) -> Row:
    found = [one for show in shows for one in show.score.found]
    delays = [one.after_s for one in found if one.after_s is not None]
    over = [one.after_s for show in shows for one in show.score.over]
    wrong = [one for show in shows for one in show.score.false]
    windows = _windows(shows)
    return Row(
        affair=affair,
        fleet=fleet,
        blocks=len(found),
        found=len(delays),
        median_s=median(delays) if delays else None,
        p95_s=percentile(delays, 0.95) if delays else None,
        over_median_s=_median(over),
        over_p95_s=_p95(over),
        accused=sum(map(_accuses, wrong)),
        disrupted=sum(one.stood.state == State.DISRUPTED for one in wrong),
        down=sum(one.place[1] is None for one in wrong),
        windows=len(windows),
        windows_found=sum(windows),
        asked=sum(show.asked for show in shows) / len(shows),
    )


def _accuses(wrong: Wrong) -> bool:
    return wrong.place[1] is not None and wrong.stood.state in ACCUSING


def _windows(shows: Iterable[Show]) -> list[bool]:
    return [shown for show in shows for lasts_s, shown in show.score.windows if lasts_s >= WINDOW_S]


def bars(shows: Sequence[Show]) -> list[Bar]:
    """What is promised of events."""
    first20, first5 = _delays(shows, "first", 20), _delays(shows, "first", 5)
    others, down = _delays(shows, "others", 20), _delays(shows, "down", 20)
    windows = _windows(show for show in shows if show.job.fleet == 20 and _bar(show) == "first")
    lies = [show for show in shows if show.job.affair in LIARS]
    return [
        Bar(name="priority 1, 20 agents: median (s)", value=_median(first20), bound=30),
        Bar(name="priority 1, 20 agents: 95th percentile (s)", value=_p95(first20), bound=90),
        Bar(name="the others, 20 agents: median (s)", value=_median(others), bound=180),
        Bar(name="priority 1, 5 agents: median (s)", value=_median(first5), bound=120),
        Bar(name="ISP down, 20 agents: median (s)", value=_median(down), bound=60),
        Bar(
            name="windows of 2 minutes, priority 1, 20 agents",
            value=sum(windows) / len(windows) if windows else None,
            bound=0.95,
            least=True,
        ),
        *_throttling_bars(shows),
        Bar(name="recall, 5 agents and more", value=_recall(shows), bound=0.99, least=True),
        Bar(name="blocks told by liars, or hidden", value=_swayed(lies) if lies else None, bound=1),
    ]


def _throttling_bars(shows: Sequence[Show]) -> list[Bar]:
    """Throttling is seen by timed reads alone, and so is its end."""
    told = []
    for fleet in (5, 20):
        over = [
            one.after_s
            for show in shows
            if show.job.fleet == fleet and _bar(show) == "timed"
            for one in show.score.over
        ]
        told.append(Bar(name=f"throttling over, {fleet} agents: median (s)", value=_median(over), bound=300))
        told.append(Bar(name=f"throttling over, {fleet} agents: 95th percentile (s)", value=_p95(over), bound=480))
    return told


def _bar(show: Show) -> str:
    return AFFAIRS_BY_ID[show.job.affair].bar


def _delays(shows: Iterable[Show], bar: str, fleet: int) -> list[float]:
    """A block that was never found counts as found at its end."""
    return [
        one.truth.lasts_s if one.after_s is None else one.after_s
        for show in shows
        if show.job.fleet == fleet and _bar(show) == bar
        for one in show.score.found
    ]


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _p95(values: Sequence[float]) -> float | None:
    return percentile(values, 0.95) if values else None


def _recall(shows: Iterable[Show]) -> float | None:
    found = [one.after_s is not None for show in shows if show.job.fleet >= 5 for one in show.score.found]
    return sum(found) / len(found) if found else None


def _swayed(shows: Iterable[Show]) -> int:
    """False verdicts that liars brought about, and blocks that they hid; `disrupted` is neither.

    With fewer than four agents none may lie.
    """
    wrong = [one for show in shows for one in show.score.false if _accuses(one)]
    hidden = [one for show in shows for one in show.score.found if one.after_s is None]
    return len(wrong) + len(hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Verdicts given a confidence within a bin, sampled every minute, and how many were right."""

    low: float
    high: float
    verdicts: int
    right: int


def reliability(shows: Iterable[Show]) -> list[Reliability]:
    """The table of confidence."""
    shows = list(shows)
    table = []
    for low, high in pairwise(BINS):
        counts = [show.score.bins[low] for show in shows]
        table.append(
            Reliability(
                low=low, high=min(high, 1.0), verdicts=sum(c[0] for c in counts), right=sum(c[1] for c in counts)
            )
        )
    return table


FEW = 3
"""Fewer agents than these: a verdict says so, and no rule can do much about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """What was wrongly said in a year of mere noise, at 30 ISPs of 1 to 200 agents. Verdicts a year.

    `accused`: blocked or throttled, of three agents or more; `accused_few`: of one or two.
    """

    days: float
    accused: float
    accused_few: float
    disrupted: float
    disrupted_few: float
    down: float
    failures: int
    stretches: int
    hours: float
    measurements: int


def year(found: Sequence[Found], silent: Sequence[Found], days: float) -> Year:
    """`found`: of ISPs' years and site outages; `silent`: of ISPs' own states."""
    scale = 365 / days
    told: dict[tuple[bool, bool], float] = {}
    for job in found:
        for mistake in job.mistakes:
            if mistake.wrong.place[1] is None:
                continue  # an ISP that is played alone: `silent` has what is said of ISPs
            key = _accuses(mistake.wrong), mistake.agents < FEW
            told[key] = told.get(key, 0.0) + job.weight * scale
    silent_days = sum(job.played_s for job in silent) / 86_400
    return Year(
        days=days,
        accused=told.get((True, False), 0.0),
        accused_few=told.get((True, True), 0.0),
        disrupted=told.get((False, False), 0.0),
        disrupted_few=told.get((False, True), 0.0),
        down=sum(len(job.mistakes) for job in silent) * 365 / silent_days if silent_days else 0.0,
        failures=sum(job.failures for job in found),
        stretches=sum(job.stretches for job in found),
        hours=sum(job.played_s for job in found) / 3600,
        measurements=sum(job.measurements for job in found),
    )


def year_bars(one: Year) -> list[Bar]:
    """What is promised of quiet times."""
    return [
        Bar(name="false blocked or throttled a year, 3 agents and more", value=one.accused, bound=1),
        Bar(name="the same, all ISPs", value=one.accused + one.accused_few, bound=1),
        Bar(name="ISPs wrongly said to be down, a year", value=one.down, bound=1),
    ]
