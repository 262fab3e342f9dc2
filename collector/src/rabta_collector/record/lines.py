"""An event as one line of the record, for ever: JSON, in which each line names the digest of the line before it. Pure.

    {"record": 12, "previous": "<hex>", "written": "...Z", "rules_version": 9, "event": {...}, "evidence": {...}}

`record` counts from 1 without gaps. `previous` is the SHA-256 of the line before, its line feed included; of the first
one it is 64 zeros. `event` has the fields of the API's events but its number; `evidence` those of the API's evidence,
or is null where nothing was taken down (an ISP's own state). Keys stand in this order, without spaces, in UTF-8: the
bytes are what counts, and `sha256sum` of a line gives what the next one names.
"""

import json
from dataclasses import dataclass
from hashlib import sha256

from rabta_collector.rfc3339 import format_time
from rabta_collector.state import Event
from rabta_collector.verdict.rules import RULES_VERSION

NOTHING_BEFORE = "0" * 64

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line with its line feed, and its digest."""

    text: bytes
    digest: str


def write_line(
    number: int,
    previous: str,
    written: float,
    event: Event,
    evidence: Row | None,
    *,
    rules_version: int = RULES_VERSION,
) -> Line:
    """The line of an event. `written` in Unix seconds."""
    told = {
        "record": number,
        "previous": previous,
        "written": format_time(written),
        "rules_version": rules_version,
        "event": event_row(event),
        "evidence": evidence,
    }
    text = (json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n").encode()
    return Line(text=text, digest=digest_of(text))


def digest_of(text: bytes) -> str:
    """As `sha256sum` prints it."""
    return sha256(text).hexdigest()


def event_row(event: Event) -> Row:
    """An event as the API has it, but for its number."""
    took = event.detected_after_seconds
    return {
        "at": format_time(event.at),
        "platform": event.platform,
        "isp": event.isp,
        "from": str(event.from_state),
        "to": str(event.to_state),
        "mechanism": None if event.mechanism is None else str(event.mechanism),
        "detected_after_seconds": None if took is None else round(took, 3),
        "revised": event.revised,
        "witness": [{"rule": one.rule, "count": one.count} for one in event.witness],
    }
