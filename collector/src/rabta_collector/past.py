"""Our own timeline and the past as others measured it, put together. Pure.

What others measured tells of times of which our own agents tell nothing: where our own state is another than
inconclusive it stands, and spans of the past give way.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf

from rabta_collector.state import Event
from rabta_collector.timeline import Span
from rabta_proto.vocabulary import State


def merge(own: Sequence[Span], past: Iterable[Span]) -> tuple[Span, ...]:
    """Spans of cells, each cell's in order of time; an ISP's own before those of platforms there."""
    cells: dict[tuple[str, str], tuple[list[Span], list[Span]]] = {}
    for one in own:
        cells.setdefault((one.isp, one.platform or ""), ([], []))[0].append(one)
    for one in past:
        cells.setdefault((one.isp, one.platform or ""), ([], []))[1].append(one)
    return tuple(span for cell in sorted(cells) for span in _fill(*cells[cell]))


def _fill(own: Sequence[Span], past: Sequence[Span]) -> Sequence[Span]:
    """Our own spans of a cell, and those of the past where our own tell nothing."""
    if not past:
        return own
    taken = [span for span in own if span.state != State.INCONCLUSIVE]
    filling = [piece for span in past for piece in _without(span, taken)]
    silent = [piece for span in own if span.state == State.INCONCLUSIVE for piece in _without(span, filling)]
    return sorted([*taken, *filling, *silent], key=lambda span: span.since)


def _without(span: Span, others: Sequence[Span]) -> Iterator[Span]:
    """The pieces of a span that none of the others, which come in order and apart, overlaps."""
    start = span.since
    for other in others[bisect_right(others, start, key=_end) :]:
        if other.since >= _end(span):
            break
        if other.since > start:
            yield replace(span, since=start, until=other.since)
        start = _end(other)
    if start < _end(span):
        yield replace(span, since=start)


def _end(span: Span) -> float:
    return inf if span.until is None else span.until


def find_revisions(spans: Sequence[Span]) -> tuple[Event, ...]:
    """Changes of state that spans of the past tell of, oldest first. `spans` as `merge` gives them.

    Where one ends and nothing follows, nothing is known any more; where our own follows, its own event tells.
    """
    ends: list[Span | None] = [None, *spans, None]
    events = [event for before, after in pairwise(ends) for event in _changes(before, after)]
    return tuple(sorted(events, key=lambda event: (event.at, event.isp, event.platform or "")))


def _changes(before: Span | None, after: Span | None) -> Iterator[Event]:
    """What changed from one span of the list to the next, which may be of another cell."""
    joined = before is not None and after is not None and _cell(before) == _cell(after) and after.since <= _end(before)
    if before is not None and not joined and before.revised and before.state != State.INCONCLUSIVE:
        silence = replace(before, state=str(State.INCONCLUSIVE), mechanism=None, witness=())
        yield _event(_end(before), silence, before.state)
    if after is None or not after.revised:
        return
    stood = (before.state, before.mechanism) if joined and before is not None else (str(State.INCONCLUSIVE), None)
    if stood != (after.state, after.mechanism):
        yield _event(after.since, after, stood[0])


def _cell(span: Span) -> tuple[str, str | None]:
    return span.isp, span.platform


def _event(at: float, span: Span, stood: str) -> Event:
    """An event of the past. Its number is below zero, and the same whenever it is made."""
    words = f"{at} {span.isp} {span.platform} {stood} {span.state} {span.mechanism}"
    number = int.from_bytes(hashlib.blake2b(words.encode(), digest_size=6).digest(), "big")
    return Event(
        id=-1 - number,
        at=at,
        platform=span.platform,
        isp=span.isp,
        from_state=stood,
        to_state=span.state,
        mechanism=span.mechanism,
        detected_after_seconds=None,
        revised=True,
        witness=span.witness,
    )
