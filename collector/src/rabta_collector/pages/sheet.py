"""A platform at every ISP, or an ISP with every platform: what stands, and what stood when. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rabta_collector.catalogue import Catalogue
from rabta_collector.pages.attachment import Attachment, event_row, make_attachment, span_row, verdict_row
from rabta_collector.pages.changes import Change, make_changes
from rabta_collector.pages.chart import DAYS, Band, Tick, make_band, make_frame, make_ticks
from rabta_collector.pages.country import Cell, Column, make_cell, make_column
from rabta_collector.pages.names import Link, Names, make_names
from rabta_collector.pages.strip import rank
from rabta_collector.pages.words import KINDS, Mark, make_mark
from rabta_collector.seals import NO_SEALS, Seals
from rabta_collector.state import Event, Snapshot, Verdict
from rabta_collector.timeline import Span, overlaps

CHANGES = 50
RECORDED = 500
"""The newest spans and events of a page that its attachment holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a page is made from: of the cells that it shows everything that is known, oldest first, cell by cell."""

    snapshot: Snapshot
    catalogue: Catalogue
    events: Sequence[Event]
    spans: Sequence[Span]
    seals: Seals = NO_SEALS

    @property
    def names(self) -> Names:
        return make_names(self.snapshot, self.catalogue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One cell. `cell` is `None` where no verdict exists; `other`: what the page is not named after.

    `goodput`: medians in kbit/s, under the platform's name and under an innocuous one.
    """

    platform: Link
    isp: Link
    other: Link
    cell: Cell | None
    band: Band
    goodput: tuple[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Lines under a title; a platform's lines are by kind of ISP, an ISP's have none."""

    title: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """At how many a state stands."""

    mark: Mark
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """`counts`: the worst state first, `of` so many. `column` and `own` are an ISP's own, `targets` a platform's."""

    subject: Link
    days: int
    counts: tuple[Count, ...]
    of: int
    parts: tuple[Part, ...]
    ticks: tuple[Tick, ...]
    changes: tuple[Change, ...]
    attachment: Attachment
    column: Column | None = None
    own: Band | None = None
    targets: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it is of anything that is measured, or was."""
        return bool(self.parts or self.targets or self.column)


def make_platform_sheet(material: Material, platform: str, days: int) -> Sheet:
    """`days`: one of `DAYS`."""
    names, snapshot = material.names, material.snapshot
    verdicts = {verdict.isp: verdict for verdict in snapshot.verdicts if verdict.platform == platform}
    spans = _by_cell(span for span in material.spans if span.platform == platform)
    frame = make_frame(snapshot.at, days)

    def line(isp: str) -> Line:
        band = make_band(spans.get((platform, isp), ()), frame)
        cell = _cell(verdicts.get(isp), names, snapshot.at)
        place, link = names.isp(isp), names.platform(platform)
        goodput = to_kilobits(snapshot.goodput.get((platform, isp)))
        return Line(platform=link, isp=place, other=place, cell=cell, band=band, goodput=goodput)

    parts = []
    for kind, title in KINDS.items():
        isps = [isp.isp for isp in snapshot.isps if isp.kind is kind]
        shown = [isp for isp in isps if isp in verdicts or (platform, isp) in spans]
        if shown:
            parts.append(Part(title=title, lines=tuple(map(line, shown))))
    targets = [target.url for one in material.catalogue.platforms if one.id == platform for target in one.targets]
    return Sheet(
        subject=names.platform(platform),
        days=days,
        counts=_counts(verdicts.values()),
        of=len(verdicts),
        parts=tuple(parts),
        ticks=make_ticks(frame, days),
        changes=_changes(material, frame.begin),
        attachment=_attachment(f"rabta-{platform}", material, verdicts.values(), frame.begin),
        targets=tuple(targets),
    )


def make_isp_sheet(material: Material, isp: str, days: int) -> Sheet:
    """`days`: one of `DAYS`."""
    names, snapshot = material.names, material.snapshot
    verdicts = {verdict.platform: verdict for verdict in snapshot.verdicts if verdict.isp == isp}
    spans = _by_cell(span for span in material.spans if span.isp == isp)
    frame = make_frame(snapshot.at, days)

    def line(platform: str) -> Line:
        band = make_band(spans.get((platform, isp), ()), frame)
        cell, link = _cell(verdicts.get(platform), names, snapshot.at), names.platform(platform)
        goodput = to_kilobits(snapshot.goodput.get((platform, isp)))
        return Line(platform=link, isp=names.isp(isp), other=link, cell=cell, band=band, goodput=goodput)

    known = [platform.id for platform in material.catalogue.platforms]
    shown = [platform for platform in known if platform in verdicts or (platform, isp) in spans]
    status = next((status for status in snapshot.isps if status.isp == isp), None)
    return Sheet(
        subject=names.isp(isp),
        days=days,
        counts=_counts(verdicts.values()),
        of=len(verdicts),
        parts=(Part(title=None, lines=tuple(map(line, shown))),) if shown else (),
        ticks=make_ticks(frame, days),
        changes=_changes(material, frame.begin),
        attachment=_attachment(f"rabta-{isp}", material, verdicts.values(), frame.begin),
        column=None if status is None else make_column(status),
        own=make_band(spans.get((None, isp), ()), frame),
    )


def to_kilobits(goodput: tuple[float, float] | None) -> tuple[str, str] | None:
    """From bytes per second."""
    return None if goodput is None else (f"{goodput[0] * 8 / 1000:,.0f}", f"{goodput[1] * 8 / 1000:,.0f}")


def parse_days(text: str | None) -> int:
    """One of `DAYS`; the second where nothing, or nothing of the kind, is asked for."""
    return next((days for days in DAYS if str(days) == text), DAYS[1])


def _cell(verdict: Verdict | None, names: Names, now: float) -> Cell | None:
    return None if verdict is None else make_cell(verdict, None, names, now)


def _by_cell(spans: Iterable[Span]) -> Mapping[tuple[str | None, str], tuple[Span, ...]]:
    return {cell: tuple(some) for cell, some in groupby(spans, key=lambda span: (span.platform, span.isp))}


def _counts(verdicts: Iterable[Verdict]) -> tuple[Count, ...]:
    counts = Counter(str(verdict.state) for verdict in verdicts)
    return tuple(Count(mark=make_mark(state), number=counts[state]) for state in sorted(counts, key=rank))


def _changes(material: Material, since: float) -> tuple[Change, ...]:
    recent = [event for event in material.events if event.at >= since]
    return make_changes(reversed(recent[-CHANGES:]), material.names, material.snapshot.at)


def _attachment(name: str, material: Material, verdicts: Iterable[Verdict], since: float) -> Attachment:
    spans = [span for span in material.spans if overlaps(span, since, None)]
    spans = sorted(spans, key=lambda span: span.since)[-RECORDED:]
    events = [event for event in material.events if event.at >= since][-RECORDED:]
    content = {
        "verdicts": list(map(verdict_row, verdicts)),
        "spans": list(map(span_row, spans)),
        "events": [event_row(event, material.seals) for event in events],
    }
    return make_attachment(name, material.snapshot.at, content, material.seals)
