"""What stood when: spans of one state and mechanism, from events and from what stands now. Pure.

A span begins with an event, or with the `since` of what stands now; what has no known beginning is left out: what was
before the first event that is known, and the state of an ISP where nobody was ever heard. Spans are whole: a window
selects those that it overlaps and does not cut them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rabta_collector.state import Event, Snapshot, Witness
from rabta_proto.vocabulary import Mechanism

Cell = tuple[str | None, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A state and how long it stood; half-open. `platform` is `None` for an ISP's own, `until` while it stands.

    `revised`: others measured it, see past.py; then `witness` says by which rules.
    """

    platform: str | None
    isp: str
    state: str
    mechanism: Mechanism | None
    since: float
    until: float | None = None
    revised: bool = False
    witness: tuple[Witness, ...] = ()


def find_spans(
    events: Sequence[Event], snapshot: Snapshot, *, since: float | None = None, until: float | None = None
) -> tuple[Span, ...]:
    """Spans that overlap the window, each cell's in their order; an ISP's own before those of platforms there.

    `events` are all that are known of the wanted cells, and `snapshot` holds no other cells.
    """
    now = {(span.platform, span.isp): span for span in _standing(snapshot)}
    cells: dict[Cell, list[Event]] = {cell: [] for cell in now}
    for event in sorted(events, key=lambda event: (event.at, event.id)):
        cells.setdefault((event.platform, event.isp), []).append(event)
    ordered = sorted(cells, key=lambda cell: (cell[1], cell[0] or ""))
    spans = (span for cell in ordered for span in _spans(cells[cell], now.get(cell)))
    return tuple(span for span in spans if overlaps(span, since, until))


def _standing(snapshot: Snapshot) -> Iterable[Span]:
    for isp in snapshot.isps:
        if isp.since is not None:
            yield Span(platform=None, isp=isp.isp, state=str(isp.state), mechanism=None, since=isp.since)
    for one in snapshot.verdicts:
        yield Span(platform=one.platform, isp=one.isp, state=str(one.state), mechanism=one.mechanism, since=one.since)


def _spans(events: Sequence[Event], now: Span | None) -> list[Span]:
    """Spans of one cell."""
    spans = [
        Span(platform=event.platform, isp=event.isp, state=event.to_state, mechanism=event.mechanism, since=event.at)
        for event in events
    ]
    if now is not None and (not spans or now.since > spans[-1].since):
        spans.append(now)
    elif now is not None:  # its event is the last one; where the two differ, what stands now is newer
        spans[-1] = replace(spans[-1], state=now.state, mechanism=now.mechanism)
    closed = [replace(span, until=following.since) for span, following in pairwise(spans)] + spans[-1:]
    return [span for span in closed if span.until != span.since]


def overlaps(span: Span, since: float | None, until: float | None) -> bool:
    """Whether any of a span is within a window."""
    ends_late_enough = since is None or span.until is None or span.until > since
    return ends_late_enough and (until is None or span.since < until)
