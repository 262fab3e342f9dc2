"""One platform at one ISP."""

from dataclasses import replace

import pytest

from rabta_collector.catalogue import Need, Part, Target
from rabta_collector.cells import ISP_DOWN, Cell, unknown
from rabta_collector.state import Witness
from rabta_collector.verdict.classify import Finding, classify
from rabta_collector.verdict.decide import NOT_MEASURED, Terms
from rabta_collector.windows import Case
from rabta_proto.vocabulary import IspState, Mechanism, State
from support.factories import NOON, RESET, SILENCE, URL, Story, tcp_trouble, tls_trouble, works

TERMS = Terms()


QUIC = "quic://x.com/"
REQUIRED = Target(url=URL, platform="x")
OPTIONAL = Target(url=QUIC, platform="x", required=False)


def cell(*targets: Target, need: Need = Need.ALL) -> Cell:
    by_url = {target.url: target for target in targets or (REQUIRED,)}
    return Cell(platform="x", isp="ptcl", targets=by_url, need=need, verdict=unknown("x", "ptcl", NOON))


def found(told: Story) -> Finding:
    return classify(told.measurement())


def vote(made: Cell, told: Story, started: float, *, agents: int = 3, first: int = 0, url: str = URL) -> None:
    """All agents see the same."""
    for n in range(agents):
        at, agent = started + n, f"a{first + n}"
        case = Case(agent=agent, measurement=told.measurement(), started=at, expires=at + 100)
        made.window(url).record(case, found(told), at)


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


CHAT, MEDIA = Part(id="chat", name="messages", need=Need.ANY), Part(id="media", name="media", required=False)
CHAT_URLS = ("https://one.example/", "https://two.example/")
MEDIA_URL = "https://media.example/"


def in_parts() -> Cell:
    """Messages by any of two ways, media beside them, and the web site."""
    targets = [
        Target(url=URL),
        *(Target(url=url, part="chat") for url in CHAT_URLS),
        Target(url=MEDIA_URL, part="media"),
    ]
    return Cell(
        platform="x",
        isp="ptcl",
        targets={target.url: target for target in targets},
        need=Need.ALL,
        parts=(CHAT, MEDIA),
        verdict=unknown("x", "ptcl", NOON),
    )


def test_parts_have_states_of_their_own_and_a_required_one_counts_as_one_target() -> None:
    made = in_parts()
    for url in (URL, CHAT_URLS[1]):
        vote(made, works(), NOON + 1, url=url)
    for url in (CHAT_URLS[0], MEDIA_URL):
        vote(made, tls_trouble(RESET), NOON + 1, url=url)
    made.decide(NOON + 10, TERMS)
    assert State.REACHABLE is made.verdict.state
    assert {"chat": State.REACHABLE, "media": State.BLOCKED} == {one.id: one.state for one in made.verdict.parts}
    assert {"chat": None, "media": Mechanism.TLS_RESET_SNI} == {one.id: one.mechanism for one in made.verdict.parts}
    assert {"ok.https": 6} == {one.rule: one.count for one in made.verdict.witness}


def test_a_required_part_that_fails_by_every_way_fails_its_platform() -> None:
    made = in_parts()
    for url in (URL, MEDIA_URL):
        vote(made, works(), NOON + 1, url=url)
    for url in CHAT_URLS:
        vote(made, tls_trouble(RESET), NOON + 1, url=url)
    made.decide(NOON + 10, TERMS)
    assert (State.BLOCKED, Mechanism.TLS_RESET_SNI) == (made.verdict.state, made.verdict.mechanism)
    assert {"chat": State.BLOCKED, "media": State.REACHABLE} == {one.id: one.state for one in made.verdict.parts}


def test_where_the_isp_is_down_nothing_is_said_of_parts() -> None:
    made = in_parts()
    vote(made, tls_trouble(RESET), NOON + 1, url=MEDIA_URL)
    made.isp_state = IspState.DOWN
    made.decide(NOON + 10, TERMS)
    assert () == made.verdict.parts


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


def test_a_target_that_is_not_required_never_decides_and_is_told_in_the_note() -> None:
    made = cell(REQUIRED, OPTIONAL)
    vote(made, works(), NOON + 1)
    vote(made, tls_trouble(RESET), NOON + 5, url=QUIC)
    change = made.decide(NOON + 10, TERMS)
    assert change is not None
    assert (State.REACHABLE, None, f"{QUIC}: blocked (tls.reset.sni)") == (
        change.after.state,
        change.after.mechanism,
        change.after.note,
    )


