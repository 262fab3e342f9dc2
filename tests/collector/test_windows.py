"""One agent, one vote, the newest; what cannot be judged waits; what is old goes."""

from dataclasses import replace

import pytest

from rabta_collector.verdict.classify import Finding
from rabta_collector.windows import PACE_S, SAMPLE_LIMIT, Case, Window
from rabta_proto.vocabulary import Depth, Judgement, Mechanism, Step
from support.factories import NOON, works

OK = Finding(judgement=Judgement.OK, rule="ok.https", step=Step.HTTP, mechanism=None, server_side=False, reasons=())
RESET = Finding(
    judgement=Judgement.BLOCKED,
    rule="tls.reset.sni.isolated",
    step=Step.TLS,
    mechanism=Mechanism.TLS_RESET_SNI,
    server_side=False,
    reasons=(),
)
PAGE = Finding(
    judgement=Judgement.BLOCKED,
    rule="http.blockpage.known",
    step=Step.HTTP,
    mechanism=Mechanism.HTTP_BLOCKPAGE,
    server_side=False,
    reasons=(),
)
UNKNOWN = Finding(
    judgement=Judgement.INCONCLUSIVE, rule="control.none", step=Step.TCP, mechanism=None, server_side=False, reasons=()
)


def case(started: float, agent: str = "a", *, stands: float = 60, depth: Depth = Depth.FULL) -> Case:
    measurement = works().measurement(at=NOON + started, depth=depth)
    return Case(agent=agent, measurement=measurement, started=started, expires=started + stands)


def window(*told: tuple[Case, Finding]) -> Window:
    made = Window()
    for each, finding in told:
        made.record(each, finding, each.started)
    return made


def test_an_agent_has_one_vote() -> None:
    votes = window((case(1), OK), (case(2), RESET), (case(3, "b"), OK)).votes(4)
    assert {"a": Judgement.BLOCKED, "b": Judgement.OK} == {agent: vote.judgement for agent, vote in votes.items()}


def test_an_agent_s_pace_is_known_though_its_vote_has_expired() -> None:
    made = window((case(0), OK), (case(500), OK))
    assert {} == made.votes(900)
    assert 500.0 == made.pause_s("a", 1000.0)
    assert 0.0 == made.pause_s("b", 1000.0)


def test_an_agent_that_was_asked_to_measure_at_once_is_no_faster_for_that() -> None:
    made = window((case(0), OK), (case(500), OK))
    assert 500.0 == made.pause_s("a", 560.0)


def test_an_absence_is_no_pace_and_is_forgotten_in_the_end() -> None:
    made = window((case(0), OK))
    assert 0.0 == made.pause_s("a", 2 * PACE_S)
    made.votes(2 * PACE_S)
    assert {} == made._starts


def test_a_run_of_one_judgement_is_counted_from_its_start() -> None:
    vote = window((case(1), OK), (case(2), RESET), (case(3), RESET)).votes(4)["a"]
    assert (2, 2.0, 3.0) == (vote.streak, vote.since, vote.started)


def test_a_vote_falls_with_the_finding_it_rests_on_though_the_agent_measured_again() -> None:
    first, second = case(1), case(2)
    made = window((first, RESET), (second, UNKNOWN))
    assert Judgement.BLOCKED is made.votes(4)["a"].judgement
    assert [first, second] == made.open_cases()
    assert made.revise(first, UNKNOWN)
    assert {} == made.votes(4)


def test_the_last_two_stay_open_and_one_that_was_ok_settles_them() -> None:
    cases = [case(float(number)) for number in range(1, 5)]
    made = window(*((each, RESET) for each in cases))
    assert cases[2:] == made.open_cases()
    assert (4, 1.0) == (made.votes(5)["a"].streak, made.votes(5)["a"].since)
    made.record(case(5), OK, 5)
    assert [] == made.open_cases()
    assert Judgement.OK is made.votes(6)["a"].judgement


def test_what_cannot_be_judged_takes_no_vote_away() -> None:
    made = window((case(1), OK), (case(2), UNKNOWN))
    assert Judgement.OK is made.votes(4)["a"].judgement
    assert 61.0 == made.votes(4)["a"].expires


def test_an_open_case_is_judged_anew_from_the_vote_before_it() -> None:
    made = window((case(1), OK), (case(2), UNKNOWN))
    (opened,) = made.open_cases()
    assert made.revise(opened, RESET)
    assert (Judgement.BLOCKED, 1) == (made.votes(4)["a"].judgement, made.votes(4)["a"].streak)
    assert made.revise(opened, UNKNOWN)
    assert Judgement.OK is made.votes(4)["a"].judgement
    assert not made.revise(opened, UNKNOWN)


