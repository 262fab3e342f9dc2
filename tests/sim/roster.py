"""Who is connected at an ISP, and which plan each agent follows, over months. Pure.

What drive.py does, without playing it: a session stands from its beginning until the collector ends it, and the work is
shared anew `SHARE_PAUSE_S` after the first change since the last time.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from rabta_collector.share import Share
from sim.dice import Dice
from sim.drive import SHARE_PAUSE_S
from sim.land import Agent
from sim.plans import Plans, Turn
from sim.presence import Interval, Stay, stays

STEADY_S = 600.0  # a session that breaks for less loses no turn that matters to how long a vote stands


class Count:
    """How many of many spans cover a moment, in the time of two searches; a span's end is not in it."""

    def __init__(self, spans: Iterable[Interval]) -> None:
        those = list(spans)
        self._since = sorted(since for since, _ in those)
        self._until = sorted(until for _, until in those)

    def at(self, moment: float) -> int:
        return bisect_right(self._since, moment) - bisect_right(self._until, moment)


@dataclass(slots=True, kw_only=True)
class Roster:
    """One ISP's agents from `start` to `end`."""

    agents: Sequence[Agent]
    dice: Dice
    start: float
    end: float
    stays: dict[str, list[Stay]] = field(init=False)
    _connected: dict[str, list[Interval]] = field(init=False)
    _count: Count = field(init=False)
    _present: dict[float, list[str]] = field(default_factory=dict)
    _shared: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.stays = {agent.id: stays(agent, self.dice, self.start, self.end) for agent in self.agents}
        self._connected = {id_: _merge([(one.since, one.ends) for one in those]) for id_, those in self.stays.items()}
        self._count = Count(span for spans in self._connected.values() for span in spans)
        changes = sorted({at for spans in self._connected.values() for span in spans for at in span})
        self._shared = [self.start]
        for at in changes:
            if self._shared[-1] < at < self.end:
                self._shared.append(at + SHARE_PAUSE_S)

    def connected(self, at: float) -> int:
        return self._count.at(at)

    def there(self, agent: str, at: float) -> bool:
        """Whether its machine is on."""
        those = self.stays[agent]
        place = bisect_right(those, at, key=lambda stay: stay.since) - 1
        return place >= 0 and at < those[place].until

    def steady_since(self, agent: str, at: float) -> float:
        """Since when it has been there but for short breaks."""
        those = self.stays[agent]
        place = bisect_right(those, at, key=lambda stay: stay.since) - 1
        while place > 0 and those[place].since - those[place - 1].until < STEADY_S:
            place -= 1
        return those[max(place, 0)].since if those else at

    def turns(self, agent: str, url: str, plans: Plans, since: float, until: float) -> Iterator[Turn]:
        """An agent's turns of a target within a span of time, whichever plans it follows meanwhile."""
        first = max(0, bisect_right(self._shared, since) - 1)
        for number in range(first, len(self._shared)):
            begins = self._shared[number]
            if begins >= until:
                return
            ends = self._shared[number + 1] if number + 1 < len(self._shared) else self.end
            one = self._share(agent, url, plans, begins)
            at = max(begins, since)
            while one is not None:
                turn = plans.turn_after(agent, one, at)
                if turn.at >= min(ends, until):
                    break
                if turn.at >= since and self.there(agent, turn.at):
                    yield turn
                at = turn.at

    def _share(self, agent: str, url: str, plans: Plans, at: float) -> Share | None:
        if not _covers(self._connected[agent], at):
            return None
        if (present := self._present.get(at)) is None:
            present = [id_ for id_ in sorted(self._connected) if _covers(self._connected[id_], at)]
            self._present[at] = present
        shares = plans.of(present.index(agent), len(present))
        return next((one for one in shares if one.target.url == url), None)


def _merge(spans: Sequence[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for since, until in sorted(spans):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(until, merged[-1][1]))
        else:
            merged.append((since, until))
    return merged


def _covers(spans: Sequence[Interval], at: float) -> bool:
    place = bisect_right(spans, (at, inf)) - 1
    return place >= 0 and at < spans[place][1]
