"""What was said, held against what was true. Pure.

A verdict's spans come from the engine's events, as history would show them. A block is found when the verdict is one of
those that its truth allows while it lasts, or `GRACE_S` after its end (what began to be decided before the end may be
said after it). A span of `blocked` or `throttled` that touches no such truth is false; so is one of `disrupted`, and an
ISP that is said to be down. A window is a gap between two blocks of one platform at one ISP.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

from rabta_collector.state import Event, Snapshot, Verdict
from rabta_proto.vocabulary import IspState, State
from sim.scene import Truth

GRACE_S = 120.0
WINDOW_S = 120.0  # the shortest gap that has to be found
ACCUSING = (State.BLOCKED, State.THROTTLED)
BINS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.001)

Place = tuple[str, str | None]
"""ISP and platform; `None` for the ISP itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """A state and how long it stood."""

    state: str
    since: float
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A truth, and how long after its beginning the verdict was right; `None`: it never was."""

    truth: Truth
    after_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """A truth that was found, and how long it was still said after its end; at the most until the next, or the end."""

    truth: Truth
    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A verdict that nothing bears out."""

    place: Place
    stood: Stood


@dataclass(slots=True, kw_only=True)
class Score:
    """Of one stretch. `windows`: of each gap between blocks, how long it was and whether it shows."""

    found: list[Found] = field(default_factory=list)
    over: list[Over] = field(default_factory=list)
    right: int = 0
    false: list[Wrong] = field(default_factory=list)
    windows: list[tuple[float, bool]] = field(default_factory=list)
    bins: dict[float, list[int]] = field(default_factory=lambda: {edge: [0, 0] for edge in BINS[:-1]})


def spans_of(events: Sequence[Event], end: float) -> dict[Place, list[Stood]]:
    """What stood when, by place; nothing before its first event. A change of the mechanism alone begins nothing."""
    by_place: dict[Place, list[Event]] = defaultdict(list)
    for event in events:
        changes = by_place[event.isp, event.platform]
        if not changes or changes[-1].to_state != event.to_state:
            changes.append(event)
    spans: dict[Place, list[Stood]] = {}
    for place, changes in by_place.items():
        ends = [event.at for event in changes[1:]] + [end]
        spans[place] = [
            Stood(state=change.to_state, since=change.at, until=until)
            for change, until in zip(changes, ends, strict=True)
        ]
    return spans


def score(truths: Sequence[Truth], events: Sequence[Event], samples: Sequence[Snapshot], end: float) -> Score:
    """Scores one stretch; `samples` are for the calibration of confidence alone."""
    result = Score()
    spans = spans_of(events, end)
    by_place: dict[Place, list[Truth]] = defaultdict(list)
    for truth in sorted(truths, key=lambda truth: truth.since):
        by_place[truth.isp, truth.platform].append(truth)
    for place, those in by_place.items():
        shown = [truth for truth in those if _must_show(truth)]
        result.found += [_find(truth, spans.get(place, ())) for truth in shown]
        result.over += _ends(shown, spans.get(place, ()), end)
        result.windows += _windows(shown, spans.get(place, ()))
    for place, stood in spans.items():
        _accuse(result, place, stood, by_place.get(place, ()))
    for snapshot in samples:
        for verdict in snapshot.verdicts:
            _calibrate(result, verdict, snapshot.at, by_place.get((verdict.isp, verdict.platform), ()))
    return result


def _must_show(truth: Truth) -> bool:
    return State.REACHABLE not in truth.states and (truth.platform is None or truth.states[0] != State.DOWN)


def _find(truth: Truth, spans: Iterable[Stood]) -> Found:
    for stood in spans:
        if stood.state in truth.states and stood.until > truth.since and stood.since < truth.until + GRACE_S:
            return Found(truth=truth, after_s=max(0.0, stood.since - truth.since))
    return Found(truth=truth, after_s=None)


def _ends(truths: Sequence[Truth], spans: Sequence[Stood], end: float) -> Iterator[Over]:
    """How long each truth outlived itself; nothing, where it did not show at its end."""
    for truth, until in zip(truths, chain((later.since for later in truths[1:]), [end]), strict=False):
        showed = any(one.state in truth.states and one.since < truth.until < one.until for one in spans)
        if showed and truth.until < until:
            others = (one.since for one in spans if one.since >= truth.until and one.state not in truth.states)
            after_s = min(next(others, until), until) - truth.until
            yield Over(truth=truth, after_s=after_s)


def _windows(truths: Sequence[Truth], spans: Iterable[Stood]) -> list[tuple[float, bool]]:
    spans = list(spans)
    found = []
    for before, after in pairwise(truths):
        gap_s = after.since - before.until
        if gap_s > 0:
            shown = any(
                stood.state in (State.REACHABLE, State.DISRUPTED)
                and before.until <= stood.since < after.since + GRACE_S / 2
                for stood in spans
            )
            found.append((gap_s, shown))
    return found


def _accuse(result: Score, place: Place, spans: Iterable[Stood], truths: Sequence[Truth]) -> None:
    for stood in spans:
        accusing = stood.state in (*ACCUSING, State.DISRUPTED) if place[1] else stood.state == IspState.DOWN
        if not accusing:
            continue
        borne_out = any(
            stood.state in truth.states and stood.since < truth.until + GRACE_S and stood.until > truth.since
            for truth in truths
        )
        partly = stood.state == State.DISRUPTED and any(
            stood.since < truth.until + 30 * 60 and stood.until > truth.since for truth in truths
        )
        if borne_out:
            result.right += stood.state != State.DISRUPTED
        elif not partly:
            result.false.append(Wrong(place=place, stood=stood))


def _calibrate(result: Score, verdict: Verdict, at: float, truths: Iterable[Truth]) -> None:
    if verdict.state is State.INCONCLUSIVE:
        return
    allowed = next((truth.states for truth in truths if truth.since <= at < truth.until), (State.REACHABLE,))
    low = max(edge for edge in BINS if edge <= verdict.confidence)
    result.bins[low][0] += 1
    result.bins[low][1] += verdict.state in allowed