def test_a_revision_changes_the_sample_in_place() -> None:
    made = window((case(1), UNKNOWN))
    (opened,) = made.open_cases()
    made.revise(opened, RESET)
    assert {"tls.reset.sni.isolated": 1} == made.rules
    assert 1 == made.size


def test_a_plain_success_is_closed_and_its_measurement_let_go() -> None:
    made = window((case(1), RESET), (case(2), OK))
    assert [] == made.open_cases()
    assert (2.0, None) == made.newest("a")
    assert made.newest("b") is None


def test_cases_are_found_by_agent() -> None:
    made = window((case(1), RESET), (case(2, "b"), RESET))
    assert [2.0] == [opened.started for opened in made.open_cases("b")]
    assert [] == made.open_cases("c")


def test_votes_and_samples_expire() -> None:
    made = window((case(1), OK), (case(20, "b"), OK))
    assert {"a", "b"} == set(made.votes(60.9))
    assert 61.0 == made.next_expiry
    assert {"b"} == set(made.votes(61))
    assert (1, 1) == (made.size, len(made))
    assert 80.0 == made.next_expiry
    assert {} == made.votes(80)
    assert (0, 0) == (made.size, len(made))
    assert {} == made.rules


def test_nothing_is_due_where_nothing_is_kept() -> None:
    made = window((case(1), OK))
    made.votes(61)
    assert made.next_expiry is None


def test_a_run_does_not_outlive_its_vote() -> None:
    vote = window((case(1), RESET), (case(100), RESET)).votes(101)["a"]
    assert (1, 100.0) == (vote.streak, vote.since)


def test_a_light_success_keeps_a_block_of_pages_standing() -> None:
    made = window((case(1), PAGE), (case(50, depth=Depth.LIGHT), OK))
    assert (Judgement.BLOCKED, 110.0) == (made.votes(51)["a"].judgement, made.votes(51)["a"].expires)


def test_a_light_success_ends_a_block_of_names() -> None:
    made = window((case(1), RESET), (case(50, depth=Depth.LIGHT), OK))
    assert Judgement.OK is made.votes(51)["a"].judgement


def test_the_sample_is_bounded() -> None:
    made = window(*((case(n / 1000, stands=9999), OK) for n in range(SAMPLE_LIMIT + 50)))
    assert SAMPLE_LIMIT == made.size
    assert {"ok.https": SAMPLE_LIMIT} == made.rules


def test_a_revision_of_what_left_the_sample_counts_nothing() -> None:
    made = window((case(0, "old", stands=9999), UNKNOWN))
    for n in range(SAMPLE_LIMIT):
        each = case(1 + n / 1000, stands=9999)
        made.record(each, OK, each.started)
    (opened,) = made.open_cases()
    made.revise(opened, RESET)
    assert {"ok.https": SAMPLE_LIMIT} == made.rules


def test_a_vote_is_as_sure_as_its_finding_and_knows_its_instrument() -> None:
    vote = window((case(0), replace(RESET, weight=0.9))).votes(1)["a"]
    assert (0.9, case(0).measurement.agent_version) == (vote.weight, vote.version)


def test_a_vote_that_still_stands_may_be_renewed_and_is_the_longer_held() -> None:
    made = window((case(1), RESET), (case(2), RESET))
    assert made.renew("a", Judgement.BLOCKED, 500.0, now=4)
    vote = made.votes(200)["a"]
    assert (500.0, 2, 2.0) == (vote.expires, vote.streak, vote.started)
    assert {} == made.votes(500)


@pytest.mark.parametrize(
    ("agent", "judgement", "expires", "now"),
    [
        ("b", Judgement.BLOCKED, 500.0, 4),
        ("a", Judgement.OK, 500.0, 4),
        ("a", Judgement.BLOCKED, 61.0, 4),
        ("a", Judgement.BLOCKED, 500.0, 100),
    ],
    ids=["nobody's", "another", "no later", "too late"],
)
def test_nothing_else_is_renewed(agent: str, judgement: Judgement, expires: float, now: float) -> None:
    made = window((case(1), RESET))
    assert not made.renew(agent, judgement, expires, now)
    assert 61.0 == made.votes(4)["a"].expires


def test_a_vote_that_was_renewed_can_still_be_revised() -> None:
    made = window((case(1), RESET))
    made.renew("a", Judgement.BLOCKED, 500.0, now=4)
    (opened,) = made.open_cases()
    assert made.revise(opened, UNKNOWN)
    assert {} == made.votes(5)
