"""What the page shows, in words: a country as rows, columns, headlines and latest changes. Pure.

A state is always a symbol and a word, and a colour only besides. Times are Pakistan's for all readers: evidence that is
quoted must not depend on where it was read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from rabta_collector.catalogue import Catalogue, Platform
from rabta_collector.rfc3339 import format_time
from rabta_collector.state import Event, IspStatus, Snapshot, Verdict
from rabta_proto.vocabulary import IspKind, IspState, State

PKT = timezone(timedelta(hours=5), "PKT")  # no summer time

SYMBOLS = {
    State.REACHABLE: "✓",
    State.BLOCKED: "✕",
    State.THROTTLED: "◔",
    State.DISRUPTED: "◐",
    State.DOWN: "▼",
    State.INCONCLUSIVE: "?",
    IspState.UP: "✓",
    IspState.DEGRADED: "◐",
    IspState.UNKNOWN: "?",
}  # both kinds of `down` are one word, and one symbol
MEANINGS = {
    State.REACHABLE: "nearly all agents there reach it",
    State.BLOCKED: "something on the way keeps users from it",
    State.THROTTLED: "reached, but slowed by its name",
    State.DISRUPTED: "part of the agents, or part of the time",
    State.DOWN: "fails from abroad, too",
    State.INCONCLUSIVE: "not known",
}
TROUBLES = (State.BLOCKED, State.THROTTLED, State.DISRUPTED, State.DOWN)
ISP_TROUBLES = (IspState.DOWN, IspState.DEGRADED)
KINDS = {IspKind.FIXED: "Fixed lines", IspKind.MOBILE: "Mobile", IspKind.OTHER: "Other networks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time: for machines, and short for people, always with the day."""

    machine: str
    short: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A state as it is shown; `word` also names its style."""

    symbol: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One platform at one ISP. `backing`: how many agents voted, and the confidence that this gives."""

    isp: str
    isp_name: str
    mark: Mark
    mechanism: str | None
    since: Moment
    backing: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One platform. A cell is `None` where no verdict exists."""

    id: str
    name: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One ISP."""

    id: str
    name: str
    mark: Mark
    connected: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """ISPs of one kind, side by side."""

    title: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """Where a platform, or an ISP as a whole, is in one state; `since` when at the first of them."""

    subject: str
    mark: Mark
    places: tuple[str, ...]
    since: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An event."""

    at: Moment
    subject: str
    before: Mark
    after: Mark
    mechanism: str | None
    detected_after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything on the page that changes with the country. Two that are equal look the same.

    `headlines` are troubles, `unknowns` what is not known; where an ISP is down as a whole, its platforms go unsaid.
    """

    groups: tuple[Group, ...]
    rows: tuple[Row, ...]
    headlines: tuple[Headline, ...]
    unknowns: tuple[Headline, ...]
    changes: tuple[Change, ...]
    without_agents: tuple[str, ...]
    controls: int

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(column for group in self.groups for column in group.columns)


