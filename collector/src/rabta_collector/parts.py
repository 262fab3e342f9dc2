"""What is known of the country, in one piece or in parts: what is asked for, the answer, and many put together. Pure.

Where shares of the ISPs are decided on by processes of their own, each knows its part and no other (isp_share.py). Put
together the parts are what one process would know that decides on all: in its order, and up to the moment that all of
them have decided up to.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rabta_collector.atom import ENTRIES
from rabta_collector.query import Query
from rabta_collector.record.counts import Counted
from rabta_collector.state import Event, Snapshot, Tallies, Verdict
from rabta_collector.timeline import Span

NEWEST = 2 * ENTRIES
"""Events that are there however old they are, for lists of the latest ones: the feed's is the longest."""

T = TypeVar("T")


class MissingShareError(RuntimeError):
    """A part of the country cannot be had just now. The message is one line for readers.

    `isps`: whose part it is.
    """

    def __init__(self, message: str, isps: Sequence[str]) -> None:
        super().__init__(message)
        self.isps = isps


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be known of the cells of a query, besides what stands.

    `events`: those in memory. `late`: spans of what came too late to vote. `past`: spans of the past that touch the
    query's window, and events that are no longer in memory. Of events before `since` only each cell's last one and the
    newest have to be there. `counts`: as many as the query's limit, and one more.
    """

    query: Query = field(default_factory=Query)
    events: bool = False
    late: bool = False
    past: bool = False
    since: float | None = None
    counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The answer; what was not asked for is empty. Events are oldest first, `older` are no longer in memory.

    Spans are cell by cell.
    """

    snapshot: Snapshot
    events: tuple[Event, ...] = ()
    older: tuple[Event, ...] = ()
    late: tuple[Span, ...] = ()
    past: tuple[Span, ...] = ()
    counts: tuple[Counted, ...] = ()


Look = Callable[[], Part]
"""Reads from disk what is there: to be called in a thread."""


def of_isps(part: Part, owned: Callable[[str], bool]) -> Part:
    """What a part has of some ISPs. Records may know of others, from when these were dealt out otherwise.

    What is for operators alone (`Tallies`) is left out.
    """
    snapshot = replace(
        part.snapshot,
        verdicts=tuple(one for one in part.snapshot.verdicts if owned(one.isp)),
        isps=tuple(one for one in part.snapshot.isps if owned(one.isp)),
        tallies=Tallies(),
    )
    return Part(
        snapshot=snapshot,
        events=tuple(one for one in part.events if owned(one.isp)),
        late=tuple(one for one in part.late if owned(one.isp)),
        older=tuple(one for one in part.older if owned(one.isp)),
        past=tuple(one for one in part.past if owned(one.isp)),
        counts=tuple(one for one in part.counts if owned(one.isp)),
    )


def since(part: Part, moment: float | None) -> Part:
    """Without events that need not be there: of those in memory from before a moment each cell's last one is left,
    which says what stood then, and what is among the newest.
    """
    if moment is None:
        return part
    last = {(event.isp, event.platform): event.id for event in part.events if event.at < moment}
    needed = {*last.values(), *(event.id for event in part.events[-NEWEST:])}
    return replace(part, events=tuple(one for one in part.events if one.at >= moment or one.id in needed))


def merge(parts: Sequence[Part], *, isps: Sequence[str], platforms: Sequence[str], limit: int) -> Part:
    """One part of several that have no ISP in common. `isps` and `platforms` in the order of their lists.

    `limit`: of the query. Of events those that all know of: none from after the moment of whoever is behind.
    """
    at = min(part.snapshot.at for part in parts)
    counts = sorted(_all(part.counts for part in parts), key=lambda one: (one.isp, one.platform, one.at))
    return Part(
        snapshot=_snapshot([part.snapshot for part in parts], at, isps, platforms),
        events=tuple(event for event in _in_order(part.events for part in parts) if event.at <= at),
        older=_in_order(part.older for part in parts),
        late=_cell_by_cell(part.late for part in parts),
        past=_cell_by_cell(part.past for part in parts),
        counts=tuple(counts[: limit + 1]),
    )


def _snapshot(several: Sequence[Snapshot], at: float, isps: Sequence[str], platforms: Sequence[str]) -> Snapshot:
    """Controls are the country's, and each process sees them all; who sees the fewest is behind."""
    isp_at, platform_at = _places(isps), _places(platforms)
    verdicts = _all(one.verdicts for one in several)

    def place(verdict: Verdict) -> tuple[int, int]:
        return platform_at.get(verdict.platform, len(platforms)), isp_at.get(verdict.isp, len(isps))

    return Snapshot(
        at=at,
        verdicts=tuple(sorted(verdicts, key=place)),
        isps=tuple(sorted(_all(one.isps for one in several), key=lambda one: isp_at.get(one.isp, len(isps)))),
        controls_connected=min(one.controls_connected for one in several),
        controls_out_of_step=max(one.controls_out_of_step for one in several),
        late_dropped=sum(one.late_dropped for one in several),
        goodput={cell: rates for one in several for cell, rates in one.goodput.items()},
    )


def _places(words: Sequence[str]) -> Mapping[str, int]:
    return {word: place for place, word in enumerate(words)}


def _all(several: Iterable[Iterable[T]]) -> list[T]:
    return [one for some in several for one in some]


def _cell_by_cell(several: Iterable[Iterable[Span]]) -> tuple[Span, ...]:
    return tuple(sorted(_all(several), key=lambda one: (one.isp, one.platform or "", one.since)))


def _in_order(several: Iterable[Iterable[Event]]) -> tuple[Event, ...]:
    return tuple(sorted(_all(several), key=lambda event: (event.at, event.id)))
