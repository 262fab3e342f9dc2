"""Events as lines of a list. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from rabta_collector.pages.moments import Moment, make_moment
from rabta_collector.pages.names import Link, Names
from rabta_collector.pages.words import Mark, make_mark
from rabta_collector.state import Event

MINUTES_FROM_S = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """How long it took to see a change: `number` of `unit`, "s" or "min"."""

    number: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An event. `platform` is `None` where the ISP's own state changed. `revised`: others measured it."""

    id: int
    at: Moment
    platform: Link | None
    isp: Link
    before: Mark
    after: Mark
    mechanism: str | None
    seen_after: Took | None
    revised: bool


def make_changes(events: Iterable[Event], names: Names, now: float) -> tuple[Change, ...]:
    """In the order of the events."""
    return tuple(make_change(event, names, now) for event in events)


def make_change(event: Event, names: Names, now: float) -> Change:
    return Change(
        id=event.id,
        at=make_moment(event.at, now),
        platform=None if event.platform is None else names.platform(event.platform),
        isp=names.isp(event.isp),
        before=make_mark(event.from_state),
        after=make_mark(event.to_state),
        mechanism=event.mechanism,
        seen_after=make_took(event.detected_after_seconds),
        revised=event.revised,
    )


def make_took(seconds: float | None) -> Took | None:
    if seconds is None:
        return None
    if seconds < MINUTES_FROM_S:
        return Took(number=f"{seconds:.1f}", unit="s")
    return Took(number=f"{seconds / 60:.0f}", unit="min")
