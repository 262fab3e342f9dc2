"""The data of a page in a form that can be kept and checked: JSON with its keys in order, and its SHA-256. Pure.

The JSON stands in the page itself, as a link to be saved: whoever saves it has exactly the bytes that the printed page
names, which `sha256sum` confirms. It names lines of the record and the archive's newest checkpoint by their digests, so
that it can be held against the archive (archive/pages.py). No address and no pseudonym of an agent is in it, and times
are cut to the minute.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from urllib.parse import quote

from rabta_collector.rfc3339 import format_minute
from rabta_collector.seals import Checkpoint, Seals
from rabta_collector.state import Event, Verdict, Witness
from rabta_collector.timeline import Span

FORMAT = "rabta-page-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """`digest` is hexadecimal, of `text` in UTF-8; `link` holds the text.

    `checkpoint`: the archive's newest one when the page was made, which the text names, too.
    """

    name: str
    text: str
    digest: str
    checkpoint: Checkpoint | None

    @property
    def link(self) -> str:
        return "data:application/json;charset=utf-8," + quote(self.text, safe="")

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.text.encode())


def make_attachment(name: str, decided_at: float, content: Mapping[str, object], seals: Seals) -> Attachment:
    """`name`: of the file, without its suffix. `decided_at`: up to when everything is decided."""
    newest = None if seals.checkpoint is None else asdict(seals.checkpoint)
    whole = {"format": FORMAT, "decided_at": format_minute(decided_at), "checkpoint": newest, **content}
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=1) + "\n"
    digest = sha256(text.encode()).hexdigest()
    return Attachment(name=f"{name}.json", text=text, digest=digest, checkpoint=seals.checkpoint)


def verdict_row(verdict: Verdict) -> Mapping[str, object]:
    return {
        "platform": verdict.platform,
        "isp": verdict.isp,
        "state": str(verdict.state),
        "mechanism": None if verdict.mechanism is None else str(verdict.mechanism),
        "since": format_minute(verdict.since),
        "confidence": round(verdict.confidence, 4),
        "agents": verdict.agents,
        "measurements": verdict.measurements,
        "agreement": round(verdict.agreement, 4),
        "witness": witness_rows(verdict.witness),
        "note": verdict.note,
        "parts": [
            {
                "part": one.id,
                "state": str(one.state),
                "mechanism": None if one.mechanism is None else str(one.mechanism),
            }
            for one in verdict.parts
        ],
    }


def event_row(event: Event, seals: Seals) -> Mapping[str, object]:
    """`record`: the line of the record that has it, once it is written down."""
    mark = seals.marks.get(event.id)
    return {
        "record": None if mark is None else asdict(mark),
        "id": event.id,
        "at": format_minute(event.at),
        "platform": event.platform,
        "isp": event.isp,
        "from": event.from_state,
        "to": event.to_state,
        "mechanism": None if event.mechanism is None else str(event.mechanism),
        "revised": event.revised,
        "witness": witness_rows(event.witness),
    }


def span_row(span: Span) -> Mapping[str, object]:
    return {
        "platform": span.platform,
        "isp": span.isp,
        "state": span.state,
        "mechanism": None if span.mechanism is None else str(span.mechanism),
        "from": format_minute(span.since),
        "until": None if span.until is None else format_minute(span.until),
        "revised": span.revised,
    }


def witness_rows(witness: Iterable[Witness]) -> list[Mapping[str, object]]:
    return [{"rule": one.rule, "count": one.count} for one in witness]
