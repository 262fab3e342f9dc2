"""When an agent is asked for patience, and when its session is ended because it has none. Pure.

An agent over its rate is held back by not being read, which bounds it whatever it does; `SlowDown` tells it, so that a
good one spares both ends the queue. One that was told and still presses against its limit after PATIENCE_S is refused.
"""

from dataclasses import dataclass

from rabta_collector.limits import Limits
from rabta_proto.v1 import collector_pb2 as link

LOADED = 0.5  # share of the room in flight from which on the collector counts as loaded
GREEDY = 0.5  # share of its burst below which an agent counts as greedy: others go first
TOLD_FOR_S = 30
TELL_AGAIN_S = 10.0
PATIENCE_S = 120.0
BUSY_PAUSE_MS, LOADED_PAUSE_MS = 250, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """How hard an agent presses: seconds that it has to wait, how full its bucket is, how full the collector is."""

    wait_s: float
    share: float
    load: float

    @property
    def greedy(self) -> bool:
        return self.share < GREEDY


@dataclass(slots=True, kw_only=True)
class Patience:
    """What one session was told, and since when it presses in spite of it."""

    told_at: float | None = None
    pressing_since: float | None = None

    def judge(self, press: Press, limits: Limits, now: float) -> link.SlowDown | None:
        """What to tell the agent now, or `None`. Raises `ImpatientError`."""
        if not press.greedy:
            self.pressing_since = None
            return None
        if press.wait_s > 0:
            if self.pressing_since is None:
                self.pressing_since = now
            if now - self.pressing_since > PATIENCE_S:
                raise ImpatientError
        elif press.load < LOADED:
            return None
        if self.told_at is not None and now - self.told_at < TELL_AGAIN_S:
            return None
        self.told_at = now
        return _advice(press, limits)


class ImpatientError(Exception):
    """The agent was told to slow down, and did not."""


def _advice(press: Press, limits: Limits) -> link.SlowDown:
    """A quarter of its rate; while the collector is loaded, a sixteenth."""
    loaded = press.load >= LOADED
    return link.SlowDown(
        for_s=TOLD_FOR_S,
        backlog_bytes_per_s=max(1, limits.agent_bytes_per_s // (16 if loaded else 4)),
        live_pause_ms=LOADED_PAUSE_MS if loaded else BUSY_PAUSE_MS,
    )
