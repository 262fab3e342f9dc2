"""What the API answers, in JSON Schema: made from the vocabulary, so that no word is forgotten. Pure."""

from collections.abc import Iterable
from enum import StrEnum

from rabta_collector.catalogue import Need
from rabta_collector.provinces import PROVINCES
from rabta_proto.locating import Cut, Doubt
from rabta_proto.vocabulary import IspKind, IspState, Judgement, Mechanism, State

Schema = dict[str, object]


def one_of(words: Iterable[StrEnum]) -> Schema:
    """One of the words of a closed set."""
    return {"type": "string", "enum": [str(word) for word in words]}


def or_null(schema: Schema) -> Schema:
    """That, or nothing."""
    return {"anyOf": [schema, {"type": "null"}]}


def described(schema: Schema, description: str) -> Schema:
    """The same with a word to people."""
    return {**schema, "description": description}


TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time", "pattern": ":00\\.000Z$"}
"""Of a measurement or a change: by the minute."""

CLOCK: Schema = {"type": "string", "format": "date-time", "pattern": "Z$"}
"""The collector's own."""

COUNT: Schema = {"type": "integer", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
WITNESS: Schema = {
    "type": "array",
    "description": "Rules that measurements matched, and how many each.",
    "items": {"type": "object", "properties": {"rule": TEXT, "count": COUNT}, "required": ["rule", "count"]},
}
PARTS: Schema = {
    "type": "array",
    "description": "What people do with the platform, and how that is; empty where it has no parts.",
    "items": {
        "type": "object",
        "properties": {
            "part": TEXT,
            "name": TEXT,
            "state": one_of(State),
            "mechanism": or_null(one_of(Mechanism)),
            "note": or_null(TEXT),
        },
        "required": ["part", "name", "state", "mechanism", "note"],
    },
}
ANY_STATE: Schema = {"type": "string", "enum": list(dict.fromkeys([*map(str, State), *map(str, IspState)]))}
PLATFORM = described(TEXT, "Identifier of a platform.")
ISP = described(TEXT, "Identifier of an ISP.")
ITS_OWN = described(or_null(TEXT), "Identifier of a platform; null where the ISP's own state is meant.")
HOW = described(or_null(one_of(Mechanism)), "How it is kept from its users; null where nothing is, or not known.")

ITEMS: dict[str, Schema] = {
    "verdicts": {
        "platform": PLATFORM,
        "isp": ISP,
        "state": one_of(State),
        "mechanism": HOW,
        "since": described(TIME, "When the state last changed."),
        "updated": described(TIME, "When the verdict was last decided with new evidence."),
        "confidence": SHARE,
        "agents": described(COUNT, "Distinct agents that vote."),
        "measurements": described(COUNT, "Measurements in the window."),
        "agreement": described(SHARE, "Share of the conclusive votes that are for this state."),
        "witness": WITNESS,
        "note": or_null(TEXT),
        "parts": PARTS,
    },
    "isps": {
        "isp": ISP,
        "name": TEXT,
        "kind": one_of(IspKind),
        "state": one_of(IspState),
        "since": described(or_null(TIME), "When the state last changed; null where nobody was ever heard."),
        "agents_connected": COUNT,
        "agents_expected": COUNT,
        "agents_reporting": described(COUNT, "Agents with a measurement in the window."),
    },
    "events": {
        "id": described(
            {"type": "integer", "format": "int64"}, "Grows with time; the same whoever decides on a journal."
        ),
        "at": described(TIME, "When it was decided."),
        "platform": ITS_OWN,
        "isp": ISP,
        "from": ANY_STATE,
        "to": ANY_STATE,
        "mechanism": HOW,
        "detected_after_seconds": described(
            or_null({"type": "number"}), "From the start of the first measurement that showed it to the decision."
        ),
        "revised": described({"type": "boolean"}, "Whether it is from measurements of others, imported later."),
        "witness": WITNESS,
    },
    "timeline": {
        "platform": ITS_OWN,
        "isp": ISP,
        "state": ANY_STATE,
        "mechanism": HOW,
        "from": TIME,
        "until": described(or_null(TIME), "The moment that it no longer stood; null while it stands."),
        "revised": described({"type": "boolean"}, "Whether it is from measurements of others, imported later."),
    },
    "counts": {
        "isp": ISP,
        "platform": PLATFORM,
        "at": described(TIME, "The beginning of the minute, hour or day (UTC)."),
        "measurements": described(COUNT, "Measurements that began within it, those that came late among them."),
        "agents": described(COUNT, "Distinct agents that made them."),
        **{str(word): described(COUNT, f"Measurements of which this was found: {word}.") for word in Judgement},
    },
    "platforms": {
        "id": PLATFORM,
        "name": TEXT,
        "category": TEXT,
        "targets": described({"type": "array", "items": TEXT}, "URLs that make up the platform."),
        "need": described(one_of(Need), "Whether all targets must work, or any one."),
    },
}

FINDING = one_of(Judgement)


def list_of(properties: Schema, description: str) -> Schema:
    """Objects in which every property stands."""
    items: Schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "array", "description": description, "items": items}


