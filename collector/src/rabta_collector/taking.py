"""Takes a part of what one process knows: on the event loop what may change; in a thread what is on disk."""

from typing import Protocol

from rabta_collector.backfill import Voices, to_spans
from rabta_collector.catalogue import Catalogue
from rabta_collector.parts import Look, Part, Wanted
from rabta_collector.query import Query
from rabta_collector.record.counts import Counted
from rabta_collector.state import Event, Snapshot
from rabta_collector.testimony import Testimony
from rabta_collector.timeline import Span


class Memory(Protocol):
    """What a process knows by itself."""

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


def take(memory: Memory, wanted: Wanted) -> Look:
    """To be called on the event loop; what it gives, in a thread. That may raise `BadParameterError`."""
    query, snapshot = wanted.query, memory.snapshot()
    platform, isp = query.platform, query.isp
    events = memory.find_events(since=None, until=None, platform=platform, isp=isp) if wanted.events else ()
    late = memory.find_late(query) if wanted.late else {}
    needs = {platform.id: platform.need for platform in memory.catalogue.platforms}

    def look() -> Part:
        return Part(
            snapshot=snapshot,
            events=events,
            late=to_spans(late, needs),
            older=memory.testimony.older(platform=platform, isp=isp, since=wanted.since) if wanted.past else (),
            past=memory.find_past(query) if wanted.past else (),
            counts=memory.find_counts(query) if wanted.counts else (),
        )

    return look
