"""What references say of an ISP, and which votes on them are past."""

from dataclasses import replace

import pytest

from rabta_collector.agenda import Agenda
from rabta_collector.catalogue import Need, Target
from rabta_collector.cells import Cell, unknown
from rabta_collector.court import REFERENCES
from rabta_collector.entries import Presence
from rabta_collector.health import health, void_votes
from rabta_collector.nation import Nation
from rabta_collector.outage import NOTICED_S, Patience
from rabta_collector.verdict.decide import Decision
from rabta_collector.verdict.vote import Vote
from rabta_proto.vocabulary import IspState, Judgement, Role, State
from support.feeds import ISPS

OK, NO, WHO_KNOWS = State.REACHABLE, State.BLOCKED, State.INCONCLUSIVE
FAILED = Vote(
    judgement=Judgement.BLOCKED,
    rule="dns.timeout",
    step=None,
    mechanism=None,
    started=100.0,
    since=100.0,
    streak=1,
    expires=900.0,
    agent="a",
)


def cell(platform: str, *states: State) -> Cell:
    """One target for each state that stands."""
    targets = {
        f"https://{platform}{n}/": Target(url=f"https://{platform}{n}/", interval_s=60.0) for n in range(len(states))
    }
    made = Cell(platform=platform, isp="jazz", targets=targets, need=Need.ALL, verdict=unknown(platform, "jazz", 0.0))
    for url, state in zip(targets, states, strict=True):
        made.window(url).decision = Decision(state=state)
    return made


@pytest.mark.parametrize(
    ("references", "platform", "state"),
    [
        ((), OK, IspState.UP),
        ((WHO_KNOWS, WHO_KNOWS), WHO_KNOWS, IspState.UP),
        ((OK, OK, NO), OK, IspState.UP),
        ((OK, NO), OK, IspState.DEGRADED),
        ((OK, NO), NO, IspState.DEGRADED),
        ((NO, NO), OK, IspState.DEGRADED),
        ((NO, NO), NO, IspState.DOWN),
        ((NO,), NO, IspState.DEGRADED),  # one alone may have its own trouble
        ((NO, State.DOWN), NO, IspState.DEGRADED),
    ],
)
def test_references_that_fail_weigh_by_their_number(
    references: tuple[State, ...], platform: State, state: IspState
) -> None:
    assert state is health([cell(REFERENCES, *references), cell("x", platform)])


def test_an_isp_without_references_is_well() -> None:
    assert IspState.UP is health([cell("x", NO)])


def nation(*sessions: tuple[float, bool]) -> Nation:
    made = Nation(ISPS, Patience(), Agenda(grid_s=1), lambda _: IspState.UP)
    for at, connected in sessions:
        made.hear(Presence(at=at, agent="a", isp="jazz", role=Role.PROBE, connected=connected))
    return made


@pytest.mark.parametrize(
    ("sessions", "void"),
    [
        (((1, True),), False),
        (((1, True), (90, False), (120, True)), True),
        (((1, True), (100 + NOTICED_S, False), (200, True)), True),  # it was dead before that was noticed
        (((1, True), (101 + NOTICED_S, False), (200, True)), False),
        (((1, True), (90, False), (100, True)), False),
        (((1, True), (90, False)), False),  # it is not back
        ((), False),
    ],
)
def test_a_vote_of_a_dead_line_is_void_once_its_agent_is_back(
    sessions: tuple[tuple[float, bool], ...], void: bool
) -> None:
    country = nation(*sessions)
    assert void is void_votes(cell(REFERENCES), country)(FAILED)
    assert not void_votes(cell(REFERENCES), country)(replace(FAILED, judgement=Judgement.OK))
    assert not void_votes(cell("x"), country)(FAILED)