def make_overview(snapshot: Snapshot, catalogue: Catalogue, events: Sequence[Event]) -> Overview:
    """`events` oldest first, as many as are to be shown."""
    judged = {verdict.isp for verdict in snapshot.verdicts}
    shown = [isp for isp in snapshot.isps if isp.isp in judged or isp.agents_connected or isp.agents_expected]
    groups = _groups(shown, snapshot.at)
    isps = [column.id for group in groups for column in group.columns]
    names = _Names(
        platforms={platform.id: platform.name for platform in catalogue.platforms},
        isps={isp.isp: isp.name for isp in snapshot.isps},
    )
    verdicts = {(verdict.platform, verdict.isp): verdict for verdict in snapshot.verdicts}
    rows = [_row(platform, isps, verdicts, names, snapshot.at) for platform in catalogue.platforms]
    shown_ids = set(isps)
    return Overview(
        groups=groups,
        rows=tuple(rows) if groups else (),
        headlines=(*_isp_headlines(shown, snapshot.at), *_headlines(catalogue, isps, verdicts, names, snapshot.at)),
        unknowns=tuple(_unknowns(catalogue, shown, verdicts, names, snapshot.at)),
        changes=tuple(_change(event, names, snapshot.at) for event in reversed(events)),
        without_agents=tuple(isp.name for isp in snapshot.isps if isp.isp not in shown_ids),
        controls=snapshot.controls_connected,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What people call things; what has no name is called by its identifier."""

    platforms: Mapping[str, str]
    isps: Mapping[str, str]

    def subject(self, platform: str | None, isp: str) -> str:
        place = self.isps.get(isp, isp)
        return place if platform is None else f"{self.platforms.get(platform, platform)} at {place}"


def make_moment(at: float, now: float, *, seconds: bool = False) -> Moment:
    """`17 Feb 22:00`, of another year `17 Feb 2023 22:00`; with `seconds` to the second."""
    local, today = (datetime.fromtimestamp(time, UTC).astimezone(PKT) for time in (at, now))
    year = "" if local.year == today.year else f" {local.year}"
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return Moment(machine=format_time(at), short=f"{local.day} {local:%b}{year} {clock}")


def make_clock(at: float) -> Moment:
    """`17 Feb 2024 22:00:00`: a picture of the page has to say of when it is."""
    return make_moment(at, 0.0, seconds=True)


def make_mark(state: str) -> Mark:
    known: Mapping[str, str] = {str(word): symbol for word, symbol in SYMBOLS.items()}
    return Mark(symbol=known.get(state, "?"), word=state)


def _groups(isps: Iterable[IspStatus], now: float) -> tuple[Group, ...]:
    columns: dict[IspKind, list[Column]] = {kind: [] for kind in KINDS}
    for isp in isps:
        column = Column(
            id=isp.isp,
            name=isp.name,
            mark=make_mark(isp.state),
            connected=isp.agents_connected,
            expected=isp.agents_expected,
        )
        columns[isp.kind].append(column)
    return tuple(Group(title=KINDS[kind], columns=tuple(some)) for kind, some in columns.items() if some)


def _row(
    platform: Platform, isps: Iterable[str], verdicts: Mapping[tuple[str, str], Verdict], names: _Names, now: float
) -> Row:
    found = (verdicts.get((platform.id, isp)) for isp in isps)
    return Row(
        id=platform.id,
        name=platform.name,
        cells=tuple(None if verdict is None else _cell(verdict, names, now) for verdict in found),
    )


def _cell(verdict: Verdict, names: _Names, now: float) -> Cell:
    return Cell(
        isp=verdict.isp,
        isp_name=names.isps.get(verdict.isp, verdict.isp),
        mark=make_mark(verdict.state),
        mechanism=verdict.mechanism,
        since=make_moment(verdict.since, now),
        backing=_backing(verdict),
        note=verdict.note,
    )


def _backing(verdict: Verdict) -> str:
    agents = f"{verdict.agents} agent{'' if verdict.agents == 1 else 's'}"
    return agents if verdict.state is State.INCONCLUSIVE else f"{agents}, {verdict.confidence:.0%}"


def _headlines(
    catalogue: Catalogue,
    isps: Sequence[str],
    verdicts: Mapping[tuple[str, str], Verdict],
    names: _Names,
    now: float,
) -> Iterable[Headline]:
    for platform in catalogue.platforms:
        for state in TROUBLES:
            found = [verdicts[platform.id, isp] for isp in isps if (platform.id, isp) in verdicts]
            hit = [verdict for verdict in found if verdict.state is state]
            if hit:
                yield _headline(platform.name, hit, names, now)


def _unknowns(
    catalogue: Catalogue,
    shown: Iterable[IspStatus],
    verdicts: Mapping[tuple[str, str], Verdict],
    names: _Names,
    now: float,
) -> Iterable[Headline]:
    """ISPs of which nothing is known, in one line; then each platform with the other places where it is not known."""
    isps = [isp.isp for isp in shown if isp.state is not IspState.DOWN]
    platforms = [platform.id for platform in catalogue.platforms]
    there = {isp: [verdicts[one, isp] for one in platforms if (one, isp) in verdicts] for isp in isps}
    open_ = {isp: [one for one in some if one.state is State.INCONCLUSIVE] for isp, some in there.items()}
    nothing = [isp for isp in isps if there[isp] and len(open_[isp]) == len(there[isp])]
    if nothing:
        yield _headline("Every platform", [open_[isp][0] for isp in nothing], names, now)
    for platform in catalogue.platforms:
        others = [verdicts.get((platform.id, isp)) for isp in isps if isp not in nothing]
        if hit := [one for one in others if one is not None and one.state is State.INCONCLUSIVE]:
            yield _headline(platform.name, hit, names, now)


def _headline(subject: str, verdicts: Sequence[Verdict], names: _Names, now: float) -> Headline:
    """Verdicts of one state."""
    return Headline(
        subject=subject,
        mark=make_mark(verdicts[0].state),
        places=tuple(names.isps.get(verdict.isp, verdict.isp) for verdict in verdicts),
        since=make_moment(min(verdict.since for verdict in verdicts), now),
    )


def _isp_headlines(isps: Iterable[IspStatus], now: float) -> Iterable[Headline]:
    for isp in isps:
        if isp.state in ISP_TROUBLES and isp.since is not None:
            kind = "mobile network" if isp.kind is IspKind.MOBILE else "network"
            subject, since = f"{isp.name}, the whole {kind}", make_moment(isp.since, now)
            yield Headline(subject=subject, mark=make_mark(isp.state), places=(), since=since)


def _change(event: Event, names: _Names, now: float) -> Change:
    took = event.detected_after_seconds
    return Change(
        at=make_moment(event.at, now, seconds=True),
        subject=names.subject(event.platform, event.isp),
        before=make_mark(event.from_state),
        after=make_mark(event.to_state),
        mechanism=event.mechanism,
        detected_after=None if took is None else f"{took:.1f} s" if took < 100 else f"{took / 60:.0f} min",
    )
