"""An event as a message of the stream of events: what the record's line says of it, without its place there. Pure.

    {"number": 7, "at_us": 1764453600000000, "written": "...Z", "rules_version": 9, "event": {...}, "evidence": {...}}

`number`: it is the n-th of its ISP in the stream, from 1 without gaps. `at_us`: when it was decided, exactly. The rest
is as lines.py has it; `written`: when whoever said it had written it down. Evidence that would make more than `LARGEST`
bytes of it is left out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rabta_collector.record.lines import Row
from rabta_collector.state import Event, Witness
from rabta_proto.vocabulary import Mechanism

LARGEST = 1024 * 1024
KEPT = ("written", "rules_version", "event", "evidence")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Moment:
    """Where an event stands among those of its ISP, which are decided in this order; no two have the same."""

    at_us: int
    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message that was read; the event has no number of the API's."""

    number: int
    moment: Moment
    event: Event
    evidence: Row | None
    rules_version: int


def write_told(number: int, at_us: int, line: bytes) -> bytes:
    """The message of a line of the record."""
    known = json.loads(line)
    told = {"number": number, "at_us": at_us} | {key: known[key] for key in KEPT}
    text = _to_json(told)
    return text if len(text) <= LARGEST else _to_json(told | {"evidence": None})


def read_told(message: bytes) -> Told:
    """Raises `ValueError`, `KeyError`, `TypeError` where it is none."""
    told: Mapping[str, Any] = json.loads(message)
    at_us, evidence = int(told["at_us"]), told["evidence"]
    event = read_event(told["event"], at_us / 1_000_000)
    return Told(
        number=int(told["number"]),
        moment=Moment(at_us=at_us, platform=event.platform or ""),
        event=event,
        evidence=None if evidence is None else dict(evidence),
        rules_version=int(told["rules_version"]),
    )


def read_event(row: Mapping[str, Any], at: float) -> Event:
    """What `lines.event_row` wrote, at the moment (Unix seconds) that is known more exactly."""
    took = row["detected_after_seconds"]
    return Event(
        id=0,
        at=at,
        platform=None if row["platform"] is None else str(row["platform"]),
        isp=str(row["isp"]),
        from_state=str(row["from"]),
        to_state=str(row["to"]),
        mechanism=None if row["mechanism"] is None else Mechanism(row["mechanism"]),
        detected_after_seconds=None if took is None else float(took),
        revised=bool(row["revised"]),
        witness=tuple(Witness(rule=str(one["rule"]), count=int(one["count"])) for one in row["witness"]),
    )


def _to_json(told: Mapping[str, object]) -> bytes:
    return json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
