"""Votes make a decision: quorum, change-over, a part, and few agents."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.catalogue import Need
from rabta_collector.verdict.decide import (
    DISAGREE,
    FEW_AGENTS,
    INSTRUMENT,
    LASTING_S,
    NOT_MEASURED,
    Decision,
    Terms,
    combine,
    decide,
    wilson,
)
from rabta_collector.verdict.vote import Vote
from rabta_proto.vocabulary import Judgement, Mechanism, State, Step

OK, BLOCKED, DOWN = Judgement.OK, Judgement.BLOCKED, Judgement.DOWN
TERMS = Terms()
REACHABLE = Decision(state=State.REACHABLE)
IS_BLOCKED = Decision(state=State.BLOCKED, mechanism=Mechanism.TLS_RESET_SNI)


def vote(judgement: Judgement, started: float, *, streak: int = 5, mechanism: Mechanism | None = None) -> Vote:
    blocked = judgement is BLOCKED
    return Vote(
        judgement=judgement,
        rule="tls.reset.sni.isolated" if blocked else "ok.https",
        step=Step.TLS,
        mechanism=mechanism or (Mechanism.TLS_RESET_SNI if blocked else None),
        started=started,
        since=started - 10 * (streak - 1),
        streak=streak,
        expires=started + 60,
    )


def votes(told: str, *, streak: int = 5) -> list[Vote]:
    """`oobb`: two ok, then two blocked, in the order in which they measured; `d` is down."""
    words = {"o": OK, "b": BLOCKED, "d": DOWN}
    return [vote(words[letter], float(place), streak=streak) for place, letter in enumerate(told)]


@pytest.mark.parametrize(
    ("told", "before", "state"),
    [
        ("ooo", Decision(), State.REACHABLE),
        ("bbb", Decision(), State.BLOCKED),
        ("ddd", REACHABLE, State.DOWN),
        ("oob", REACHABLE, State.REACHABLE),
        ("bob", REACHABLE, State.BLOCKED),
        ("obb", REACHABLE, State.BLOCKED),
        ("boo", IS_BLOCKED, State.REACHABLE),
        ("oobb", REACHABLE, State.REACHABLE),  # changing over
        ("bboo", IS_BLOCKED, State.BLOCKED),
        ("obbb", REACHABLE, State.BLOCKED),
        ("obob", REACHABLE, State.REACHABLE),  # the third may be a liar, and the first old
        ("obobo", IS_BLOCKED, State.DISRUPTED),
        ("obobo", REACHABLE, State.DISRUPTED),
        ("obobbb", REACHABLE, State.BLOCKED),  # one of those that get through did so before, the other may be a liar
        ("obobob" * 2, REACHABLE, State.DISRUPTED),
        ("bob" * 6 + "bb", REACHABLE, State.BLOCKED),  # six of twenty may be lying
        ("oobbbb", REACHABLE, State.BLOCKED),  # four of six have changed so far
        ("ooboooooooobo", REACHABLE, State.REACHABLE),  # two of thirteen are less than a quarter
        ("obd", REACHABLE, State.REACHABLE),  # changing over, to what is not clear yet
        ("bod", REACHABLE, State.INCONCLUSIVE),
    ],
)
def test_votes_make_a_state(told: str, before: Decision, state: State) -> None:
    assert state is decide(votes(told), before, TERMS).state


def test_no_vote_is_inconclusive() -> None:
    assert Decision(note=NOT_MEASURED) == decide([], IS_BLOCKED, TERMS)


def test_a_lone_agent_s_first_success_counts() -> None:
    decision = decide(votes("o", streak=1), Decision(), TERMS)
    assert (State.REACHABLE, FEW_AGENTS) == (decision.state, decision.note)


@pytest.mark.parametrize("before", [Decision(), REACHABLE])
def test_a_lone_agent_s_first_anomaly_moves_nothing(before: Decision) -> None:
    assert before.state is decide(votes("b", streak=1), before, TERMS).state


def test_a_lone_agent_s_second_anomaly_counts_with_low_confidence() -> None:
    decision = decide(votes("b", streak=2), REACHABLE, TERMS)
    assert (State.BLOCKED, FEW_AGENTS) == (decision.state, decision.note)
    assert decision.confidence <= 0.3


def test_two_agents_bear_each_other_out() -> None:
    assert State.BLOCKED is decide(votes("bb", streak=1), REACHABLE, TERMS).state


def test_one_measurement_of_one_of_two_agents_moves_nothing() -> None:
    assert State.REACHABLE is decide([vote(OK, 1), vote(BLOCKED, 2, streak=1)], REACHABLE, TERMS).state


def test_two_agents_that_go_on_disagreeing_are_inconclusive() -> None:
    decision = decide([vote(OK, 1), vote(BLOCKED, 2), vote(OK, 3)][:2], Decision(), TERMS)
    assert State.INCONCLUSIVE is decision.state
    assert DISAGREE in (decision.note or "")


@given(st.integers(3, 60), st.data())
def test_a_third_of_liars_changes_nothing(total: int, data: st.DataObject) -> None:
    liars = data.draw(st.integers(0, (total - 1) // 3))
    places = data.draw(st.permutations(range(total)))
    told = [vote(BLOCKED if place < liars else OK, float(n)) for n, place in enumerate(places)]
    assert State.REACHABLE is decide(told, REACHABLE, TERMS).state


def test_agents_that_changed_over_decide_before_the_others_were_heard() -> None:
    decision = decide(votes("o" * 13 + "b" * 7), REACHABLE, TERMS)
    assert (State.BLOCKED, 13.0, 1.0) == (decision.state, decision.turned, decision.agreement)


def test_what_was_measured_before_a_change_is_void_for_the_next_one_too() -> None:
    blocked = decide(votes("o" * 13 + "b" * 7), REACHABLE, TERMS)
    back = [*votes("o" * 13 + "b" * 7)[5:], *(vote(OK, 20.0 + n) for n in range(5))]
    assert State.BLOCKED is decide(back, blocked, TERMS).state  # five against seven: changing over
    back = [*votes("o" * 13 + "b" * 7)[8:13], *(vote(OK, 20.0 + n) for n in range(15))]
    assert State.REACHABLE is decide(back, blocked, TERMS).state


@given(st.integers(4, 60), st.data())
def test_a_third_of_liars_hides_no_block_and_blurs_none(total: int, data: st.DataObject) -> None:
    """All have measured since it began; the liars before the others, after, or between."""
    liars = data.draw(st.integers(0, (total - 1) // 3))
    places = data.draw(st.permutations(range(total)))
    told = [vote(OK if place < liars else BLOCKED, float(n)) for n, place in enumerate(places)]
    assert State.BLOCKED is decide(told, REACHABLE, TERMS).state


@given(st.text("obd", min_size=1, max_size=9), st.sampled_from(State), st.integers(1, 3), st.randoms())
def test_a_decision_is_total_and_blind_to_the_order_of_votes(
    told: str, before: State, streak: int, rng: object
) -> None:
    ballots = votes(told, streak=streak)
    shuffled = list(ballots)
    rng.shuffle(shuffled)  # type: ignore[attr-defined] # Hypothesis' own Random
    decision = decide(ballots, Decision(state=before), TERMS)
    assert decision == decide(shuffled, Decision(state=before), TERMS)
    assert 0 <= decision.confidence <= 1
    assert 0 < decision.agreement <= 1 or decision.agreement == 0


def test_the_mechanism_is_the_one_that_most_name() -> None:
    told = [*votes("bb"), vote(BLOCKED, 3, mechanism=Mechanism.DNS_NXDOMAIN)]
    assert Mechanism.TLS_RESET_SNI is decide(told, REACHABLE, TERMS).mechanism


def test_of_mechanisms_named_as_often_the_one_that_stood_stays() -> None:
    told = [*votes("bb"), *(vote(BLOCKED, 3, mechanism=Mechanism.TLS_TIMEOUT_SNI) for _ in range(2))]
    before = replace(IS_BLOCKED, mechanism=Mechanism.TLS_TIMEOUT_SNI)
    assert Mechanism.TLS_TIMEOUT_SNI is decide(told, before, TERMS).mechanism


def test_numbers_say_how_many() -> None:
    decision = decide(votes("obbb"), REACHABLE, TERMS)
    assert (0.75, 0.25) == (decision.agreement, decision.reached)
    assert (-30.0 - 9.0, -38.0, -37.0) == (decision.began[0], decision.began[1], decision.began[2])


def test_confidence_is_at_most_what_the_findings_are_worth() -> None:
    def confidence(weight: float, count: int = 40) -> float:
        told = [replace(vote(BLOCKED, float(n)), weight=weight) for n in range(count)]
        return decide(told, IS_BLOCKED, TERMS).confidence

    assert (0.9, 0.75) == (confidence(0.9), confidence(0.75))
    assert 0.95 < confidence(0.97) < 0.97
    assert confidence(0.97, 3) == confidence(0.9, 3) == pytest.approx(0.647, abs=1e-3)


def test_confidence_hangs_on_the_findings_that_bear_the_verdict_and_on_no_others() -> None:
    told = [replace(vote(BLOCKED if n else OK, float(n)), weight=0.7 if n else 0.1) for n in range(40)]
    assert pytest.approx(0.7) == decide(told, IS_BLOCKED, TERMS).confidence


def by_version(told: str, versions: str) -> list[Vote]:
    return [replace(one, version=version) for one, version in zip(votes(told), versions, strict=True)]


@pytest.mark.parametrize(
    ("told", "versions", "state"),
    [
        ("obob", "1212", State.INCONCLUSIVE),
        ("obbb", "1222", State.BLOCKED),  # one agent alone is no sign
        ("obobo", "12112", State.DISRUPTED),  # a version that finds both
        ("obobo", "11111", State.DISRUPTED),
        ("obdobb", "123123", State.INCONCLUSIVE),
        ("bbbbbbbbobo", "22222222121", State.BLOCKED),  # fewer than a quarter: liars may say what they like
    ],
)
def test_a_failure_that_follows_the_version_is_the_instrument_s(told: str, versions: str, state: State) -> None:
    decision = decide(by_version(told, versions), IS_BLOCKED, TERMS)
    assert state is decision.state
    assert (decision.note == INSTRUMENT) == (state is State.INCONCLUSIVE)
    assert decision.confidence == 0 or state is not State.INCONCLUSIVE


def test_versions_that_are_not_known_explain_nothing() -> None:
    told = [replace(one, version="") for one in votes("obobo")]
    assert State.DISRUPTED is decide(told, IS_BLOCKED, TERMS).state


@pytest.mark.parametrize(
    ("told", "lasts_s", "state"),
    [
        ("b", LASTING_S - 1, State.REACHABLE),
        ("b", LASTING_S, State.BLOCKED),
        ("bb", LASTING_S / 2 - 1, State.REACHABLE),
        ("obb", LASTING_S / 2 - 1, State.REACHABLE),
        ("obb", LASTING_S / 2, State.BLOCKED),
        ("obbb", 0.0, State.BLOCKED),  # three agents' paths do not fail at one moment
    ],
)
def test_few_agents_have_to_see_for_long_what_does_not_prove_itself(told: str, lasts_s: float, state: State) -> None:
    weak = [
        replace(one, weight=0.85, started=1000.0, since=1000.0 - lasts_s) if one.judgement is BLOCKED else one
        for one in votes(told)
    ]
    assert state is decide(weak, REACHABLE, TERMS).state
    proof = [replace(one, weight=0.97) if one.judgement is BLOCKED else one for one in weak]
    assert State.BLOCKED is decide(proof, REACHABLE, TERMS).state


def test_two_agents_faults_hours_apart_are_no_lasting_block() -> None:
    weak = [replace(one, weight=0.85, started=at, since=at) for one, at in zip(votes("bb"), (0.0, 7200.0), strict=True)]
    assert State.REACHABLE is decide([*votes("o"), *weak], REACHABLE, TERMS).state


def test_a_block_that_stands_needs_not_last_anew() -> None:
    weak = [replace(one, weight=0.85, since=one.started) for one in votes("bb")]
    assert State.BLOCKED is decide(weak, IS_BLOCKED, TERMS).state


def test_a_part_is_told_in_the_note() -> None:
    assert "3 of 5 agents reach it" == decide(votes("obobo"), REACHABLE, TERMS).note


def test_agents_that_the_isp_has_and_that_do_not_vote_may_be_the_honest_ones() -> None:
    assert State.REACHABLE is decide(votes("obobobobobo"), REACHABLE, TERMS, crew=20).state
    assert State.DISRUPTED is decide(votes("obobobobobo"), REACHABLE, TERMS).state


def test_votes_of_a_faulty_version_do_not_count() -> None:
    told = by_version("bbbooo", "222111")
    assert State.REACHABLE is decide(told, REACHABLE, TERMS, faulty={"2"}).state
    nothing = decide(by_version("bbb", "222"), REACHABLE, TERMS, faulty={"2"})
    assert (State.INCONCLUSIVE, INSTRUMENT) == (nothing.state, nothing.note)


def test_a_server_that_refuses_is_told_in_the_note() -> None:
    told = [replace(one, rule="ok.refused_by_server") for one in votes("ooo")]
    assert "the server treats clients here differently" in (decide(told, REACHABLE, TERMS).note or "")


def test_a_ghost_is_told_in_the_note() -> None:
    told = [replace(one, rule="dns.bogon.ghost") for one in votes("bbb")]
    assert "a block that outlived its site" in (decide(told, REACHABLE, TERMS).note or "")


@pytest.mark.parametrize(
    ("count", "total", "bound"), [(3, 3, 0.6468), (7, 7, 0.8103), (31, 31, 0.9498), (0, 5, 0.0), (0, 0, 0.0)]
)
def test_confidence_is_wilson_s_lower_bound(count: int, total: int, bound: float) -> None:
    assert bound == pytest.approx(wilson(count, total), abs=1e-4)


@given(st.integers(1, 200), st.data())
def test_the_bound_is_below_the_share_and_grows_with_it(total: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total - 1))
    assert wilson(count, total) <= count / total + 1e-12
    assert wilson(count, total) < wilson(count + 1, total)


@pytest.mark.parametrize(
    ("states", "need", "state"),
    [
        ("reachable blocked", Need.ALL, State.BLOCKED),
        ("reachable blocked", Need.ANY, State.REACHABLE),
        ("reachable down", Need.ALL, State.DOWN),
        ("reachable inconclusive", Need.ALL, State.INCONCLUSIVE),
        ("blocked down", Need.ANY, State.BLOCKED),
        ("blocked inconclusive", Need.ANY, State.INCONCLUSIVE),
        ("disrupted reachable", Need.ALL, State.DISRUPTED),
        ("", Need.ALL, State.INCONCLUSIVE),
    ],
)
def test_targets_make_a_platform(states: str, need: Need, state: State) -> None:
    assert state is combine([Decision(state=State(word)) for word in states.split()], need).state


def test_a_platform_that_is_reachable_is_as_sure_as_its_least_sure_target() -> None:
    decisions = [Decision(state=State.REACHABLE, confidence=c) for c in (0.9, 0.4)]
    assert 0.4 == combine(decisions, Need.ALL).confidence
    assert 0.9 == combine(decisions, Need.ANY).confidence
