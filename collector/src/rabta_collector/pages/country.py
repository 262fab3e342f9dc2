"""The country as the first page shows it: rows, columns, headlines and latest changes. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rabta_collector.catalogue import Catalogue, Platform
from rabta_collector.pages.changes import Change, make_changes
from rabta_collector.pages.headlines import TROUBLES, Headline, Scene, find_troubles, find_unknowns
from rabta_collector.pages.moments import Moment, make_moment
from rabta_collector.pages.names import Names, make_names
from rabta_collector.pages.strip import Strip, make_strips
from rabta_collector.pages.words import KINDS, Mark, make_mark
from rabta_collector.state import Event, IspStatus, PartVerdict, Snapshot, Verdict
from rabta_collector.timeline import Span
from rabta_proto.vocabulary import IspKind, State

Strips = Mapping[tuple[str | None, str], Strip]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What people do with a platform, and how that is."""

    id: str
    name: str
    mark: Mark
    mechanism: str | None
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One platform at one ISP. `agents`: that voted; `percent`: how sure that makes it, `None` where nothing is known.

    `strip` is `None` where nothing is known of the last day.
    """

    isp: str
    isp_name: str
    mark: Mark
    mechanism: str | None
    since: Moment
    agents: int
    percent: int | None
    note: str | None
    strip: Strip | None
    parts: tuple[Part, ...] = ()

    @property
    def apart(self) -> bool:
        """Whether parts fare otherwise than the platform, and one or the other is in trouble."""
        words = {self.mark.word, *(part.mark.word for part in self.parts)}
        return len(words) > 1 and not words.isdisjoint(map(str, TROUBLES))


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


def make_overview(
    snapshot: Snapshot, catalogue: Catalogue, events: Sequence[Event], spans: Sequence[Span] = ()
) -> Overview:
    """`events` oldest first, as many as are to be shown; `spans` cell by cell, those of the last day at least."""
    judged = {verdict.isp for verdict in snapshot.verdicts}
    shown = [isp for isp in snapshot.isps if isp.isp in judged or isp.agents_connected or isp.agents_expected]
    groups = _groups(shown)
    names = make_names(snapshot, catalogue)
    verdicts = {(verdict.platform, verdict.isp): verdict for verdict in snapshot.verdicts}
    shown = sorted(shown, key=lambda isp: list(KINDS).index(isp.kind))  # as the columns stand
    scene = Scene(catalogue=catalogue, isps=shown, verdicts=verdicts, names=names, now=snapshot.at)
    strips = make_strips(spans, snapshot.at)
    shown_ids = {isp.isp for isp in shown}
    return Overview(
        groups=groups,
        rows=tuple(_row(platform, scene, strips) for platform in catalogue.platforms) if groups else (),
        headlines=tuple(find_troubles(scene)),
        unknowns=tuple(find_unknowns(scene)),
        changes=make_changes(reversed(events), names, snapshot.at),
        without_agents=tuple(isp.name for isp in snapshot.isps if isp.isp not in shown_ids),
        controls=snapshot.controls_connected,
    )


def _groups(isps: Iterable[IspStatus]) -> tuple[Group, ...]:
    columns: dict[IspKind, list[Column]] = {kind: [] for kind in KINDS}
    for isp in isps:
        columns[isp.kind].append(make_column(isp))
    return tuple(Group(title=KINDS[kind], columns=tuple(some)) for kind, some in columns.items() if some)


def make_column(isp: IspStatus) -> Column:
    return Column(
        id=isp.isp,
        name=isp.name,
        mark=make_mark(isp.state),
        connected=isp.agents_connected,
        expected=isp.agents_expected,
    )


def _row(platform: Platform, scene: Scene, strips: Strips) -> Row:
    places = ((platform.id, isp.isp) for isp in scene.isps)
    found = ((scene.verdicts.get(place), strips.get(place)) for place in places)
    cells = (None if verdict is None else make_cell(verdict, strip, scene.names, scene.now) for verdict, strip in found)
    return Row(id=platform.id, name=platform.name, cells=tuple(cells))


def make_cell(verdict: Verdict, strip: Strip | None, names: Names, now: float) -> Cell:
    return Cell(
        isp=verdict.isp,
        isp_name=names.isp(verdict.isp).name,
        mark=make_mark(verdict.state),
        mechanism=verdict.mechanism,
        since=make_moment(verdict.since, now),
        agents=verdict.agents,
        percent=None if verdict.state is State.INCONCLUSIVE else round(verdict.confidence * 100),
        note=verdict.note,
        strip=strip,
        parts=tuple(map(_make_part, verdict.parts)),
    )


def _make_part(part: PartVerdict) -> Part:
    how = None if part.mechanism is None else str(part.mechanism)
    return Part(id=part.id, name=part.name, mark=make_mark(part.state), mechanism=how, note=part.note)
