"""Which measurements of one session may go up now: the present at once, the past at a rate. Pure.

Two lanes. Live is what was measured a moment before the session began, or since: it goes at once. The backlog is what
is older: newest first, because what is nearest to the present decides most, at a rate, and while the collector asks for
patience at a lower one. Each lane has its own batches on their way, so that the backlog never takes the room of the
present. What a collector may ask for is bounded: it can slow an agent down, not silence it.
"""

from rabta_agent.inflight import InFlight, Settled
from rabta_proto.v1 import collector_pb2 as wire

FRESH_S = 120.0  # what is older has no vote at the collector (its `late_s`) and is history
BACKLOG_BYTES_PER_S = 16_000  # of payload: 60 MB of spool in about an hour
LIVE_BATCHES, BACKLOG_BATCHES = 3, 1  # on their way at most
BURST_S = 2.0  # of its rate, as one batch of the backlog: few syncs and acknowledgements, and no long wait behind one
LONGEST_SLOW_S = 600.0
LONGEST_LIVE_PAUSE_S = 60.0


class Lanes:
    """The two lanes of one session. `now` is a monotonic clock everywhere, in seconds; bytes are of payload."""

    def __init__(self, *, backlog_bytes_per_s: float, now: float) -> None:
        self.live = InFlight(LIVE_BATCHES)
        self.backlog = InFlight(BACKLOG_BATCHES)
        self._usual_rate = self._rate = backlog_bytes_per_s
        self._level, self._at = self._quantum, now
        self._slow_until = now
        self._live_pause_s = 0.0
        self._last_live = now - LONGEST_LIVE_PAUSE_S

    def slow_down(self, request: wire.SlowDown, now: float) -> None:
        """Heeds the collector, within bounds; a later request goes before an earlier one."""
        self._accrue(now)
        self._slow_until = now + min(float(request.for_s), LONGEST_SLOW_S)
        self._live_pause_s = min(request.live_pause_ms / 1000, LONGEST_LIVE_PAUSE_S)
        self._rate = min(float(request.backlog_bytes_per_s), self._usual_rate)
        self._level = min(self._level, self._quantum)

    def live_wait_s(self, now: float) -> float:
        """Seconds until a batch of the present may go; 0: now."""
        if now >= self._slow_until:
            return 0.0
        return max(0.0, min(self._last_live + self._live_pause_s, self._slow_until) - now)

    def live_sent(self, now: float) -> None:
        self._last_live = now

    def backlog_bytes(self, now: float) -> int:
        """Bytes that a batch of the backlog may hold now; 0: none may go yet."""
        self._accrue(now)
        return int(self._quantum) if self._rate > 0 and self._level >= self._quantum - 1 else 0

    def backlog_sent(self, size: int) -> None:
        """Charges a batch. One measurement may be larger than what was left: it is paid for by a longer wait."""
        self._level -= size

    def backlog_wait_s(self, now: float) -> float:
        """Seconds until a batch of the backlog may go, or until there is reason to ask again; 0: now."""
        self._accrue(now)
        left_s = max(0.0, self._slow_until - now)
        if self._rate <= 0:
            return left_s
        fill_s = max(0.0, (self._quantum - self._level) / self._rate)
        return min(fill_s, left_s) if left_s else fill_s

    def settle(self, ack: wire.Ack) -> Settled:
        """What an acknowledgement ends, in either lane."""
        live, backlog = self.live.settle(ack), self.backlog.settle(ack)
        return Settled(
            accepted=live.accepted + backlog.accepted,
            rejected=live.rejected + backlog.rejected,
            reasons=live.reasons | backlog.reasons,
        )

    @property
    def oldest_sent_at(self) -> float | None:
        """When the batch was sent that has been on its way for longest."""
        times = (self.live.oldest_sent_at, self.backlog.oldest_sent_at)
        return min((at for at in times if at is not None), default=None)

    @property
    def _quantum(self) -> float:
        """Bytes that are waited for, so that few batches bear much; also the most that is saved up."""
        return self._rate * BURST_S

    def _accrue(self, now: float) -> None:
        """Fills the bucket up to now, at the rate that held meanwhile."""
        if self._at < self._slow_until <= now:
            self._fill(self._slow_until)
        if now >= self._slow_until:
            self._rate, self._live_pause_s = self._usual_rate, 0.0
        self._fill(now)

    def _fill(self, now: float) -> None:
        self._level = min(self._quantum, self._level + (now - self._at) * self._rate)
        self._at = now
