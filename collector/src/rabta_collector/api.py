"""The lists under `/api/v1/`, as rows of plain values. Pure. `openapi.py` describes them; a test holds both together.

Fields are public and only ever added to. Times are RFC 3339 in UTC.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from rabta_collector.backfill import Voices, to_spans
from rabta_collector.catalogue import Catalogue
from rabta_collector.csvform import to_csv
from rabta_collector.past import find_revisions, merge
from rabta_collector.query import Form, Query, check_known
from rabta_collector.rfc3339 import format_time
from rabta_collector.state import Event, Snapshot, Witness
from rabta_collector.timeline import Span, find_spans, overlaps

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What answers are made from: all `events` of the wanted cells, oldest first, and spans of their `past`.

    `late`: what measurements of theirs say that came too late to vote.
    """

    catalogue: Catalogue
    snapshot: Snapshot
    events: tuple[Event, ...] = ()
    past: tuple[Span, ...] = ()
    late: Voices = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list. `from_events`: it needs its cells' events from the beginning, whatever window it is asked for."""

    name: str
    parameters: frozenset[str]
    columns: tuple[str, ...]
    rows: Callable[[Source, Query], list[Row]]
    from_events: bool = False


def render(listing: Listing, source: Source, query: Query) -> tuple[str, bool]:
    """The list as it was asked for, and whether older rows were left out. Raises `BadParameterError`."""
    check_known(query, _platforms(source), _isps(source))
    rows = listing.rows(source, query)
    cut = "limit" in listing.parameters and len(rows) > query.limit
    rows = rows[-query.limit :] if cut else rows
    if query.form is Form.CSV:
        return to_csv(listing.columns, rows), cut
    extra = {"truncated": cut} if "limit" in listing.parameters else {}
    return to_json({listing.name: rows, **extra}), cut


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


def _within(snapshot: Snapshot, query: Query) -> Snapshot:
    """The part of a snapshot that is asked for; an ISP's own state is no platform's."""
    verdicts = (v for v in snapshot.verdicts if query.platform in (None, v.platform) and query.isp in (None, v.isp))
    isps = () if query.platform is not None else (i for i in snapshot.isps if query.isp in (None, i.isp))
    return replace(snapshot, verdicts=tuple(verdicts), isps=tuple(isps))


def _verdicts(source: Source, query: Query) -> list[Row]:
    return [
        {
            "platform": verdict.platform,
            "isp": verdict.isp,
            "state": str(verdict.state),
            "mechanism": _word(verdict.mechanism),
            "since": format_time(verdict.since),
            "updated": format_time(verdict.updated),
            "confidence": round(verdict.confidence, 4),
            "agents": verdict.agents,
            "measurements": verdict.measurements,
            "agreement": round(verdict.agreement, 4),
            "witness": _witness(verdict.witness),
            "note": verdict.note,
        }
        for verdict in _within(source.snapshot, query).verdicts
    ]


def _isp_states(source: Source, query: Query) -> list[Row]:
    return [
        {
            "isp": isp.isp,
            "name": isp.name,
            "kind": str(isp.kind),
            "state": str(isp.state),
            "since": None if isp.since is None else format_time(isp.since),
            "agents_connected": isp.agents_connected,
            "agents_expected": isp.agents_expected,
            "agents_reporting": isp.agents_reporting,
        }
        for isp in _within(source.snapshot, query).isps
    ]


def _spans(source: Source, query: Query) -> tuple[Span, ...]:
    """Every span of the wanted cells, those of the past among them."""
    needs = {platform.id: platform.need for platform in source.catalogue.platforms}
    own = find_spans(source.events, _within(source.snapshot, query))
    return merge(merge(own, to_spans(source.late, needs)), source.past)


def _events(source: Source, query: Query) -> list[Row]:
    revised = find_revisions(_spans(source, query)) if source.past or source.late else ()
    events = sorted((*source.events, *revised), key=lambda event: event.at)
    return [
        {
            "id": event.id,
            "at": format_time(event.at),
            "platform": event.platform,
            "isp": event.isp,
            "from": event.from_state,
            "to": event.to_state,
            "mechanism": _word(event.mechanism),
            "detected_after_seconds": _rounded(event.detected_after_seconds),
            "revised": event.revised,
            "witness": _witness(event.witness),
        }
        for event in events
        if (query.since is None or event.at >= query.since) and (query.until is None or event.at < query.until)
    ]


def _timeline(source: Source, query: Query) -> list[Row]:
    spans = (span for span in _spans(source, query) if overlaps(span, query.since, query.until))
    return [
        {
            "platform": span.platform,
            "isp": span.isp,
            "state": span.state,
            "mechanism": _word(span.mechanism),
            "from": format_time(span.since),
            "until": None if span.until is None else format_time(span.until),
            "revised": span.revised,
        }
        for span in spans
    ]


def _catalogue(source: Source, query: Query) -> list[Row]:
    return [
        {
            "id": platform.id,
            "name": platform.name,
            "category": platform.category,
            "targets": [target.url for target in platform.targets],
            "need": str(platform.need),
        }
        for platform in source.catalogue.platforms
    ]


def _word(word: str | None) -> str | None:
    return None if word is None else str(word)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _witness(witness: Iterable[Witness]) -> list[Row]:
    return [{"rule": one.rule, "count": one.count} for one in witness]


LISTINGS = (
    Listing(
        name="verdicts",
        parameters=frozenset({"platform", "isp", "format"}),
        columns=(
            "platform",
            "isp",
            "state",
            "mechanism",
            "since",
            "updated",
            "confidence",
            "agents",
            "measurements",
            "agreement",
            "witness",
            "note",
        ),
        rows=_verdicts,
    ),
    Listing(
        name="isps",
        parameters=frozenset({"isp", "format"}),
        columns=(
            "isp",
            "name",
            "kind",
            "state",
            "since",
            "agents_connected",
            "agents_expected",
            "agents_reporting",
        ),
        rows=_isp_states,
    ),
    Listing(
        name="events",
        parameters=frozenset({"since", "until", "platform", "isp", "limit", "format"}),
        columns=(
            "id",
            "at",
            "platform",
            "isp",
            "from",
            "to",
            "mechanism",
            "detected_after_seconds",
            "revised",
            "witness",
        ),
        rows=_events,
        from_events=True,
    ),
    Listing(
        name="timeline",
        parameters=frozenset({"platform", "isp", "since", "until", "format"}),
        columns=("platform", "isp", "state", "mechanism", "from", "until", "revised"),
        rows=_timeline,
        from_events=True,
    ),
    Listing(
        name="platforms",
        parameters=frozenset({"format"}),
        columns=("id", "name", "category", "targets", "need"),
        rows=_catalogue,
    ),
)
