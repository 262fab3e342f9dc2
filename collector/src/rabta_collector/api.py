"""The lists under `/api/v1/`, as rows of plain values. Pure. `openapi.py` describes them; a test holds both together.

Fields are public and only ever added to. Times are RFC 3339 in UTC, by the minute (rfc3339.py); rows stand in the order
of the exact ones.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from rabta_collector.listing import Listing, Row, Source
from rabta_collector.locators import shown
from rabta_collector.past import find_revisions, merge
from rabta_collector.query import MAX_LIMIT, Cursor, Query
from rabta_collector.record.rollup import JUDGEMENTS
from rabta_collector.rfc3339 import format_minute
from rabta_collector.state import Event, PartVerdict, Snapshot, Witness
from rabta_collector.timeline import Span, find_spans, overlaps


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
            "since": format_minute(verdict.since),
            "updated": format_minute(verdict.updated),
            "confidence": round(verdict.confidence, 4),
            "agents": verdict.agents,
            "measurements": verdict.measurements,
            "agreement": round(verdict.agreement, 4),
            "witness": _witness(verdict.witness),
            "note": verdict.note,
            "parts": list(map(_part, verdict.parts)),
        }
        for verdict in _within(source.snapshot, query).verdicts
    ]


def _part(part: PartVerdict) -> Row:
    return {
        "part": part.id,
        "name": part.name,
        "state": str(part.state),
        "mechanism": _word(part.mechanism),
        "note": part.note,
    }


def _isp_states(source: Source, query: Query) -> list[Row]:
    return [
        {
            "isp": isp.isp,
            "name": isp.name,
            "kind": str(isp.kind),
            "state": str(isp.state),
            "since": None if isp.since is None else format_minute(isp.since),
            "agents_connected": isp.agents_connected,
            "agents_expected": isp.agents_expected,
            "agents_reporting": isp.agents_reporting,
        }
        for isp in _within(source.snapshot, query).isps
    ]


def _spans(source: Source, query: Query) -> tuple[Span, ...]:
    """Every span of the wanted cells, those of the past among them."""
    own = find_spans(source.events, _within(source.snapshot, query))
    return merge(merge(own, source.late), source.past)


def _events(source: Source, query: Query) -> list[Row]:
    revised = find_revisions(_spans(source, query)) if source.past or source.late else ()
    wanted = (
        event
        for event in (*source.events, *revised)
        if (query.since is None or event.at >= query.since) and (query.until is None or event.at < query.until)
    )
    return [event_to_row(event) for event in sorted(wanted, key=lambda event: (event.at, event.id))]


def event_to_row(event: Event) -> Row:
    """An event as all of the API has it."""
    return {
        "id": event.id,
        "at": format_minute(event.at),
        "platform": event.platform,
        "isp": event.isp,
        "from": str(event.from_state),
        "to": str(event.to_state),
        "mechanism": _word(event.mechanism),
        "detected_after_seconds": _rounded(event.detected_after_seconds),
        "revised": event.revised,
        "witness": _witness(event.witness),
    }


def _event_places(rows: Iterable[Row]) -> list[Cursor]:
    return [(str(row["at"]), int(str(row["id"]))) for row in rows]


def _span_places(rows: Iterable[Row]) -> list[Cursor]:
    """Of several spans of a cell that began within one minute the first is 0, the next 1."""
    begun = [(str(row["isp"]), str(row["platform"] or ""), str(row["from"])) for row in rows]
    return [(*span, number) for span, alike in groupby(begun) for number, _ in enumerate(alike)]


def _timeline(source: Source, query: Query) -> list[Row]:
    spans = (span for span in _spans(source, query) if overlaps(span, query.since, query.until))
    return [
        {
            "platform": span.platform,
            "isp": span.isp,
            "state": span.state,
            "mechanism": _word(span.mechanism),
            "from": format_minute(span.since),
            "until": None if span.until is None else format_minute(span.until),
            "revised": span.revised,
        }
        for span in spans
    ]


def _counts(source: Source, query: Query) -> list[Row]:
    return [
        {
            "isp": one.isp,
            "platform": one.platform,
            "at": format_minute(one.at),
            "measurements": sum(one.found.values()),
            "agents": one.agents,
            **one.found,
        }
        for one in source.counts
    ]


def _count_places(rows: Iterable[Row]) -> list[Cursor]:
    return [(str(row["isp"]), str(row["platform"]), str(row["at"])) for row in rows]


def _catalogue(source: Source, query: Query) -> list[Row]:
    return [
        {
            "id": platform.id,
            "name": platform.name,
            "category": platform.category,
            "targets": [shown(target.url) for target in platform.targets],
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
            "parts",
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
        parameters=frozenset({"since", "until", "platform", "isp", "limit", "cursor", "format"}),
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
        places=_event_places,
        newest=True,
    ),
    Listing(
        name="timeline",
        parameters=frozenset({"platform", "isp", "since", "until", "limit", "cursor", "format"}),
        columns=("platform", "isp", "state", "mechanism", "from", "until", "revised"),
        rows=_timeline,
        from_events=True,
        places=_span_places,
        limit=MAX_LIMIT,
    ),
    Listing(
        name="counts",
        parameters=frozenset({"platform", "isp", "since", "until", "by", "limit", "cursor", "format"}),
        columns=("isp", "platform", "at", "measurements", "agents", *map(str, JUDGEMENTS)),
        rows=_counts,
        from_counts=True,
        places=_count_places,
    ),
    Listing(
        name="platforms",
        parameters=frozenset({"format"}),
        columns=("id", "name", "category", "targets", "need"),
        rows=_catalogue,
        of_isps=False,
    ),
)
