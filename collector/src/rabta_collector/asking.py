"""Whom to ask to measure what at once: the closed loop from an alarm to a verdict. Pure.

The engine raises alarms; `Asking` opens a question for each (question.py), names the agents to ask, and closes it. When
a verdict changes at one ISP, the others are asked too, for orders arrive nationwide. Controls are asked with them, all
there are, because much is not judged without them.

What this may cost is bounded: for each agent by the hour and the day (its own compiled ceilings are wider); in all by
the number of open questions; and an agent whose alarm changed nothing raises none at that place for a pause, which
doubles up to QUIET_MOST_S. The pause is the agent's and not the place's: one whose own line or office is at fault is
wrong all day, and must not deafen us to the others. An agent is not asked for a target that it measured within
RESIDUAL_S: many censors keep up a block between two addresses for a minute or more after they saw a name, and would
answer for us.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from rabta_collector.allowance import Allowance
from rabta_collector.question import Key, Question
from rabta_proto.vocabulary import Judgement, State

AGENT_HOUR, AGENT_DAY = 24, 96  # measurements; 96 are 0.7 MB, under 5 % of a volunteer's 15 MB
RESIDUAL_S = 60.0
ANSWER_S = 60.0  # an agent that was asked and has not answered in this time is not waited for
PATIENCE_S = 240.0  # a question is closed, whatever its answers
QUIET_S, QUIET_MOST_S = 30.0, 960.0
SPREAD_S = 300.0  # between two times that one platform's change has all other ISPs asked
QUESTIONS = 2000
ROOM = 1000  # pauses of agents, before those that are over are looked for
CONTROLS = 5  # asked at once, of all there are: one that has not looked since is waited for by the rules
ROUND = -1
CONTROLS_PAUSE_S = 5.0  # between two times that they are asked for one question

Place = tuple[str, str]
Newest = Mapping[str, tuple[float, Judgement | None]]
"""Of agents when the newest measurement of a target began, and what it says of the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A measurement at odds with what is held of its target.

    `agent`: whose it is; empty: nobody's. `sure`: it could be judged.
    """

    agent: str = ""
    isp: str
    platform: str
    url: str
    held: State
    started: float
    sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An agent is to measure a target now; with so many timed reads, `ROUND` of them: a whole round."""

    request: int
    agent: str
    platform: str
    url: str
    reads: int = 0


@dataclass(slots=True)
class Requests:
    """Identifiers of orders, which only ever grow, over restarts too. `last`: the newest that was given out."""

    last: int = 0

    def next(self, now: float) -> int:
        self.last = max(self.last + 1, int(now * 1000))
        return self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known now.

    `state`: what is held of a target at an ISP. `newest`: of each of its agents the start of the newest measurement of
    it, and what that says. `crew`: agents of an ISP that can be asked for a platform; of the ISP "" the controls.
    `known`: how many it has, there or not. `siblings`: the other targets that decide about its platform.
    """

    state: Callable[[Key], State]
    newest: Callable[[Key], Newest]
    crew: Callable[[str, str], Sequence[str]]
    known: Callable[[str], int]
    siblings: Callable[[Key], Sequence[str]]


@dataclass(slots=True, kw_only=True)
class _Quiet:
    """An agent's pause at a place. `until`: it raises no alarm before; `pause_s`: how long the next one will be."""

    until: float = 0.0
    pause_s: float = QUIET_S


