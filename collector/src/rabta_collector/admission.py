"""Who comes in, and how much of each: one answer for every way here, on raw bytes, before anything is decoded.

`knock` is for every call, before it waits for anything, `enter` for every call with a credential, `charge` for every
message after it. What a peer's address is used for ends here: its prefix is counted under a salted hash that changes
daily (prefixes.py), in memory.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rabta_collector.accounts import Accounts
from rabta_collector.admit import Reason, Refused, check_size, parse_bearer
from rabta_collector.limits import Limits
from rabta_collector.prefixes import Prefixes
from rabta_collector.pressure import ImpatientError, Patience, Press
from rabta_collector.rates import Buckets, Rate
from rabta_collector.registry import Agent
from rabta_proto.v1 import collector_pb2 as link

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """An agent that was let in, by a call or a session, and the prefix it is counted under (`None`: under none)."""

    agent: Agent
    prefix: bytes | None
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """What a message costs its sender: seconds not to read on, whether others go first, and what to tell it."""

    wait_s: float = 0.0
    greedy: bool = False
    slow_down: link.SlowDown | None = None


class Admission:
    """Counts and decides, by a clock that never falls."""

    def __init__(
        self, accounts: Accounts, limits: Limits, prefixes: Prefixes, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._accounts, self._prefixes, self._clock = accounts, prefixes, clock
        self.limits = limits
        self._bytes: Buckets[str] = Buckets(Rate(per_s=limits.agent_bytes_per_s, burst=limits.agent_burst_bytes))
        self._messages: Buckets[str] = Buckets(
            Rate(per_s=limits.agent_messages_per_s, burst=limits.agent_burst_messages)
        )
        self._measurements: Buckets[str] = Buckets(
            Rate(per_s=limits.agent_measurements_per_s, burst=limits.agent_burst_measurements)
        )
        self._prefix_bytes: Buckets[bytes] = Buckets(
            Rate(per_s=limits.prefix_bytes_per_s, burst=limits.prefix_burst_bytes)
        )
        self._prefix_calls: Buckets[bytes] = Buckets(
            Rate(per_s=limits.prefix_calls_per_s, burst=limits.prefix_burst_calls)
        )
        hourly = float(limits.prefix_enrolments_per_hour)
        self._enrolments: Buckets[bytes] = Buckets(Rate(per_s=hourly / HOUR_S, burst=hourly))
        self._seats: dict[str, Entrant] = {}
        self._seated: dict[bytes, int] = {}

    def knock(self, address: str, raw: bytes) -> bytes | None:
        """The prefix of a caller that may go on. Raises `Refused`."""
        check_size(raw)
        now = self._clock()
        prefix = self._prefixes.of(address, now)
        if prefix is None:
            return None
        if not self._prefix_calls.try_draw(prefix, 1, now):
            raise Refused(Reason.PREFIX, "too many calls from this network; try again in a minute")
        self._prefix_bytes.draw(prefix, len(raw), now)
        return prefix

    def enrol(self, address: str, raw: bytes) -> None:
        """Whether another agent may join from there. Raises `Refused`."""
        prefix = self.knock(address, raw)
        if prefix is not None and not self._enrolments.try_draw(prefix, 1, self._clock()):
            raise Refused(Reason.ENROLMENTS, "too many agents joined from this network; try again in an hour")

    def enter(self, authorization: str, prefix: bytes | None) -> Entrant:
        """Whose call this is: the value of `authorization`, and what `knock` said. Raises `Refused`."""
        return Entrant(agent=self._accounts.verify(*parse_bearer(authorization)), prefix=prefix)

    def charge(self, entrant: Entrant, size: int, measurements: int, load: float) -> Toll:
        """Counts a message of `size` bytes; `load`: how full the collector is. Raises `Refused` for too many."""
        agent, now = entrant.agent.id, self._clock()
        waits = [
            self._bytes.draw(agent, size, now),
            self._messages.draw(agent, 1, now),
            self._measurements.draw(agent, measurements, now),
        ]
        share = min(buckets.share(agent, now) for buckets in (self._bytes, self._messages, self._measurements))
        press = Press(wait_s=max(waits), share=share, load=load)
        try:
            advice = entrant.patience.judge(press, self.limits, now)
        except ImpatientError:
            raise Refused(Reason.RATE, "more than this collector takes of one agent, for too long") from None
        wait_s = press.wait_s
        if entrant.prefix is not None:
            wait_s = max(wait_s, self._prefix_bytes.draw(entrant.prefix, size, now))
        return Toll(wait_s=wait_s, greedy=press.greedy, slow_down=advice)

    @contextmanager
    def seat(self, entrant: Entrant) -> Iterator[None]:
        """Holds a session's place; a newer one of the same agent takes it over. Raises `Refused` where none is left."""
        agent, prefix = entrant.agent.id, entrant.prefix
        self._free(agent)
        if len(self._seats) >= self.limits.sessions:
            raise Refused(Reason.SESSIONS, "this collector has as many sessions as it takes; try again later")
        if prefix is not None and self._seated.get(prefix, 0) >= self.limits.prefix_sessions:
            raise Refused(Reason.PREFIX, "this network has as many sessions as it may; try again later")
        self._seats[agent] = entrant
        if prefix is not None:
            self._seated[prefix] = self._seated.get(prefix, 0) + 1
        try:
            yield
        finally:
            if self._seats.get(agent) is entrant:
                self._free(agent)

    def prefix_of(self, agent: str) -> bytes | None:
        """Of an agent that has a session the prefix that this is counted under."""
        entrant = self._seats.get(agent)
        return None if entrant is None else entrant.prefix

    def _free(self, agent: str) -> None:
        if (entrant := self._seats.pop(agent, None)) is None or entrant.prefix is None:
            return
        left = self._seated.pop(entrant.prefix) - 1
        if left:
            self._seated[entrant.prefix] = left
