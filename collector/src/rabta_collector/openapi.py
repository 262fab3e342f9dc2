"""The description of the API, OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0. Pure.

Made from the vocabulary and from the lists themselves, so that neither can be forgotten here.
"""

from collections.abc import Mapping, Set

from rabta_collector.api import LISTINGS
from rabta_collector.atom import CONTENT_TYPE as ATOM
from rabta_collector.badge import CONTENT_TYPE as SVG
from rabta_collector.listing import Listing
from rabta_collector.pages.described import describe_pages
from rabta_collector.query import MAX_LIMIT, MAX_NUMBER, By, Form
from rabta_collector.schemas import CLOCK, EVIDENCE, ITEMS, TEXT, Schema, described, or_null

SUMMARIES = {
    "verdicts": "What is known now of each platform at each ISP.",
    "isps": "What is known now of each ISP as a whole.",
    "events": "Changes of state, oldest first; where there are more than `limit`, the newest.",
    "counts": "How many measurements there were and what was found of them, by minute, hour or day.",
    "timeline": "What stood when: whole spans that overlap the window.",
    "platforms": "What is measured.",
}
PARAMETERS: dict[str, tuple[Schema, str]] = {
    "platform": (TEXT, "Only this platform."),
    "isp": (TEXT, "Only this ISP."),
    "since": ({"type": "string", "format": "date-time"}, "From this time on; from the beginning of its minute."),
    "until": (
        {"type": "string", "format": "date-time"},
        "Before this time; up to the end of its minute.",
    ),
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        "At most so many at a time; `truncated` says whether there are more, and `next` how to get at them.",
    ),
    "cursor": (TEXT, "The part of the list that `next` of another answer, or its header `Link`, named."),
    "by": (
        {"type": "string", "enum": [*map(str, By)], "default": str(By.HOUR)},
        "How long a span is that is counted as one; minutes are kept for a month.",
    ),
    "event": (
        {"type": "integer", "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER},
        "Number of an event; then neither `platform` nor `isp`.",
    ),
    "format": ({"type": "string", "enum": [*map(str, Form)], "default": str(Form.JSON)}, "What to write the list as."),
}
EVIDENCE_OF = frozenset({"platform", "isp", "event"})
EVENTS_OF = frozenset({"platform", "isp"})
BADGE_OF = frozenset({"platform"})
SSE = "text/event-stream"
PLAIN = {"text/plain": {"schema": TEXT}}


def describe(version: str) -> Schema:
    """The document. `version`: of the collector."""
    lists = {f"/api/v1/{listing.name}": {"get": _operation(listing)} for listing in LISTINGS}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rabta",
            "version": version,
            "description": "Whether platforms are reachable, blocked, throttled or down, by ISP. Open data, no key. "
            "Times of measurements and changes are cut to the minute: no subscriber is found by them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {**lists, **_others()},
        "components": {"schemas": {**{name: _item(name) for name in ITEMS}, "error": _error()}},
    }


def _operation(listing: Listing) -> Schema:
    name = listing.name
    properties: Schema = {name: {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}}
    if listing.places is not None:
        properties["truncated"] = described({"type": "boolean"}, "Whether there is more than this part.")
        properties["next"] = described(or_null(TEXT), "The `cursor` of the next part; null where there is none.")
    answer: Schema = {"type": "object", "properties": properties, "required": list(properties)}
    decided = {
        "description": "Point in time up to which everything is decided, by the collector's clock.",
        "schema": CLOCK,
    }
    return {
        "operationId": name,
        "summary": SUMMARIES[name],
        "parameters": _parameters(listing.parameters, {"limit": {"default": listing.limit}}),
        "responses": {
            "200": {
                "description": "The list.",
                "headers": {"Rabta-Decided-At": decided},
                "content": {"application/json": {"schema": answer}, "text/csv": {"schema": TEXT}},
            },
            **_FAILURES,
        },
    }


def _parameters(names: Set[str], more: Mapping[str, Schema] = {}, required: Set[str] = frozenset()) -> list[Schema]:
    """`more`: what a parameter's schema says here beside what it says everywhere."""
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": description,
            "allowEmptyValue": True,  # as if it were not given
            "schema": {**schema, **more.get(name, {})},
        }
        for name, (schema, description) in PARAMETERS.items()
        if name in names
    ]


def _item(name: str) -> Schema:
    return {"type": "object", "properties": ITEMS[name], "required": list(ITEMS[name])}


def _error() -> Schema:
    inner = {"type": "object", "properties": {"code": TEXT, "message": TEXT}, "required": ["code", "message"]}
    return {"type": "object", "properties": {"error": inner}, "required": ["error"]}


def _failure(description: str) -> Schema:
    schema = {"$ref": "#/components/schemas/error"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _others() -> Schema:
    """What is not a list."""
    document = {"description": "This document.", "content": {"application/json": {"schema": {"type": "object"}}}}
    ready = {"200": {"description": "Yes.", "content": PLAIN}, "503": _failure("Not yet: the journal is replayed.")}
    return {
        **describe_pages(),
        "/metrics": _get("metrics", "For Prometheus.", {"200": {"description": "Text format.", "content": PLAIN}}),
        "/healthz": _get(
            "healthz", "Whether the process serves.", {"200": {"description": "It does.", "content": PLAIN}}
        ),
        "/readyz": _get("readyz", "Whether verdicts are current.", ready),
        "/api/v1/openapi.json": _get("openapi", "This document.", {"200": document}),
        **_feeds(),
    }


def _feeds() -> Schema:
    """Evidence, the badge, and events in other forms."""
    found: Schema = {"type": "object", "properties": EVIDENCE, "required": list(EVIDENCE)}
    answer: Schema = {"type": "object", "properties": {"evidence": found}, "required": ["evidence"]}
    evidence = {
        "operationId": "evidence",
        "summary": "What a verdict rests on, or what an event did: rules, counts, and measurements with every step.",
        "description": "Either `platform` and `isp`, or `event`.",
        "parameters": _parameters(EVIDENCE_OF),
        "responses": {
            "200": {"description": "The evidence.", "content": {"application/json": {"schema": answer}}},
            "404": _failure("Nothing was taken down of that."),
            **_FAILURES,
        },
    }
    return {
        "/api/v1/evidence": {"get": evidence},
        "/api/v1/events/stream": _feed("stream", "Events as they happen, Server-Sent Events; no end.", EVENTS_OF, SSE),
        "/api/v1/events.atom": _feed("atom", "The newest hundred events, Atom.", EVENTS_OF, ATOM),
        "/api/v1/badge.svg": _feed("badge", "A platform in the whole country, a picture.", BADGE_OF, SVG, BADGE_OF),
    }


def _feed(
    operation: str, summary: str, parameters: Set[str], content_type: str, required: Set[str] = frozenset()
) -> Schema:
    """What is no JSON."""
    content = {content_type.partition(";")[0]: {"schema": TEXT}}
    responses: Schema = {"200": {"description": summary, "content": content}, **_FAILURES}
    said = {"operationId": operation, "summary": summary, "parameters": _parameters(parameters, required=required)}
    return {"get": {**said, "responses": responses}}


_FAILURES: Schema = {
    "400": _failure("A parameter is unknown, missing, or cannot be read; the message names it."),
    "503": _failure("The journal is being replayed: nothing is known yet. Or as many readers listen as may."),
}


def _get(operation: str, summary: str, responses: Schema) -> Schema:
    return {"get": {"operationId": operation, "summary": summary, "responses": responses}}
