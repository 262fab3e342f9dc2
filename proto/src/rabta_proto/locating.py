"""Where on the path something cuts a name off, as two traces of one address tell it: the name's, and another's. Pure.

A distance is a TTL. What `begins` at 5 is not set off by first words that may come as far as the fourth router, and is
by those that may come to the fifth: it sits in the fourth as that forwards, in the fifth as that receives, or between.

What comes back is believed for that it came, and for nothing that is written in it: whoever forges a RST chooses its
TTL and its identification, so that these say nothing of distances here. And first words get lost, as do answers, and
many routers never say that a packet's time ran out. So what did not show counts where first words were sent twice at
least; what did show, where it showed twice; silence, where it was met twice at one distance from which another name got
an answer. Where these do not agree nothing is said (`Doubt`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rabta_proto.model import Observation, PathTrace
from rabta_proto.trace import Reset, TraceStep

ENOUGH = 2
"""So many times something has to show, or first words to be sent without it."""


class Cut(StrEnum):
    """In which way a name is cut off."""

    RESET = "reset"
    SILENCE = "silence"


class Doubt(StrEnum):
    """Why it is not known where."""

    NOT_LOOKED = "not_looked"  # too few connections stood: what was set off may outlast its trigger
    NOT_CUT = "not_cut"  # the name was answered, or nothing befell it as far as was looked
    ONCE = "once"  # it showed a single time
    NOT_HELD_AGAINST = "not_held_against"  # silence, and the other name got no answer from there either
    UNSURE_BEFORE = "unsure_before"  # first words were not sent often enough to the router before
    AT_ODDS = "at_odds"  # it showed, and from farther away there was an answer as if there were nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """`cut` begins beyond `after` routers and at `begins` at the latest; `doubt`: why neither is known.

    `server`: the least distance at which the other name was answered. `by_name`: whether the other name passed there;
    `None`: not known. `resets`: how many came in all, of which `first_resets` are kept.
    """

    cut: Cut | None = None
    begins: int | None = None
    after: int | None = None
    server: int | None = None
    by_name: bool | None = None
    doubt: Doubt | None = None
    resets: int = 0
    first_resets: tuple[Reset, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether one distance is left."""
        return self.begins is not None and self.after == self.begins - 1

    @property
    def at_server(self) -> bool:
        """Whether the server itself may do it: it is as far away as that."""
        return self.begins is not None and self.server is not None and self.begins >= self.server


def find_traces(observations: Iterable[Observation]) -> tuple[PathTrace | None, PathTrace | None]:
    """The traces of a measurement: that of the target's name, and that of the innocuous one."""
    traces = [one.detail for one in observations if isinstance(one.detail, PathTrace)]
    own = next((trace for trace in traces if not trace.isolation), None)
    return own, next((trace for trace in traces if trace.isolation), None)


def locate(own: PathTrace | None, other: PathTrace | None) -> Location:
    """Where the name of `own` is cut off. Total: whatever a trace holds, it raises nothing."""
    steps, held = _stood(own), _stood(other)
    resets = tuple(reset for step in steps for reset in step.first_resets)
    server = min((step.ttl for step in held if step.answered and not step.resets), default=None)
    found = _locate(steps, held, gone=own is not None and len(steps) < len(own.steps))
    return Location(
        cut=found.cut,
        begins=found.begins,
        after=found.after,
        server=server,
        by_name=found.by_name,
        doubt=found.doubt,
        resets=sum(step.resets for step in steps),
        first_resets=resets,
    )


def _stood(trace: PathTrace | None) -> list[TraceStep]:
    return [step for step in trace.steps if step.connected] if trace else []


def _locate(steps: Sequence[TraceStep], held: Sequence[TraceStep], *, gone: bool) -> Location:
    """`gone`: whether some connections of the name's did not stand."""
    if not steps:
        return Location(doubt=Doubt.NOT_LOOKED)
    if any(step.resets for step in steps):
        return _locate_reset(steps, held, gone=gone)
    return _locate_silence(steps, held, gone=gone)


def _locate_reset(steps: Sequence[TraceStep], held: Sequence[TraceStep], *, gone: bool) -> Location:
    shown = [step for step in steps if step.resets]
    begins = min(step.ttl for step in shown)
    if any(_passed(step) and step.ttl >= begins for step in steps):
        return Location(cut=Cut.RESET, doubt=Doubt.AT_ODDS)
    if len(shown) < ENOUGH:
        return Location(cut=Cut.RESET, doubt=Doubt.NOT_LOOKED if gone else Doubt.ONCE)
    before = sum(step.sent for step in steps if step.ttl == begins - 1)
    if begins > 1 and before < ENOUGH:
        return Location(cut=Cut.RESET, doubt=Doubt.UNSURE_BEFORE)
    return Location(cut=Cut.RESET, begins=begins, after=begins - 1, by_name=_spares(held, begins))


def _spares(held: Sequence[TraceStep], begins: int) -> bool | None:
    """Whether another name got through as far as there, or is reset like this one."""
    if any(_passed(step) and step.ttl >= begins for step in held):
        return True
    return False if any(step.resets for step in held) else None


def _locate_silence(steps: Sequence[TraceStep], held: Sequence[TraceStep], *, gone: bool) -> Location:
    if any(step.answered for step in steps):
        return Location(doubt=Doubt.NOT_CUT)
    after = max((step.ttl for step in steps if _passed(step)), default=0)
    beyond = [step for step in steps if step.ttl > after and step.sent >= ENOUGH]
    if not beyond:
        return Location(doubt=Doubt.NOT_LOOKED if gone else Doubt.NOT_CUT)
    answering = {step.ttl for step in held if _passed(step)}
    silent = [step.ttl for step in beyond if step.ttl in answering]
    if not silent:
        return Location(cut=Cut.SILENCE, doubt=Doubt.NOT_HELD_AGAINST)
    if silent.count(min(silent)) < ENOUGH:
        return Location(cut=Cut.SILENCE, doubt=Doubt.NOT_LOOKED if gone else Doubt.ONCE)
    return Location(cut=Cut.SILENCE, begins=min(silent), after=after, by_name=True)


def _passed(step: TraceStep) -> bool:
    """Whether first words came as far as they might, and nothing was done to them on the way."""
    return not step.resets and (step.expired or step.answered)
