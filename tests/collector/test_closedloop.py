"""From an anomaly to requests on the sessions of those who can bear it out."""

from collections import Counter
from dataclasses import dataclass, field

import pytest

from rabta_collector.closedloop import ClosedLoop
from rabta_collector.engine import Engine
from rabta_collector.isp_share import WHOLE, IspShare
from rabta_collector.journal import Member
from rabta_collector.state import Event, IngestStats
from rabta_proto.v1.collector_pb2 import MeasureNow
from rabta_proto.vocabulary import Role, State
from support.factories import NOON, RESET, URL, Story, tls_trouble, works
from support.feeds import ABROAD, CATALOGUE, ISPS, SETTINGS, Feed, measured, play, verdict

FEED = Feed()
THEN = NOON + 240
BLOCKED = tls_trouble(RESET)


@dataclass(slots=True, kw_only=True)
class Line:
    """A session that only takes requests."""

    member: Member
    asked: list[MeasureNow] = field(default_factory=list)
    full: bool = False
    left_out: frozenset[str] = frozenset()

    def ask(self, request: MeasureNow) -> bool:
        if not self.full:
            self.asked.append(request)
        return not self.full


@dataclass(slots=True, kw_only=True)
class Country:
    """An engine after a calm while, and everybody's line."""

    engine: Engine
    lines: dict[str, Line]
    stats: IngestStats
    loop: ClosedLoop

    def finds(self, agent: str, story: Story, at: float) -> None:
        """An agent measures; what it found is decided, and told to the loop."""
        isp = agent.rpartition("-")[0]
        entry = measured(agent, isp, story.measurement(at=at))
        events = play(self.engine, [entry], until=entry.at + 1)
        self.loop.hear(events, entry.at + 1)
        self.loop.turn(entry.at + 1)

    def asked(self) -> Counter[str]:
        """Requests by ISP."""
        return Counter(agent.rpartition("-")[0] for agent, line in self.lines.items() for _ in line.asked)


def country(share: IspShare = WHOLE) -> Country:
    engine, stats = Engine(CATALOGUE, ISPS, SETTINGS, share=share), IngestStats()
    play(engine, [*FEED.presence(NOON, True), *FEED.rounds(NOON, THEN - 60)], until=THEN)
    lines = {
        agent: Line(member=Member(agent=agent, isp="" if isp == ABROAD else isp, role=role(isp)))
        for isp, agents in FEED.groups.items()
        for agent in agents
    }
    loop = ClosedLoop(engine, lines, stats)  # type: ignore[arg-type] # lines have what the loop uses of a session
    loop.start()
    return Country(engine=engine, lines=lines, stats=stats, loop=loop)


def role(isp: str) -> Role:
    return Role.CONTROL if isp == ABROAD else Role.PROBE


def test_while_all_agree_nobody_is_asked() -> None:
    calm = country()
    calm.finds("ptcl-0", works(), THEN + 1)
    assert Counter() == calm.asked()
    assert 0 == calm.stats.questions


def test_an_anomaly_has_the_others_of_its_isp_and_the_controls_asked() -> None:
    troubled = country()
    troubled.finds("ptcl-0", BLOCKED, THEN + 1)
    assert Counter({"ptcl": 2, ABROAD: 2}) == troubled.asked()
    assert not troubled.lines["ptcl-0"].asked
    request = troubled.lines["ptcl-1"].asked[0]
    assert ("x", URL) == (request.platform, request.target)
    assert request.request > 0
    assert (1, 4) == (troubled.stats.questions, troubled.stats.requests["given"])


def test_nobody_is_asked_for_what_they_leave_out() -> None:
    troubled = country()
    for agent in ("ptcl-1", f"{ABROAD}-0"):
        troubled.lines[agent].left_out = frozenset({"x"})
    troubled.finds("ptcl-0", BLOCKED, THEN + 1)
    assert not troubled.lines["ptcl-1"].asked
    assert not troubled.lines[f"{ABROAD}-0"].asked
    assert troubled.asked().keys() == {"ptcl", ABROAD}


def test_a_block_that_is_found_has_the_other_isps_asked() -> None:
    troubled = country()
    troubled.finds("ptcl-0", BLOCKED, THEN + 1)
    troubled.finds("ptcl-1", BLOCKED, THEN + 5)
    assert State.BLOCKED is verdict(troubled.engine, "ptcl").state
    assert {"nayatel", "jazz"} <= troubled.asked().keys()


def test_a_block_that_another_process_found_has_our_isps_asked() -> None:
    """Of which targets it is not said: all that the platform hangs on are asked for."""
    ours = country(IspShare(1, 3))
    assert {"ptcl"} == {verdict.isp for verdict in ours.engine.snapshot().verdicts}
    theirs = Event(
        id=1,
        at=THEN + 1,
        platform="x",
        isp="jazz",
        from_state=str(State.REACHABLE),
        to_state=str(State.BLOCKED),
        mechanism=None,
        detected_after_seconds=None,
    )
    ours.loop.hear([theirs], THEN + 2)
    ours.loop.turn(THEN + 2)
    assert ours.asked().keys() == {"ptcl", ABROAD}
    assert {URL} == {request.target for line in ours.lines.values() for request in line.asked}


def test_an_anomaly_that_nobody_bears_out_is_let_go() -> None:
    troubled = country()
    troubled.finds("ptcl-0", BLOCKED, THEN + 1)
    troubled.finds("ptcl-1", works(), THEN + 5)
    troubled.finds("ptcl-2", works(), THEN + 5.1)
    assert 0 == troubled.stats.questions
    assert State.REACHABLE is verdict(troubled.engine, "ptcl").state


def test_an_agent_whose_session_is_full_is_counted() -> None:
    troubled = country()
    for line in troubled.lines.values():
        line.full = True
    troubled.finds("ptcl-0", BLOCKED, THEN + 1)
    assert {"given": 0, "not_taken": 4} == troubled.stats.requests


def test_an_alarm_for_which_there_is_no_room_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rabta_collector.asking.QUESTIONS", 0)
    troubled = country()
    troubled.finds("ptcl-0", BLOCKED, THEN + 1)
    assert (0, 1) == (troubled.stats.questions, troubled.stats.alarms_refused)
    assert Counter() == troubled.asked()


def test_alarms_of_a_replay_are_past() -> None:
    troubled = country()
    play(troubled.engine, [measured("ptcl-0", "ptcl", BLOCKED.measurement(at=THEN + 1))], until=THEN + 20)
    troubled.loop.start()
    troubled.loop.turn(THEN + 20)
    assert 0 == troubled.stats.questions