@pytest.mark.parametrize("need", list(Need))
def test_nor_does_it_help_a_platform(need: Need) -> None:
    made = cell(REQUIRED, OPTIONAL, need=need)
    vote(made, tls_trouble(RESET), NOON + 1)
    vote(made, works(), NOON + 5, url=QUIC)
    made.decide(NOON + 10, TERMS)
    assert (State.BLOCKED, None) == (made.verdict.state, made.verdict.note)


def test_its_agents_measurements_and_rules_are_not_the_verdicts() -> None:
    made = cell(REQUIRED, OPTIONAL)
    vote(made, tls_trouble(RESET), NOON + 1, agents=3)
    vote(made, tls_trouble(SILENCE), NOON + 5, agents=4, first=2, url=QUIC)
    made.decide(NOON + 10, TERMS)
    assert (3, 3) == (made.verdict.agents, made.verdict.measurements)
    assert ["tls.reset.sni.isolated"] == [one.rule for one in made.verdict.witness]


def test_its_end_is_no_change_of_the_platform_but_the_note_follows() -> None:
    made = cell(REQUIRED, OPTIONAL)
    vote(made, works(), NOON + 50)
    vote(made, tls_trouble(RESET), NOON + 5, url=QUIC)
    made.decide(NOON + 55, TERMS)
    assert NOON + 105 == made.next_expiry
    assert made.decide(NOON + 110, TERMS) is None
    assert made.verdict.note is None


def test_notes_stand_side_by_side() -> None:
    made = cell(REQUIRED, OPTIONAL, replace(OPTIONAL, url="tcp://x.com:5222"))
    vote(made, works(), NOON + 1, agents=1)
    for at in (2, 3):
        vote(made, tls_trouble(RESET), NOON + at, agents=1, url=QUIC)
        vote(made, tls_trouble(SILENCE), NOON + at, agents=1, url="tcp://x.com:5222")
    made.decide(NOON + 10, TERMS)
    assert (
        "few agents; quic://x.com/: blocked (tls.reset.sni; few agents); "
        "tcp://x.com:5222: blocked (tls.timeout.sni; few agents)"
    ) == made.verdict.note


def test_where_the_platform_is_not_known_the_note_says_why_and_then_the_rest() -> None:
    made = cell(REQUIRED, OPTIONAL)
    vote(made, tls_trouble(RESET), NOON + 1, url=QUIC)
    made.decide(NOON + 5, TERMS)
    assert f"{NOT_MEASURED}; {QUIC}: blocked (tls.reset.sni)" == made.verdict.note
    assert (0, 0, ()) == (made.verdict.agents, made.verdict.measurements, made.verdict.witness)


def test_where_the_isp_is_down_nothing_else_is_told() -> None:
    made = cell(REQUIRED, OPTIONAL)
    vote(made, tls_trouble(RESET), NOON + 1, url=QUIC)
    made.isp_state = IspState.DOWN
    made.decide(NOON + 5, TERMS)
    assert ISP_DOWN == made.verdict.note


def test_a_platform_without_any_required_target_is_decided_by_those_it_has() -> None:
    made = cell(OPTIONAL)
    vote(made, tls_trouble(RESET), NOON + 1, url=QUIC)
    made.decide(NOON + 5, TERMS)
    assert (State.BLOCKED, 3, None) == (made.verdict.state, made.verdict.agents, made.verdict.note)


def test_what_goes_on_and_off_is_disrupted_until_it_has_settled() -> None:
    made = cell()
    seen = []
    for n in range(5):
        moment = NOON + 200 * n
        vote(made, works() if n % 2 == 0 else tls_trouble(RESET), moment)
        change = made.decide(moment + 10, TERMS)
        assert change is not None
        seen.append(change.after)
    assert ["reachable", "blocked", "reachable", "blocked", "disrupted"] == [str(verdict.state) for verdict in seen]
    assert "on and off: 4 turns in 10 minutes, out of reach 67% of the time" == seen[-1].note
    assert seen[-1].mechanism is None
    settled = NOON + 800 + 10 + 2 * 200
    assert made.next_expiry is not None
    assert made.next_expiry <= settled
    vote(made, works(), settled - 20)
    assert made.decide(settled - 1, TERMS) is None
    assert made.next_expiry == pytest.approx(settled)
    after = made.decide(settled, TERMS)
    assert after is not None
    assert (State.REACHABLE, settled) == (after.after.state, after.after.since)
    assert made.next_expiry > settled  # that is over, and not due again at every moment
