"""The description of the API, OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0. Pure.

Made from the vocabulary and from the lists themselves, so that neither can be forgotten here.
"""

from rabta_collector.api import LISTINGS, Listing
from rabta_collector.catalogue import Need
from rabta_collector.query import DEFAULT_LIMIT, MAX_LIMIT, Form
from rabta_proto.vocabulary import IspKind, IspState, Mechanism, State

Schema = dict[str, object]


def _one_of(words: type[State] | type[IspState] | type[IspKind] | type[Mechanism] | type[Need]) -> Schema:
    return {"type": "string", "enum": [str(word) for word in words]}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time", "pattern": "Z$"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
WITNESS: Schema = {
    "type": "array",
    "description": "Rules that measurements matched, and how many each.",
    "items": {"type": "object", "properties": {"rule": TEXT, "count": COUNT}, "required": ["rule", "count"]},
}
ANY_STATE: Schema = {"type": "string", "enum": list(dict.fromkeys([*map(str, State), *map(str, IspState)]))}
PLATFORM = _described(TEXT, "Identifier of a platform.")
ISP = _described(TEXT, "Identifier of an ISP.")
ITS_OWN = _described(_or_null(TEXT), "Identifier of a platform; null where the ISP's own state is meant.")
HOW = _described(_or_null(_one_of(Mechanism)), "How it is kept from its users; null where nothing is, or not known.")

ITEMS: dict[str, Schema] = {
    "verdicts": {
        "platform": PLATFORM,
        "isp": ISP,
        "state": _one_of(State),
        "mechanism": HOW,
        "since": _described(TIME, "When the state last changed."),
        "updated": _described(TIME, "When the verdict was last decided with new evidence."),
        "confidence": SHARE,
        "agents": _described(COUNT, "Distinct agents that vote."),
        "measurements": _described(COUNT, "Measurements in the window."),
        "agreement": _described(SHARE, "Share of the conclusive votes that are for this state."),
        "witness": WITNESS,
        "note": _or_null(TEXT),
    },
    "isps": {
        "isp": ISP,
        "name": TEXT,
        "kind": _one_of(IspKind),
        "state": _one_of(IspState),
        "since": _described(_or_null(TIME), "When the state last changed; null where nobody was ever heard."),
        "agents_connected": COUNT,
        "agents_expected": COUNT,
        "agents_reporting": _described(COUNT, "Agents with a measurement in the window."),
    },
    "events": {
        "id": {"type": "integer"},
        "at": _described(TIME, "When it was decided."),
        "platform": ITS_OWN,
        "isp": ISP,
        "from": ANY_STATE,
        "to": ANY_STATE,
        "mechanism": HOW,
        "detected_after_seconds": _described(
            _or_null({"type": "number"}), "From the start of the first measurement that showed it to the decision."
        ),
        "revised": _described({"type": "boolean"}, "Whether it is from measurements of others, imported later."),
        "witness": WITNESS,
    },
    "timeline": {
        "platform": ITS_OWN,
        "isp": ISP,
        "state": ANY_STATE,
        "mechanism": HOW,
        "from": TIME,
        "until": _described(_or_null(TIME), "The moment that it no longer stood; null while it stands."),
        "revised": _described({"type": "boolean"}, "Whether it is from measurements of others, imported later."),
    },
    "platforms": {
        "id": PLATFORM,
        "name": TEXT,
        "category": TEXT,
        "targets": _described({"type": "array", "items": TEXT}, "URLs that make up the platform."),
        "need": _described(_one_of(Need), "Whether all targets must work, or any one."),
    },
}
SUMMARIES = {
    "verdicts": "What is known now of each platform at each ISP.",
    "isps": "What is known now of each ISP as a whole.",
    "events": "Changes of state, oldest first; where there are more than `limit`, the newest.",
    "timeline": "What stood when: whole spans that overlap the window.",
    "platforms": "What is measured.",
}
PARAMETERS: dict[str, tuple[Schema, str]] = {
    "platform": (TEXT, "Only this platform."),
    "isp": (TEXT, "Only this ISP."),
    "since": ({"type": "string", "format": "date-time"}, "From this time on."),
    "until": ({"type": "string", "format": "date-time"}, "Before this time."),
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "At most so many of the newest; `truncated` says whether there are older ones.",
    ),
    "format": ({"type": "string", "enum": [*map(str, Form)], "default": str(Form.JSON)}, "What to write the list as."),
}
PLAIN = {"text/plain": {"schema": TEXT}}


def describe(version: str) -> Schema:
    """The document. `version`: of the collector."""
    lists = {f"/api/v1/{listing.name}": {"get": _operation(listing)} for listing in LISTINGS}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rabta",
            "version": version,
            "description": "Whether platforms are reachable, blocked, throttled or down, by ISP. Open data, no key.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {**lists, **_others()},
        "components": {"schemas": {**{name: _item(name) for name in ITEMS}, "error": _error()}},
    }


def _operation(listing: Listing) -> Schema:
    name = listing.name
    properties: Schema = {name: {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}}
    if "limit" in listing.parameters:
        properties["truncated"] = _described({"type": "boolean"}, "Whether older rows were left out.")
    answer: Schema = {"type": "object", "properties": properties, "required": list(properties)}
    decided = {"description": "Point in time up to which everything is decided.", "schema": TIME}
    return {
        "operationId": name,
        "summary": SUMMARIES[name],
        "parameters": [_parameter(parameter) for parameter in PARAMETERS if parameter in listing.parameters],
        "responses": {
            "200": {
                "description": "The list.",
                "headers": {"Rabta-Decided-At": decided},
                "content": {"application/json": {"schema": answer}, "text/csv": {"schema": TEXT}},
            },
            "400": _failure("A parameter is unknown or cannot be read; the message names it."),
            "503": _failure("The journal is being replayed: nothing is known yet."),
        },
    }


def _parameter(name: str) -> Schema:
    schema, description = PARAMETERS[name]
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


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
    page = {"description": "The page.", "content": {"text/html": {"schema": TEXT}}}
    document = {"description": "This document.", "content": {"application/json": {"schema": {"type": "object"}}}}
    ready = {"200": {"description": "Yes.", "content": PLAIN}, "503": _failure("Not yet: the journal is replayed.")}
    return {
        "/": {"get": {"operationId": "page", "summary": "For people.", "responses": {"200": page}}},
        "/metrics": _get("metrics", "For Prometheus.", {"200": {"description": "Text format.", "content": PLAIN}}),
        "/healthz": _get(
            "healthz", "Whether the process serves.", {"200": {"description": "It does.", "content": PLAIN}}
        ),
        "/readyz": _get("readyz", "Whether verdicts are current.", ready),
        "/api/v1/openapi.json": _get("openapi", "This document.", {"200": document}),
    }


def _get(operation: str, summary: str, responses: Schema) -> Schema:
    return {"get": {"operationId": operation, "summary": summary, "responses": responses}}
