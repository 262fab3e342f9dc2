"""Gathers what a page is made from: on the event loop what may change, at one moment; in a thread what is on disk."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from rabta_collector.backfill import Voices, to_spans
from rabta_collector.catalogue import Catalogue
from rabta_collector.pages.chart import DAYS
from rabta_collector.pages.sheet import Material
from rabta_collector.past import find_revisions, merge
from rabta_collector.query import Query
from rabta_collector.record.counts import Counted
from rabta_collector.state import Event, Snapshot
from rabta_collector.testimony import Testimony
from rabta_collector.timeline import Span, find_spans

PAST_S = 60.0
"""Between two looks at what others measured, and what came late, for the strips of the country: they are many."""

STRIPS_REACH_S = 2 * 86_400.0
PAGES_REACH_S = (DAYS[-1] + 1) * 86_400.0
"""Changes from before that are shown on no timeline, but for the last one, which says what stood when it begins."""


class Views(Protocol):
    """What pages are made of."""

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def testimony(self) -> Testimony: ...

    def snapshot(self) -> Snapshot: ...

    def find_events(
        self, *, since: float | None, until: float | None, platform: str | None, isp: str | None
    ) -> tuple[Event, ...]: ...

    def find_late(self, query: Query) -> Voices:
        """What measurements of the wanted cells say that came too late to vote."""

    def find_past(self, query: Query) -> tuple[Span, ...]:
        """Spans of the past that touch the window, of the wanted cells. Reads from disk: to be called in a thread."""

    def find_counts(self, query: Query) -> tuple[Counted, ...]:
        """One more than `limit` of them, where there are so many. Reads from disk: to be called in a thread."""

    def ready(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of some cells. `older`: events that are no longer in memory.

    `seen_at`: when `late`, `past` and `older` were looked at.
    """

    catalogue: Catalogue
    snapshot: Snapshot
    events: tuple[Event, ...]
    late: Voices
    past: tuple[Span, ...] = ()
    older: tuple[Event, ...] = ()
    seen_at: float = 0.0


@dataclass(slots=True)
class Gatherer:
    """`_country` is what was known of all cells when that was asked for last."""

    views: Views
    _country: Known | None = None

    def mark(self) -> object:
        """Another one where another state is known, of a platform or of an ISP."""
        events = self.views.find_events(since=self.views.snapshot().at - PAST_S, until=None, platform=None, isp=None)
        return events[-1].id if events else 0

    def take(self, query: Query) -> Callable[[], Material]:
        """To be called on the event loop; what it gives, in a thread."""
        known = self._know(query, self.views.find_late(query))
        since = known.snapshot.at - PAGES_REACH_S if query.since is None else query.since

        def look() -> Material:
            material = _material(self._read(known, query, since), query)
            seals = self.views.testimony.seals(event.id for event in material.events if event.id > 0)
            return replace(material, seals=seals)

        return look

    def take_country(self) -> Callable[[], Material]:
        """All cells. The past may be a minute old, and reaches back no further than strips do."""
        at, before = self.views.snapshot().at, self._country
        query = Query(since=at - STRIPS_REACH_S)
        if before is not None and 0 <= at - before.seen_at < PAST_S:
            known = replace(self._know(query, before.late), past=before.past, older=before.older)
            return lambda: _material(known, query)
        known = replace(self._know(query, self.views.find_late(query)), seen_at=at)

        def look() -> Material:
            self._country = self._read(known, query, at - STRIPS_REACH_S)
            return _material(self._country, query)

        return look

    def _read(self, known: Known, query: Query, since: float) -> Known:
        """What is on disk, besides."""
        older = self.views.testimony.older(platform=query.platform, isp=query.isp, since=since)
        return replace(known, past=self.views.find_past(query), older=older)

    def _know(self, query: Query, late: Voices) -> Known:
        views = self.views
        events = views.find_events(since=None, until=None, platform=query.platform, isp=query.isp)
        return Known(catalogue=views.catalogue, snapshot=views.snapshot(), events=events, late=late)


def _material(known: Known, query: Query) -> Material:
    """Spans of the wanted cells, our own and others', and all changes that they tell of."""
    needs = {platform.id: platform.need for platform in known.catalogue.platforms}
    own_events = (*known.older, *known.events)
    own = find_spans(own_events, _within(known.snapshot, query))
    spans = merge(merge(own, to_spans(known.late, needs)), known.past)
    revised = find_revisions(spans) if known.past or known.late else ()
    events = tuple(sorted((*own_events, *revised), key=lambda event: event.at))
    return Material(snapshot=known.snapshot, catalogue=known.catalogue, events=events, spans=spans)


def _within(snapshot: Snapshot, query: Query) -> Snapshot:
    """Without the cells that are not asked for, of which no events are at hand."""
    verdicts = (v for v in snapshot.verdicts if query.platform in (None, v.platform) and query.isp in (None, v.isp))
    isps = () if query.platform is not None else (i for i in snapshot.isps if query.isp in (None, i.isp))
    return replace(snapshot, verdicts=tuple(verdicts), isps=tuple(isps))
