"""A list as it is asked for: its rows, in parts where there are many, as JSON or CSV. Pure. `api.py` has the lists."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rabta_collector.catalogue import Catalogue
from rabta_collector.csvform import to_csv
from rabta_collector.parts import Wanted
from rabta_collector.query import DEFAULT_LIMIT, BadParameterError, Cursor, Form, Query, check_known, write_cursor
from rabta_collector.record.counts import Counted
from rabta_collector.state import Event, Snapshot
from rabta_collector.timeline import Span

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What answers are made from: all `events` of the wanted cells, oldest first, and spans of their `past`.

    `late`: spans that measurements of theirs make that came too late to vote.
    """

    catalogue: Catalogue
    snapshot: Snapshot
    events: tuple[Event, ...] = ()
    past: tuple[Span, ...] = ()
    late: tuple[Span, ...] = ()
    counts: tuple[Counted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list. `from_events`: it needs its cells' events from the beginning, whatever window it is asked for.

    `places`: what tells each row from the others; where there is such, the list is given out in parts, of `limit` rows
    where the reader names no number. `newest`: the newest part comes first, and the next one is older. `of_isps`: it
    says something of ISPs.
    """

    name: str
    parameters: frozenset[str]
    columns: tuple[str, ...]
    rows: Callable[[Source, Query], list[Row]]
    from_events: bool = False
    from_counts: bool = False
    of_isps: bool = True
    places: Callable[[list[Row]], list[Cursor]] | None = None
    newest: bool = False
    limit: int = DEFAULT_LIMIT

    def wants(self, query: Query) -> Wanted:
        """What it is made of: the same for all parts of a list, where these are cut out of all of it."""
        events, counts = self.from_events, self.from_counts
        cells = Query(platform=query.platform, isp=query.isp, since=query.since, until=query.until)
        asked = replace(query, form=Form.JSON) if counts else cells
        return Wanted(query=asked, events=events, late=events, past=events, since=query.since, counts=counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A list as it was asked for. `next`: cursor of the part after it; `None`: there is none."""

    text: str
    next: str | None = None


def render(listing: Listing, source: Source, query: Query) -> Rendered:
    """Raises `BadParameterError`."""
    check_known(query, _platforms(source), _isps(source))
    rows, following = _part(listing, listing.rows(source, query), query)
    if query.form is Form.CSV:
        return Rendered(text=to_csv(listing.columns, rows), next=following)
    extra = {} if listing.places is None else {"truncated": following is not None, "next": following}
    return Rendered(text=to_json({listing.name: rows, **extra}), next=following)


def _part(listing: Listing, rows: list[Row], query: Query) -> tuple[list[Row], str | None]:
    """The part of a list that is asked for, and the cursor of the next one."""
    if listing.places is None:
        return rows, None
    places = listing.places(rows)
    if query.cursor is not None:
        wanted = _beyond(places, query.cursor, newest=listing.newest)
        rows, places = [rows[at] for at in wanted], [places[at] for at in wanted]
    if len(rows) <= query.limit:
        return rows, None
    if listing.newest:
        return rows[-query.limit :], write_cursor(places[-query.limit])
    return rows[: query.limit], write_cursor(places[query.limit - 1])


def _beyond(places: Sequence[Cursor], here: Cursor, *, newest: bool) -> Sequence[int]:
    """Which rows come after the one that a cursor names: in their order or, where that one is gone, by their places."""
    if places and tuple(map(type, here)) != tuple(map(type, places[0])):
        raise BadParameterError("cursor", "none that this list gave out")
    if here in places:
        at = places.index(here)
        return range(at) if newest else range(at + 1, len(places))
    return [at for at, place in enumerate(places) if (place < here if newest else place > here)]


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _platforms(source: Source) -> set[str]:
    """Of now, and those of the past that events are known of."""
    known = {platform.id for platform in source.catalogue.platforms}
    known |= {verdict.platform for verdict in source.snapshot.verdicts}
    known |= {span.platform for span in source.past if span.platform is not None}
    return known | {event.platform for event in source.events if event.platform is not None}


def _isps(source: Source) -> set[str]:
    known = {isp.isp for isp in source.snapshot.isps} | {verdict.isp for verdict in source.snapshot.verdicts}
    return known | {event.isp for event in source.events} | {span.isp for span in source.past}
