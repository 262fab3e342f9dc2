"""Plays a stretch of virtual time with the collector's own engine in the middle.

Agents take the turns that the real plan gives them, see what the scene says, and send whole measurements; entries reach
a real `Engine` in the order of their arrival, as from the journal; the closed loop may ask for more at once. Before the
stretch begins, each agent has made its last two turns of each target (one where the ISP has many agents: the one before
only tells how long it pauses), so that votes stand as they would after days of calm.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from rabta_collector.catalogue import Target
from rabta_collector.engine import Engine
from rabta_collector.entries import Entry, Measured, Presence
from rabta_collector.journal import Member
from rabta_collector.settings import DEFAULTS
from rabta_collector.share import Share
from rabta_collector.state import Event
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1.measurement_pb2 import DEPTH_TRANSFER
from rabta_proto.vocabulary import Depth, Judgement
from sim.dice import Dice
from sim.land import Agent
from sim.loop import Line, MakeAsker
from sim.noise import delivery_s
from sim.plans import Plans
from sim.platforms import choose
from sim.presence import Stay
from sim.stretch import Played, Stretch
from sim.taking import take

SHARE_PAUSE_S = 30.0  # the collector's, before it shares the work anew
ORDER_S = (0.2, 1.5)  # until an agent that was asked begins
GRID_S = DEFAULTS.grid_s
SAMPLE_S = 60.0
AWAY_S = 10 * 3600.0
MANY = 20
RESTART_S = 40.0  # a collector is away, its replay included
BACK_S = 30.0  # within which agents are back, by their growing pauses between attempts


class Drive:
    """One stretch of time. `make_asker`: the closed loop, made anew with the engine after a restart."""

    def __init__(self, stretch: Stretch, make_asker: MakeAsker, dice: Dice) -> None:
        self._stretch, self._make_asker, self._dice = stretch, make_asker, dice
        self._catalogue = choose(stretch.catalogue, stretch.platforms)
        self._targets = {target.url: target for target in self._catalogue.targets}
        self._plans = Plans(catalogue=stretch.catalogue, wanted=stretch.platforms, dice=dice)
        self._agents = {agent.id: agent for agents in stretch.land.agents.values() for agent in agents}
        self._lines: dict[str, Line] = {}
        self._start_collector()
        self._heap: list[tuple[float, int, Callable[[float], None]]] = []
        self._pushed = 0
        self._connected: dict[str, set[str]] = defaultdict(set)
        self._there: set[str] = set()
        self._generation: Counter[str] = Counter()
        self._sharing: set[str] = set()
        self._journal: list[Entry] = []
        self._away_until = 0.0
        self._ticking = False
        self._calm = False
        self._now = stretch.start
        self.played = Played()

    def _start_collector(self) -> None:
        origins = {agent.id: agent.origin for agent in self._agents.values()}
        self._engine = Engine(self._catalogue, self._stretch.land.isps, origin_of=origins.__getitem__)
        self._lines.clear()

    def run(self) -> Played:
        """Plays it to the end."""
        self._warm_up()
        start, end = self._stretch.start, self._stretch.end
        at = start
        while at < end:
            self._at(at, self._sample)
            at += SAMPLE_S
        if self._stretch.restart_at is not None:
            self._at(self._stretch.restart_at, self._restart)
        while self._heap and self._heap[0][0] < end and not self._calm:
            now, _, act = heappop(self._heap)
            act(now)
        self.played.events += self._engine.advance(end if not self._calm else self._now)
        return self.played

    def _at(self, moment: float, act: Callable[[float], None]) -> None:
        self._pushed += 1
        heappush(self._heap, (moment, self._pushed, act))

    # Before the stretch begins

    def _warm_up(self) -> None:
        start = self._stretch.start
        for agent in self._agents.values():
            for stay in self._stretch.stays[agent.id]:
                self._plan_stay(agent, stay)
        history: list[Entry] = []
        for isp in self._stretch.land.agents:
            for agent, shares in self._shares(isp):
                for one in shares:
                    history += self._look_back(agent, one, len(self._connected[isp]))
        earliest = min((entry.at for entry in history), default=start) - 1.0
        entries = [_presence(self._agents[one], earliest, True) for ids in self._connected.values() for one in ids]
        away = [agent for agent in self._agents.values() if agent.id not in self._connected[agent.isp]]
        for agent in away:  # they were there earlier in the day, one after the other
            left = earliest - self._dice.between(1, AWAY_S, "away", agent.id)
            history += [_presence(agent, left - 1.0, True), _presence(agent, left, False)]
        for entry in [*sorted(entries, key=lambda e: e.agent), *sorted(history, key=lambda e: (e.at, e.agent))]:
            self._journal.append(entry)
            self._engine.apply(entry)
        self._engine.advance(start)
        self._asker = self._make_asker(self._engine, self._lines)
        for isp in self._stretch.land.agents:
            self._take_turns(isp, start)

    def _plan_stay(self, agent: Agent, stay: Stay) -> None:
        start = self._stretch.start
        if stay.since <= start < stay.until:
            self._connect(agent)
            self._there.add(agent.id)
        elif stay.since > start:
            self._at(stay.since, lambda now: self._come(agent, now))
        if stay.until > start:
            self._at(stay.until, lambda now: self._leave(agent))
            self._at(stay.ends, lambda now: self._end_session(agent, now))

    def _look_back(self, agent: Agent, one: Share, agents: int) -> list[Entry]:
        count = 1 if agent.isp and agents >= MANY else 2
        turns = self._plans.turns_before(agent.id, one, self._stretch.start, count)
        found = [self._make(agent, one.target, turn.at, turn.depth) for turn in turns]
        return [entry for entry in found if entry.at < self._stretch.start]

    # Agents

    def _come(self, agent: Agent, now: float) -> None:
        self._there.add(agent.id)
        if now < self._away_until:
            back = self._away_until + self._dice.between(0, BACK_S, "back", agent.id)
            self._at(back, lambda at: self._come(agent, at) if agent.id in self._there else None)
            return
        self._connect(agent)
        self._take(_presence(agent, now, True), now)
        self._share_soon(agent.isp, now)

    def _connect(self, agent: Agent) -> None:
        self._connected[agent.isp].add(agent.id)
        member = Member(agent=agent.id, isp=agent.isp, role=agent.role)
        self._lines[agent.id] = Line(member=member, ask=lambda message: self._obey(agent, message))

    def _leave(self, agent: Agent) -> None:
        self._there.discard(agent.id)

    def _end_session(self, agent: Agent, now: float) -> None:
        if agent.id not in self._there and agent.id in self._connected[agent.isp] and now >= self._away_until:
            self._connected[agent.isp].discard(agent.id)
            self._lines.pop(agent.id, None)
            self._take(_presence(agent, now, False), now)
            self._share_soon(agent.isp, now)

    def _share_soon(self, isp: str, now: float) -> None:
        if isp not in self._sharing:
            self._sharing.add(isp)
            self._at(now + SHARE_PAUSE_S, lambda at: self._share_anew(isp, at))

    def _share_anew(self, isp: str, now: float) -> None:
        self._sharing.discard(isp)
        self._take_turns(isp, now)

    def _shares(self, isp: str) -> list[tuple[Agent, tuple[Share, ...]]]:
        connected = sorted(self._connected[isp])
        control = not isp
        return [
            (self._agents[id_], self._plans.of(place, len(connected), control=control))
            for place, id_ in enumerate(connected)
        ]

    def _take_turns(self, isp: str, now: float) -> None:
        self._generation[isp] += 1
        generation = self._generation[isp]
        for agent, shares in self._shares(isp):
            for one in shares:
                self._next_turn(agent, one, now, generation)

    def _next_turn(self, agent: Agent, one: Share, now: float, generation: int) -> None:
        turn = self._plans.turn_after(agent.id, one, now)

        def act(at: float) -> None:
            if generation == self._generation[agent.isp]:
                if agent.id in self._there:
                    self._measure(agent, one.target, at, turn.depth)
                self._next_turn(agent, one, at, generation)

        self._at(turn.at, act)

    def _measure(
        self, agent: Agent, target: Target, now: float, depth: Depth, *, order: link.MeasureNow | None = None
    ) -> None:
        entry = self._make(agent, target, now, depth, order=order)
        self._at(entry.at, lambda at: self._deliver(agent, entry, at))

    def _make(
        self, agent: Agent, target: Target, at: float, depth: Depth, *, order: link.MeasureNow | None = None
    ) -> Measured:
        """A measurement begun at a moment, as it arrives; by an order, or as planned."""
        asked, most = order is not None, order.reads if order is not None else 0
        seen = self._stretch.scene.see(agent, target.platform, target.url, at)
        taken = take(agent, target, at=at, seen=seen, depth=depth, asked=asked, dice=self._dice, most_reads=most)
        if at >= self._stretch.start:
            self.played.bytes[agent.id] += int(taken.cost_bytes)
            self.played.asked_bytes[agent.id] += int(taken.cost_bytes) if asked else 0
            self.played.measurements += 1
        ends = at + taken.lasts_s
        arrives = ends + delivery_s(agent, self._dice, ends)
        return Measured(at=arrives, agent=agent.id, isp=agent.isp, role=agent.role, measurements=(taken.measurement,))

    def _deliver(self, agent: Agent, entry: Measured, now: float) -> None:
        """What cannot be delivered waits for the next session, a few seconds into it."""
        if now < self._away_until or agent.id not in self._connected[agent.isp] or agent.id not in self._there:
            waits = max(30.0, self._away_until - now + self._dice.between(1, 20, "again", agent.id, now))
            self._at(now + waits, lambda at: self._deliver(agent, entry, at))
            return
        self._take(
            Measured(at=now, agent=entry.agent, isp=entry.isp, role=entry.role, measurements=entry.measurements), now
        )

    # The collector

    def _take(self, entry: Entry, now: float) -> None:
        self.played.entries += 1
        if self._stretch.restart_at is not None:
            self._journal.append(entry)
        self._engine.apply(entry)
        self._follow(self._engine.advance(now), now)

    def _follow(self, events: Sequence[Event], now: float) -> None:
        """What the collector does with events; and the closed loop's turn, at the next point of the grid."""
        self._now = now
        self.played.events += events
        self._asker.hear(events, now)
        if not self._ticking:
            self._ticking = True
            self._at((now // GRID_S + 1) * GRID_S, self._tick)

    def _tick(self, now: float) -> None:
        self._now, self._ticking = now, False
        if now < self._away_until:
            return
        events = self._engine.advance(now)
        self.played.events += events
        self._asker.hear(events, now)
        self._asker.turn(now)
        if self._asker.busy:
            self._ticking = True
            self._at(now + GRID_S, self._tick)

    def _obey(self, agent: Agent, message: link.MeasureNow) -> bool:
        """An agent is asked to measure now."""
        target = self._targets[message.target]
        depth = Depth.TRANSFER if message.depth == DEPTH_TRANSFER else Depth.FULL
        begins = self._now + self._dice.between(*ORDER_S, "order", message.request, agent.id, target.url)

        def act(at: float) -> None:
            if agent.id in self._there:
                self._measure(agent, target, at, depth, order=message)

        self._at(begins, act)
        return True

    def _restart(self, now: float) -> None:
        """Killed without a word: sessions are gone, the journal stays, agents come back one after the other."""
        self._away_until = now + RESTART_S
        lost = [self._agents[id_] for connected in self._connected.values() for id_ in sorted(connected)]
        self._connected = defaultdict(set)
        self._at(self._away_until, lambda at: self._begin_again(lost, at))
        for agent in lost:
            self._come(agent, now)

    def _begin_again(self, lost: Sequence[Agent], now: float) -> None:
        """As the collector does: replay, then the end of every session that had not ended, then agents."""
        self._start_collector()
        self._journal += [_presence(agent, now, False) for agent in lost]
        for entry in self._journal:
            self._engine.apply(entry)
        self._engine.advance(now)
        self._asker = self._make_asker(self._engine, self._lines)

    def _sample(self, now: float) -> None:
        if now < self._away_until:
            return
        self._follow(self._engine.advance(now), now)
        self.played.samples.append(self._engine.snapshot())
        self._calm = now >= self._stretch.calm_from and self._all_well()

    def _all_well(self) -> bool:
        """Whether nothing that any agent has found lately is other than ok."""
        keys = [(isp, one.platform, one.url) for isp in self._stretch.land.names for one in self._catalogue.targets]
        found = [said for key in keys for _, said in self._engine.briefing.newest_of(key).values()]
        return all(judgement is Judgement.OK for judgement in found)


def _presence(agent: Agent, at: float, connected: bool) -> Presence:
    return Presence(at=at, agent=agent.id, isp=agent.isp, role=agent.role, connected=connected)