@dataclass(slots=True, kw_only=True)
class Asking:
    """Questions that are open, whom they have asked, and who raises no more for a while."""

    requests: Requests = field(default_factory=Requests)
    questions: dict[Key, Question] = field(default_factory=dict)
    questions_refused: int = 0
    _spare: Allowance = field(default_factory=lambda: Allowance(hour=AGENT_HOUR, day=AGENT_DAY))
    _quiet: dict[tuple[str, Place], _Quiet] = field(default_factory=dict)
    _spread: dict[str, float] = field(default_factory=dict)
    _room: int = ROOM

    def alarm(self, alarm: Alarm, now: float) -> None:
        """Opens a question, unless there is one or an alarm of the same agent was false too lately."""
        quiet = self._quiet.get((alarm.agent, (alarm.isp, alarm.platform)))
        if quiet is None or now >= quiet.until:
            self._open(alarm, now)

    def spread(self, platform: str, urls: Iterable[str], others: Iterable[tuple[str, State]], now: float) -> None:
        """A verdict changed somewhere: asks the other ISPs, each with what is held there, about the same targets."""
        if now < self._spread.get(platform, 0.0):
            return
        self._spread[platform] = now + SPREAD_S
        for isp, held in others:
            for url in urls:
                self._open(Alarm(isp=isp, platform=platform, url=url, held=held, started=now), now, spread=True)

    def _open(self, alarm: Alarm, now: float, *, spread: bool = False) -> None:
        question = Question(
            isp=alarm.isp,
            platform=alarm.platform,
            url=alarm.url,
            held=alarm.held,
            began=alarm.started,
            opened=now,
            sure=alarm.sure,
            spread=spread,
            raised_by=alarm.agent,
        )
        if question.key in self.questions:
            return
        if len(self.questions) >= QUESTIONS:
            self.questions_refused += 1
            return
        self.questions[question.key] = question

    def next(self, now: float, view: View) -> list[Order]:
        """The orders to give now; closes what is answered."""
        orders: list[Order] = []
        for key, question in list(self.questions.items()):
            crew, newest = view.crew(question.isp, question.platform), view.newest(key)
            answers = _answers(question, newest)
            awaited = _awaited(question, newest, now)
            wanted = question.wanted(answers, len(crew), known=view.known(question.isp), awaited=awaited)
            changed = _decided(view.state(key), question)
            if changed or not wanted or now >= question.opened + PATIENCE_S:
                self._close(question, changed=changed, now=now)
                if changed:
                    self._ask_siblings(question, view, now)
                continue
            if question.needs_controls(newest):
                orders += self._ask_controls(question, view, now)
            short = wanted - len(answers) - awaited
            if short > 0:
                orders += self._ask(question, self._free(question, newest, crew, now)[:short], now)
        return orders

    def _ask_siblings(self, question: Question, view: View, now: float) -> None:
        """What has one name of a platform blocked, or freed, has the others, too; and they may be measured seldom."""
        isp, platform, _ = question.key
        for url in view.siblings(question.key):
            held = view.state((isp, platform, url))
            if held is question.held:
                self._open(Alarm(isp=isp, platform=platform, url=url, held=held, started=now), now, spread=True)

    def _close(self, question: Question, *, changed: bool, now: float) -> None:
        del self.questions[question.key]
        place = (question.raised_by, (question.isp, question.platform))
        if changed:
            self._quiet.pop(place, None)
        elif not question.spread:
            quiet = self._quiet.setdefault(place, _Quiet())
            quiet.pause_s = min(QUIET_MOST_S, quiet.pause_s * 2)
            quiet.until = now + quiet.pause_s
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        """Forgets pauses that are long over, whenever their number has doubled."""
        if len(self._quiet) > self._room:
            self._quiet = {place: one for place, one in self._quiet.items() if now < one.until + QUIET_MOST_S}
            self._room = max(ROOM, 2 * len(self._quiet))

    def _free(self, question: Question, newest: Newest, crew: Sequence[str], now: float) -> list[str]:
        """Agents that may be asked: those first who said something when last heard, and who were asked least of late.

        Of equals the order is one that no agent can choose.
        """
        rested = [a for a in crew if a not in newest or newest[a][0] + RESIDUAL_S <= now]
        free = [a for a in rested if question.asked.get(a, -1e18) + RESIDUAL_S <= now and self._spare.allows(a, now)]
        salt = f"{question.began}{question.key}"
        mute = {agent for agent, (_, judgement) in newest.items() if judgement is None}
        return sorted(free, key=lambda a: (a in mute, self._spare.used(a), crc32(f"{salt}{a}".encode())))

    def _ask_controls(self, question: Question, view: View, now: float) -> list[Order]:
        """Not bounded by the day, for controls pay nothing by the byte; only by what the question needs.

        A failure is judged by what controls saw after it, so they are asked again after each that waits for them.
        """
        if (question.controls_asked or 0.0) + CONTROLS_PAUSE_S > now:
            return []
        question.controls_asked = now
        controls = sorted(
            view.crew("", question.platform), key=lambda agent: crc32(f"{question.began}{agent}".encode())
        )
        return [self._order(question, agent, now) for agent in controls[:CONTROLS]]

    def _ask(self, question: Question, agents: Iterable[str], now: float) -> list[Order]:
        orders = []
        for agent in agents:
            question.asked[agent] = now
            self._spare.note(agent, now)
            orders.append(self._order(question, agent, now))
        return orders

    def _order(self, question: Question, agent: str, now: float) -> Order:
        number = self.requests.next(now)
        return Order(request=number, agent=agent, platform=question.platform, url=question.url)


def _decided(state: State, question: Question) -> bool:
    """Whether the verdict has changed for good: a partial one is what stands between two others, perhaps."""
    return state is not question.held and state is not State.DISRUPTED


def _awaited(question: Question, newest: Newest, now: float) -> int:
    """How many agents were asked, have not answered, and still may."""
    silent = (at for agent, at in question.asked.items() if agent not in newest or newest[agent][0] < at)
    return sum(now < at + ANSWER_S for at in silent)


def _answers(question: Question, newest: Newest) -> dict[str, Judgement]:
    """What was measured since the question began and says something, by agent."""
    since = {agent: judgement for agent, (started, judgement) in newest.items() if started >= question.began}
    return {agent: judgement for agent, judgement in since.items() if judgement is not None}
