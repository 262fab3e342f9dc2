"""The closed loop: from the engine's alarms to requests on the agents' sessions. A thin shell around asking.py.

Nothing here is journaled and no verdict hangs on it: it only has measurements made sooner. So a replay asks nobody.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from functools import cache
from typing import Protocol

from rabta_collector.asking import Asking, Order, Requests, View
from rabta_collector.engine import Engine
from rabta_collector.glances import Glances
from rabta_collector.inquiry import RECHECK_S, Inquiries
from rabta_collector.journal import Member
from rabta_collector.state import Event, IngestStats
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1.measurement_pb2 import DEPTH_FULL, DEPTH_TRANSFER
from rabta_proto.vocabulary import Role, State

GLANCE_S = 2.0  # between two looks for what is throttled
WITHIN_MS = 60_000  # an answer that begins later is not waited for (asking.ANSWER_S)
TOLD = (State.BLOCKED, State.THROTTLED, State.REACHABLE)
"""States that make the other ISPs check when a platform gets there."""


class Askable(Protocol):
    """An agent that has a session, here or with another process."""

    @property
    def member(self) -> Member: ...

    @property
    def left_out(self) -> Set[str]: ...

    def ask(self, request: link.MeasureNow) -> bool:
        """Asks it to measure at once; false where it takes nothing just now."""


class ClosedLoop:
    """`sessions` are those that stand, by agent."""

    def __init__(
        self, engine: Engine, sessions: Mapping[str, Askable], stats: IngestStats, *, lab: bool = False
    ) -> None:
        self._engine, self._sessions, self._stats = engine, sessions, stats
        requests = Requests()  # an agent hears of all three
        self._asking = Asking(requests=requests)
        self._inquiries = Inquiries(lab=lab, requests=requests)
        self._glances = Glances(lab=lab, requests=requests)
        self._rechecked = self._glanced = 0.0

    def start(self) -> None:
        """Forgets the alarms of a replay: they are past."""
        self._engine.take_alarms()
        self._engine.briefing.court.timing.take()
        self._engine.briefing.court.timing.take_glances()

    def hear(self, events: Iterable[Event], now: float) -> None:
        """A verdict that changed at one ISP, which may be another process's, has the others asked."""
        for event in events:
            if event.platform is not None and event.to_state in TOLD:
                state = State(event.to_state)
                if state is State.THROTTLED:
                    elsewhere = self._engine.briefing.timed_elsewhere(event.isp, event.platform)
                    self._inquiries.suspect(elsewhere, self._view_of_reads(), now)
                urls = self._engine.briefing.targets_in(event.isp, event.platform, state)
                others = self._engine.briefing.isps_not_in(event.platform, state)
                self._asking.spread(event.platform, urls, others, now)

    def turn(self, now: float) -> None:
        """Takes in what happened and gives the orders of the moment."""
        for alarm in self._engine.take_alarms():
            self._asking.alarm(alarm, now)
        if self._asking.questions:
            for order in self._asking.next(now, self._view()):
                self._give(order)
        self._glance(now)
        self._inquire(now)
        self._stats.questions = len(self._asking.questions)
        self._stats.alarms_refused = self._asking.questions_refused

    def _glance(self, now: float) -> None:
        """What is held to be throttled is looked at by single reads; where that seems to be over, by whole rounds."""
        seen = self._engine.briefing.court.timing.take_glances()
        if not seen and now < self._glanced + GLANCE_S:
            return
        self._glanced = now
        held, view = self._engine.briefing.throttled(), self._view_of_reads()
        self._inquiries.suspect(self._glances.hear(seen), view, now, over=True)
        for order in self._glances.next([key for key in held if key not in self._inquiries.open], view, now):
            self._give(order)

    def _inquire(self, now: float) -> None:
        """The same for timed reads; what is held to be throttled is looked at again some times a day."""
        suspicions = self._engine.briefing.court.timing.take()
        if now >= self._rechecked + RECHECK_S:
            self._rechecked = now
            suspicions += self._engine.briefing.throttled()
        if suspicions or self._inquiries.open:
            view = self._view_of_reads()
            self._inquiries.suspect(suspicions, view, now)
            for order in self._inquiries.next(now, view):
                self._give(order)

    def _view_of_reads(self) -> View:
        briefing = self._engine.briefing
        return replace(self._view(), state=briefing.pace_of, newest=briefing.newest_reads_of)

    def _view(self) -> View:
        """Of this moment. Sessions are gone through when a crew is first asked for: mostly there is no question."""
        crews, briefing = cache(self._crews), self._engine.briefing
        return View(
            state=briefing.state_of,
            newest=briefing.newest_of,
            crew=lambda isp, platform: [agent for agent, left_out in crews()[isp] if platform not in left_out],
            known=briefing.agents_known,
            siblings=briefing.siblings_of,
        )

    def _crews(self) -> defaultdict[str, list[tuple[str, Set[str]]]]:
        """By ISP, the agents that are there, each with the platforms that its volunteer leaves out."""
        crews: defaultdict[str, list[tuple[str, Set[str]]]] = defaultdict(list)
        for agent, session in self._sessions.items():
            isp = "" if session.member.role is Role.CONTROL else session.member.isp or "?"
            crews[isp].append((agent, session.left_out))
        return crews

    def _give(self, order: Order) -> None:
        session = self._sessions.get(order.agent)
        message = link.MeasureNow(
            request=order.request,
            platform=order.platform,
            target=order.url,
            depth=DEPTH_TRANSFER if order.reads else DEPTH_FULL,
            within_ms=WITHIN_MS,
            reads=max(0, order.reads),
        )
        given = session is not None and session.ask(message)
        self._stats.requests["given" if given else "not_taken"] += 1
