"""Gathers what a page is made from: on the event loop what may change, at one moment; in a thread what is on disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rabta_collector.catalogue import Catalogue, Isp
from rabta_collector.pages.chart import DAYS
from rabta_collector.pages.sheet import Material
from rabta_collector.parts import Look, Part, Wanted
from rabta_collector.past import find_revisions, merge
from rabta_collector.query import Query
from rabta_collector.record.counts import Counted
from rabta_collector.state import Snapshot
from rabta_collector.testimony import Testimony
from rabta_collector.timeline import find_spans

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

    async def gather(self, wanted: Wanted) -> Look:
        """What is wanted of all cells of a query, wherever it is known. Raises `MissingShareError`."""

    def find_counts(self, query: Query) -> tuple[Counted, ...]:
        """Of one ISP. Reads from disk: to be called in a thread."""

    @property
    def isps(self) -> Sequence[Isp]:
        """All that are watched."""

    def mark(self) -> object:
        """Another one where another state is known, of a platform or of an ISP."""

    def ready(self) -> bool: ...


@dataclass(slots=True)
class Gatherer:
    """`_country` is what was known of all cells when its past was asked for last, and when that was."""

    views: Views
    _country: tuple[Part, float] | None = None

    async def take(self, query: Query) -> Callable[[], Material]:
        """To be called on the event loop; what it gives, in a thread."""
        since = self.views.snapshot().at - PAGES_REACH_S if query.since is None else query.since
        gathered = await self.views.gather(Wanted(query=query, events=True, late=True, past=True, since=since))

        def look() -> Material:
            material = self._material(gathered(), query)
            seals = self.views.testimony.seals(event.id for event in material.events if event.id > 0)
            return replace(material, seals=seals)

        return look

    async def take_country(self) -> Callable[[], Material]:
        """All cells. The past may be a minute old, and reaches back no further than strips do."""
        at, before = self.views.snapshot().at, self._country
        since = at - STRIPS_REACH_S
        query = Query(since=since)
        if before is not None and 0 <= at - before[1] < PAST_S:
            past, now = before[0], await self.views.gather(Wanted(query=query, events=True, since=since))
            return lambda: self._material(replace(now(), late=past.late, past=past.past, older=past.older), query)
        gathered = await self.views.gather(Wanted(query=query, events=True, late=True, past=True, since=since))

        def look() -> Material:
            known = gathered()
            self._country = known, at
            return self._material(known, query)

        return look

    def _material(self, known: Part, query: Query) -> Material:
        """Spans of the wanted cells, our own and others', and all changes that they tell of."""
        own_events = (*known.older, *known.events)
        own = find_spans(own_events, _within(known.snapshot, query))
        spans = merge(merge(own, known.late), known.past)
        revised = find_revisions(spans) if known.past or known.late else ()
        events = tuple(sorted((*own_events, *revised), key=lambda event: event.at))
        return Material(snapshot=known.snapshot, catalogue=self.views.catalogue, events=events, spans=spans)


def _within(snapshot: Snapshot, query: Query) -> Snapshot:
    """Without the cells that are not asked for, of which no events are at hand."""
    verdicts = (v for v in snapshot.verdicts if query.platform in (None, v.platform) and query.isp in (None, v.isp))
    isps = () if query.platform is not None else (i for i in snapshot.isps if query.isp in (None, i.isp))
    return replace(snapshot, verdicts=tuple(verdicts), isps=tuple(isps))
