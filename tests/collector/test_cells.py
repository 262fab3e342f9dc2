"""One platform at one ISP."""

from rabta_collector.catalogue import Need, Target
from rabta_collector.cells import ISP_DOWN, Cell, unknown
from rabta_collector.state import Witness
from rabta_collector.verdict.classify import Finding, classify
from rabta_collector.verdict.decide import NOT_MEASURED, Terms
from rabta_collector.windows import Case
from rabta_proto.vocabulary import IspState, Mechanism, State
from support.factories import NOON, RESET, SILENCE, URL, Story, tcp_trouble, tls_trouble, works

TERMS = Terms()


def cell() -> Cell:
    target = Target(url=URL, platform="x")
    return Cell(platform="x", isp="ptcl", targets={URL: target}, need=Need.ALL, verdict=unknown("x", "ptcl", NOON))


def found(told: Story) -> Finding:
    return classify(told.measurement())


def vote(made: Cell, told: Story, started: float, *, agents: int = 3) -> None:
    """All agents see the same."""
    for n in range(agents):
        case = Case(agent=f"a{n}", measurement=told.measurement(), started=started + n, expires=started + n + 100)
        made.window(URL).record(case, found(told), started + n)


def test_a_change_tells_from_when_it_could_be_seen() -> None:
    made = cell()
    vote(made, works(), NOON + 1)
    change = made.decide(NOON + 10, TERMS)
    assert change is not None
    assert (State.INCONCLUSIVE, State.REACHABLE, 9.0) == (
        change.before.state,
        change.after.state,
        change.detected_after_s,
    )


def test_no_change_is_no_change() -> None:
    made = cell()
    assert made.decide(NOON + 1, TERMS) is None
    assert (NOON, NOON + 1) == (made.verdict.since, made.verdict.updated)


def test_a_run_from_before_the_last_change_does_not_count_as_detection() -> None:
    made = cell()
    vote(made, works(), NOON + 1)
    made.decide(NOON + 10, TERMS)
    vote(made, tls_trouble(RESET), NOON + 20)
    change = made.decide(NOON + 30, TERMS)
    assert change is not None
    assert (State.BLOCKED, Mechanism.TLS_RESET_SNI, 10.0) == (
        change.after.state,
        change.after.mechanism,
        change.detected_after_s,
    )


def test_witnesses_are_the_rules_that_bear_the_state_out() -> None:
    made = cell()
    vote(made, works(), NOON + 1)
    vote(made, tls_trouble(RESET), NOON + 20)
    made.decide(NOON + 30, TERMS)
    assert (Witness(rule="tls.reset.sni.isolated", count=3),) == made.verdict.witness
    assert 6 == made.verdict.measurements


def test_where_nothing_is_known_the_note_says_why() -> None:
    made = cell()
    made.decide(NOON, TERMS)
    assert NOT_MEASURED == made.verdict.note
    vote(made, tcp_trouble(SILENCE), NOON + 1)
    made.decide(NOON + 5, TERMS)
    assert ("no control", (Witness(rule="control.none", count=3),)) == (made.verdict.note, made.verdict.witness)


def test_an_isp_that_is_down_leaves_everything_open() -> None:
    made = cell()
    vote(made, tls_trouble(RESET), NOON + 1)
    made.decide(NOON + 5, TERMS)
    made.isp_state = IspState.DOWN
    change = made.decide(NOON + 6, TERMS)
    assert change is not None
    assert change.detected_after_s is None
    assert (State.INCONCLUSIVE, None, ISP_DOWN) == (made.verdict.state, made.verdict.mechanism, made.verdict.note)
    made.isp_state = IspState.UP
    made.decide(NOON + 7, TERMS)
    assert State.BLOCKED is made.verdict.state


def test_the_next_expiry_is_that_of_the_first_vote() -> None:
    made = cell()
    assert made.next_expiry is None
    vote(made, works(), NOON)
    made.decide(NOON + 3, TERMS)
    assert NOON + 100 == made.next_expiry
