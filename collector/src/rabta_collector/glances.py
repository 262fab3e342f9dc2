"""Whether what is held to be throttled still is: single timed reads, one now and then, and what they say. Pure.

A whole round of reads (0.6 MB where something is slow) is too dear to be made every few minutes for as long as an order
stands, which may be months. A glance is one read under the target's name, cut short: 58 kB while it is held down.
It compares no names and so decides nothing; it tells only whether the read came at the rate that was held before, or
nearer to what that was compared with (`is_free`). As long as a target is held to be throttled, one agent after the
other glances at it, `SPACING_S` apart, or as far apart as the agents' allowance has it last all day.

One that is free is evidence that it is over, and the next agent is asked at once; one that is slow is evidence against
it. With an agent wrong in one of twenty, `ENOUGH` more for it than against (never counted below none) make the odds 361
to one, as in question.py. Then rounds are asked for (inquiry.py), and their votes decide. Glances that stay slow have
their agents' votes stand on (timing.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from zlib import crc32

from rabta_collector.allowance import DAY_S, Allowance
from rabta_collector.asking import Order, Requests, View
from rabta_collector.question import Key
from rabta_collector.verdict.pace import Pace
from rabta_proto.vocabulary import Judgement

SPACING_S, LAB_SPACING_S = 300.0, 10.0
AGENT_HOUR, AGENT_DAY = 8, 48  # 48 are 2.8 MB where 16 kB/s come through, and 5.9 MB where nothing is slowed any more
ANSWER_S, TRIES = 30.0, 3
ENOUGH = 2
PERHAPS = 0.5
"""At so large a share of what it is compared with nothing is suspicious (the agent's rounds.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What one read told. `started`: Unix seconds."""

    key: Key
    agent: str
    started: float
    free: bool


def is_free(plateau: float, held: Pace) -> bool:
    """Whether a rate is nearer, in proportion, to what was compared with than to what the target was held to."""
    return plateau >= min(sqrt(held.own * held.other), PERHAPS * held.other)


@dataclass(slots=True, kw_only=True)
class _Watch:
    """One target at one ISP that is held to be throttled. `evidence`: glances that it is over, less those against.

    `due`: when the next one is. `asked`: agents of which none has answered since the last that did, `last`.
    """

    due: float
    evidence: int = 0
    asked: list[str] = field(default_factory=list)
    asked_at: float = 0.0
    last: str = ""

    def wants(self, now: float) -> bool:
        """Whether somebody is to be asked: it is time, one was free, or who was asked last does not answer."""
        if self.asked and now < self.asked_at + ANSWER_S:
            return False
        return now >= self.due or self.evidence > 0 or 0 < len(self.asked) < TRIES


@dataclass(slots=True, kw_only=True)
class Glances:
    """Times are Unix seconds. `lab`: agents pay nothing, so nothing is spared."""

    lab: bool = False
    requests: Requests = field(default_factory=Requests)
    _watches: dict[Key, _Watch] = field(default_factory=dict)
    _spare: Allowance = field(init=False)

    def __post_init__(self) -> None:
        self._spare = Allowance(hour=AGENT_HOUR, day=AGENT_DAY, lab=self.lab)

    def hear(self, glances: Iterable[Glance]) -> list[Key]:
        """Takes in what was seen; where it seems to be over, which is for whole rounds to say."""
        over = []
        for glance in glances:
            watch = self._watches.get(glance.key)
            if watch is None:
                continue
            watch.asked, watch.last = [], glance.agent
            watch.evidence = max(0, watch.evidence + (1 if glance.free else -1))
            if watch.evidence >= ENOUGH:
                watch.evidence = 0
                over.append(glance.key)
        return over

    def next(self, held: Sequence[Key], view: View, now: float) -> list[Order]:
        """The orders to give now. `held`: all that timed reads hold to be throttled."""
        self._watches = {
            key: self._watches.get(key) or _Watch(due=now + self._spacing_s(key, held, view)) for key in held
        }
        orders = []
        for key, watch in self._watches.items():
            if not watch.wants(now) or (agent := self._choose(key, watch, view, now)) is None:
                continue
            if now >= watch.due:
                watch.asked, watch.due = [], now + self._spacing_s(key, held, view)
            watch.asked, watch.asked_at = [*watch.asked, agent], now
            self._spare.note(agent, now)
            orders.append(self._order(key, agent, now))
        return orders

    def _spacing_s(self, key: Key, held: Sequence[Key], view: View) -> float:
        """So far apart that what all of the ISP's agents may give lasts all day, for all that is throttled there."""
        if self.lab:
            return LAB_SPACING_S
        targets, crew = sum(other[0] == key[0] for other in held), len(view.crew(*key[:2]))
        return max(SPACING_S, DAY_S * targets / (AGENT_DAY * max(1, crew)))

    def _choose(self, key: Key, watch: _Watch, view: View, now: float) -> str | None:
        """Those first who have read it while it was slow, for of them it is known what their lines give.

        After one that was free another agent than that is asked, where there is one; and none that does not answer.
        """
        crew, newest = list(view.crew(*key[:2])), view.newest(key)
        others = [agent for agent in crew if agent not in (*watch.asked, watch.last if watch.evidence else "")]
        free = [agent for agent in others or crew if self._spare.allows(agent, now)]
        slow = {agent for agent, (_, judgement) in newest.items() if judgement is Judgement.THROTTLED}
        order = sorted(free, key=lambda a: (a not in slow, self._spare.used(a), crc32(f"{now}{key}{a}".encode())))
        return order[0] if order else None

    def _order(self, key: Key, agent: str, now: float) -> Order:
        return Order(request=self.requests.next(now), agent=agent, platform=key[1], url=key[2], reads=1)
