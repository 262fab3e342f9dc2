"""Which distance a trace looks at next, from what came of its looks so far; rabta_proto.locating reads them. Pure.

The innocuous name goes first, from the first router on, up to where the server answers: afterwards it is known which
routers say that time ran out. The target's name follows, from the first router on again, so that what cuts it off is
met as late as can be, for it may keep up for a while what it began. Once it has shown, it is looked for once more there
and at the router before; silence, which a lost answer looks like, at a second distance and at the server's own.
"""

from collections.abc import Sequence

from rabta_agent.ceilings import TRACE_CONNECTIONS, TRACE_HOPS, TRACE_PACKETS
from rabta_proto.locating import ENOUGH, Cut
from rabta_proto.trace import TraceStep

QUIET = 6  # routers in a row from beyond which nothing came: farther on nothing will
GONE = 2  # connections in a row that did not stand
PACKETS_AROUND = 4  # of a connection, beside its first words: SYN, ACK, and RST twice


def spent(steps: Sequence[TraceStep]) -> bool:
    """Whether the ceilings of one trace, both names together, are reached."""
    return len(steps) >= TRACE_CONNECTIONS or sum(step.sent + PACKETS_AROUND for step in steps) >= TRACE_PACKETS


def next_of_other(steps: Sequence[TraceStep]) -> int | None:
    """The next distance for the innocuous name; `None`: that is all."""
    if _is_gone(steps) or any(step.resets or step.answered for step in steps):
        return None
    if len(steps) >= QUIET and not any(step.expired for step in steps[-QUIET:]):
        return None
    return _further(steps)


def next_of_own(steps: Sequence[TraceStep], other: Sequence[TraceStep], expected: Cut) -> int | None:
    """The next distance for the target's name; `expected`: how it was cut off when it was measured."""
    if _is_gone(steps) or any(step.answered and not step.resets for step in steps):
        return None
    if any(step.resets for step in steps):
        return _confirm_reset(steps)
    if expected is Cut.SILENCE:
        return _next_in_silence(steps, other)
    return _within(_further(steps), other)


def _is_gone(steps: Sequence[TraceStep]) -> bool:
    return len(steps) >= GONE and not any(step.connected for step in steps[-GONE:])


def _further(steps: Sequence[TraceStep]) -> int | None:
    """One router on; the same again where the connection did not stand."""
    if not steps:
        return 1
    last = steps[-1]
    ttl = last.ttl + 1 if last.connected else last.ttl
    return ttl if ttl <= TRACE_HOPS else None


def _within(ttl: int | None, other: Sequence[TraceStep]) -> int | None:
    """No farther than the other name came."""
    return ttl if ttl is not None and ttl <= max((step.ttl for step in other), default=0) else None


def _confirm_reset(steps: Sequence[TraceStep]) -> int | None:
    """Once more at the router before, and once more there."""
    begins = min(step.ttl for step in steps if step.resets)
    before = [step for step in steps if step.ttl == begins - 1]
    if begins > 1 and len(before) < ENOUGH:
        return begins - 1
    there = [step for step in steps if step.ttl >= begins]
    shown = sum(step.resets > 0 for step in there)
    return begins if shown < ENOUGH and len(there) <= ENOUGH else None


def _next_in_silence(steps: Sequence[TraceStep], other: Sequence[TraceStep]) -> int | None:
    """On until two distances were silent from which the other name got an answer; then once more at the first of them.

    And at the server's own, for there an answer is never left out to save trouble.
    """
    after = max((step.ttl for step in steps if step.expired), default=0)
    answering = {step.ttl for step in other if step.expired or step.answered}
    silent = [step.ttl for step in steps if step.connected and step.ttl > after and step.ttl in answering]
    server = next((step.ttl for step in other if step.answered), None)
    if len(silent) < ENOUGH:
        onward = _within(_further(steps), other)
        return onward if onward is not None or not silent else silent[0]
    if silent.count(min(silent)) < ENOUGH:
        return min(silent)
    looked = {step.ttl for step in steps}
    return server if server is not None and server not in looked else None
