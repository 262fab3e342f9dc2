"""Measurements that the collector asks for at once, within what this agent gives for that. Pure.

An errand names a target of the plan, and nothing else is ever done for one. It waits in a short queue until the limits
on time let it begin, is dropped when it came to nothing in time, and counts against an allowance by the hour and the
day: a collector that asks for more is not heard, and nobody is asked to pay for it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from rabta_agent.ceilings import ERRAND_SECONDS, ERRANDS_DAY, ERRANDS_HOUR, ERRANDS_WAITING
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.measurement_pb2 import DEPTH_LIGHT, DEPTH_TRANSFER
from rabta_proto.vocabulary import Depth

HOUR_S, DAY_S = 3600.0, 86_400.0
_DEPTHS = {DEPTH_LIGHT: Depth.LIGHT, DEPTH_TRANSFER: Depth.TRANSFER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One request. `until`: Unix seconds after which it need not begin any more.

    `reads`: timed reads that are wanted at the most; 0: a whole round.
    """

    request: int
    platform: str
    target: str
    depth: Depth
    until: float
    reads: int = 0


def read_errand(message: wire.MeasureNow, now: float) -> Errand:
    """What a collector asks for; nothing is waited for longer than ERRAND_SECONDS."""
    return Errand(
        request=message.request,
        platform=message.platform,
        target=message.target,
        depth=_DEPTHS.get(message.depth, Depth.FULL),
        until=now + min(message.within_ms / 1000, ERRAND_SECONDS),
        reads=message.reads,
    )


@dataclass(slots=True, kw_only=True)
class Errands:
    """`refused` counts those that were not taken, or not begun in time."""

    refused: int = 0
    _waiting: list[Errand] = field(default_factory=list)
    _begun: deque[float] = field(default_factory=deque)

    def offer(self, errand: Errand) -> bool:
        """Takes an errand into the queue; false where it is full or has that target already."""
        known = any((one.platform, one.target) == (errand.platform, errand.target) for one in self._waiting)
        if not errand.request or known or len(self._waiting) >= ERRANDS_WAITING:
            self.refused += 1
            return False
        self._waiting.append(errand)
        return True

    def wait_s(self, now: float, possible_at: Callable[[Errand], float]) -> float | None:
        """Seconds until one may begin; `None`: none will."""
        self._drop_late(now)
        moments = [possible_at(errand) for errand in self._waiting if possible_at(errand) < errand.until]
        return max(0.0, min(moments) - now) if moments and self._allowed(now) else None

    def pop(self, now: float, possible_at: Callable[[Errand], float]) -> Errand | None:
        """The first that may begin now; it counts against the allowance."""
        self._drop_late(now)
        ready = next((errand for errand in self._waiting if possible_at(errand) <= now), None)
        if ready is None or not self._allowed(now):
            return None
        self._waiting.remove(ready)
        self._begun.append(now)
        return ready

    def _drop_late(self, now: float) -> None:
        kept = [errand for errand in self._waiting if now < errand.until]
        self.refused += len(self._waiting) - len(kept)
        self._waiting = kept

    def _allowed(self, now: float) -> bool:
        if self._begun and self._begun[-1] > now:  # the clock was set back: what was begun was begun just now
            self._begun = deque(now for _ in self._begun)
        while self._begun and self._begun[0] + DAY_S <= now:
            self._begun.popleft()
        lately = sum(at + HOUR_S > now for at in self._begun)
        return lately < ERRANDS_HOUR and len(self._begun) < ERRANDS_DAY