MEASUREMENT: Schema = {
    "type": "object",
    "description": "rabta.v1.Measurement as protobuf JSON, anonymous: every step, its time to the minute.",
}
EVIDENCE: Schema = {
    "event": or_null({"$ref": "#/components/schemas/events"}),
    "platform": PLATFORM,
    "isp": ISP,
    "state": one_of(State),
    "mechanism": HOW,
    "since": described(TIME, "When the state began."),
    "decided": described(TIME, "The minute in which it was decided."),
    "confidence": SHARE,
    "agents": described(COUNT, "Distinct agents that voted."),
    "measurements": described(COUNT, "Measurements in the window."),
    "agreement": SHARE,
    "note": or_null(TEXT),
    "rules_version": COUNT,
    "rules": list_of(
        {"rule": TEXT, "count": COUNT, "finding": FINDING, "because": TEXT},
        "Rules that measurements of the window matched, how many each, and what each says.",
    ),
    "targets": list_of(
        {
            "target": described(TEXT, "URL."),
            "decides": described({"type": "boolean"}, "Whether it is one of those that make up the platform."),
            "state": one_of(State),
            "mechanism": HOW,
            "votes": list_of({"finding": FINDING, "agents": COUNT}, "Agents by what their newest measurement says."),
        },
        "Targets of the platform, and how their votes stood.",
    ),
    "provinces": described(
        or_null(
            list_of(
                {"province": {"type": "string", "enum": [*PROVINCES]}, "agents": {"type": "integer", "minimum": 3}},
                "Provinces with three agents or more.",
            )
        ),
        "Where agents are; null where there are fewer than three, or no province has three.",
    ),
    "examples": list_of(
        {
            "rule": TEXT,
            "finding": FINDING,
            "mechanism": HOW,
            "reasons": {"type": "array", "items": TEXT, "description": "Sentences that say what was seen."},
            "measurement": MEASUREMENT,
            "controls": {"type": "array", "items": MEASUREMENT, "description": "By controls, of about that time."},
        },
        "Measurements that bear it out, at most three.",
    ),
    "paths": list_of(
        {
            "target": described(TEXT, "URL."),
            "at": described(TIME, "The minute in which it was traced."),
            "cut": described(or_null(one_of(Cut)), "In which way it is cut off; null where it was not."),
            "after": described(or_null(COUNT), "Routers that first words may pass without being cut off."),
            "begins": described(or_null(COUNT), "Hops that they may come, and are cut off by then; null: not known."),
            "server": described(or_null(COUNT), "Hops to the server, under an innocuous name; null: not known."),
            "at_server": described(
                {"type": "boolean"}, "Whether that is as far as the server, which may do it itself."
            ),
            "by_name": described(or_null({"type": "boolean"}), "Whether an innocuous name passes there."),
            "doubt": described(or_null(one_of(Doubt)), "Why it is not known where; null where it is."),
            "resets": described(COUNT, "RSTs that came."),
            "reset_ttls": {"type": "array", "items": COUNT, "description": "TTLs of the first of them, as they came."},
            "reset_ip_ids": {"type": "array", "items": COUNT, "description": "Their IP identification."},
        },
        "Where on the path agents found it cut off while this state stood, the newest first. No verdict rests on it.",
    ),
}
