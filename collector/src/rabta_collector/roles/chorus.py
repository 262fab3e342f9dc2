"""Events of all shares in one order, each told once all have decided up to its moment. Pure.

Numbers of events grow with time, and readers who come back say which they saw last. So none may be told before another
one with a lower number that some share has not said yet. Where something was missed, or a share falls silent, whoever
listens is sent away, and comes back for what it has not seen.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from rabta_collector.isp_share import IspShare
from rabta_collector.roles.bulletin import Bulletin
from rabta_collector.roles.neighbours import KNOWN_S
from rabta_collector.state import Event


@dataclass(slots=True)
class Chorus:
    """Of these shares. `told`: how many events it has given out."""

    shares: Collection[IspShare]
    told: int = 0
    _heard: dict[IspShare, tuple[float, float]] = field(default_factory=dict)
    _waiting: dict[int, Event] = field(default_factory=dict)

    def hear(self, said: Bulletin, now: float) -> tuple[Event, ...] | None:
        """What is to be told now, in its order; `None`: something was missed. `now`: of any clock that never falls."""
        if said.share not in self.shares:
            return ()
        silent = any(now - heard >= KNOWN_S for _, heard in self._heard.values())
        missed = said.since > self._heard.get(said.share, (said.since, now))[0]
        if silent or missed:
            self._heard.clear()
            self._waiting.clear()
        complete = self._complete_to() is not None
        known = self._heard.get(said.share, (said.since, now))[0]
        self._waiting |= {event.id: event for event in said.events if event.at > known}
        self._heard[said.share] = max(said.at, known), now
        if silent or missed:
            return None
        return self._give_out() if complete else ()

    def _complete_to(self) -> float | None:
        """The moment up to which all shares have said everything; `None`: not all have been heard of."""
        return min(at for at, _ in self._heard.values()) if len(self._heard) == len(self.shares) else None

    def _give_out(self) -> tuple[Event, ...]:
        to = self._complete_to()
        assert to is not None
        ready = sorted((one for one in self._waiting.values() if one.at <= to), key=lambda event: event.id)
        for event in ready:
            del self._waiting[event.id]
        self.told += len(ready)
        return tuple(ready)
