"""How many agents a question needs, and when it is answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.question import FIRST, SPARE, Question, at_odds
from rabta_proto.vocabulary import Judgement, State

OK, BLOCKED, UNKNOWN = Judgement.OK, Judgement.BLOCKED, Judgement.INCONCLUSIVE
WORDS = {"o": OK, "b": BLOCKED, "?": UNKNOWN}


def question(held: State = State.REACHABLE, *, sure: bool = False) -> Question:
    return Question(isp="ptcl", platform="x", url="https://x.com/", held=held, began=0.0, opened=0.0, sure=sure)


def answers(told: str) -> dict[str, Judgement]:
    return {str(number): WORDS[letter] for number, letter in enumerate(told)}


@pytest.mark.parametrize(
    ("told", "crew", "wanted"),
    [
        ("b", 20, FIRST),
        ("?", 20, FIRST),  # what fails without a known reason, where all was well
        ("bb", 20, 7 + SPARE),  # seven decide (changeover.py), and some may fail
        ("b?", 20, 7 + SPARE),
        ("bbb", 13, 13),
        ("bbbo", 20, 9 + SPARE),  # a vote against needs two for it
        ("bbbbbbbbbb", 20, 10 + SPARE),  # as long as the verdict stands
        ("bo", 20, FIRST + 1),
        ("boo", 20, 0),
        ("bbooo", 20, 0),
        ("b", 2, 2),
        ("bb", 2, 3),  # two agents: one of them again
        ("b", 1, 2),
        ("", 20, FIRST),
    ],
)
def test_agents_are_asked_as_the_answers_demand(told: str, crew: int, wanted: int) -> None:
    assert wanted == question().wanted(answers(told), crew)


def test_a_sure_alarm_has_all_asked_whom_the_verdict_needs() -> None:
    assert 7 + SPARE == question(sure=True).wanted(answers("b"), 20)
    assert FIRST + 1 == question(sure=True).wanted(answers("bo"), 20)


def test_agents_that_are_away_may_be_liars_too() -> None:
    assert 10 + SPARE == question().wanted(answers("bb"), 20, known=30)


def test_what_works_is_heard_first_and_closes_nothing_over_the_others_heads() -> None:
    assert 0 < question().wanted(answers("boo"), 20, awaited=1)
    assert 0 == question().wanted(answers("booo"), 20, awaited=1)


def test_controls_are_asked_again_for_what_could_not_be_judged_since() -> None:
    one = question()
    assert one.needs_controls({})
    one.controls_asked = 10.0
    assert not one.needs_controls({"a": (5.0, UNKNOWN), "b": (11.0, BLOCKED), "c": (12.0, None)})
    assert one.needs_controls({"a": (11.0, UNKNOWN)})


@pytest.mark.parametrize(
    ("held", "judgement", "alarm"),
    [
        (State.REACHABLE, OK, False),
        (State.REACHABLE, BLOCKED, True),
        (State.REACHABLE, UNKNOWN, True),
        (State.BLOCKED, OK, True),
        (State.BLOCKED, UNKNOWN, False),
        (State.INCONCLUSIVE, UNKNOWN, False),
        (State.REACHABLE, None, False),  # a VPN, an office, a line that is gone
        (State.INCONCLUSIVE, BLOCKED, True),
        (State.DISRUPTED, OK, True),
    ],
)
def test_what_is_at_odds_raises_the_alarm(held: State, judgement: Judgement | None, alarm: bool) -> None:
    assert alarm is at_odds(held, judgement)


def test_a_success_during_a_block_is_asked_about_alike() -> None:
    assert question(State.BLOCKED).wanted(answers("oo"), 20) == question().wanted(answers("bb"), 20)


@given(st.text("ob?", max_size=40), st.integers(1, 200))
def test_no_question_needs_more_than_the_crew_or_once_more_of_a_small_one(told: str, crew: int) -> None:
    told = told[:crew]
    assert 0 <= question().wanted(answers(told), crew) <= max(crew, len(told) + 1)
