"""How many agents a question needs, and when it is answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.question import FIRST, Question, at_odds
from rabta_proto.vocabulary import Judgement, State

OK, BLOCKED, UNKNOWN = Judgement.OK, Judgement.BLOCKED, Judgement.INCONCLUSIVE
WORDS = {"o": OK, "b": BLOCKED, "?": UNKNOWN}


def question(held: State = State.REACHABLE, *, alarms: int = 1) -> Question:
    return Question(isp="ptcl", platform="x", url="https://x.com/", held=held, began=0.0, opened=0.0, alarms=alarms)


def answers(told: str) -> dict[str, Judgement]:
    return {str(number): WORDS[letter] for number, letter in enumerate(told)}


@pytest.mark.parametrize(
    ("told", "crew", "wanted"),
    [
        ("b", 20, FIRST),
        ("bb", 20, 8),  # seven decide (changeover.py), and one may fail
        ("bbb", 13, 13),
        ("bbbo", 20, 10),  # a vote against needs two for it
        ("bo", 20, FIRST + 1),
        ("boo", 20, 0),
        ("bbooo", 20, 0),
        ("b??", 20, FIRST + 1),
        ("b", 2, 2),
        ("bb", 2, 3),  # two agents: one of them again
        ("b", 1, 2),
        ("", 20, FIRST),
    ],
)
def test_agents_are_asked_as_the_answers_demand(told: str, crew: int, wanted: int) -> None:
    assert wanted == question().wanted(answers(told), crew)


@pytest.mark.parametrize(
    ("held", "judgement", "alarm"),
    [
        (State.REACHABLE, OK, False),
        (State.REACHABLE, BLOCKED, True),
        (State.REACHABLE, UNKNOWN, True),
        (State.BLOCKED, OK, True),
        (State.BLOCKED, UNKNOWN, False),
        (State.INCONCLUSIVE, UNKNOWN, False),
        (State.INCONCLUSIVE, BLOCKED, True),
        (State.DISRUPTED, OK, True),
    ],
)
def test_what_is_at_odds_raises_the_alarm(held: State, judgement: Judgement, alarm: bool) -> None:
    assert alarm is at_odds(held, judgement)


def test_a_success_during_a_block_is_asked_about_alike() -> None:
    assert question(State.BLOCKED).wanted(answers("oo"), 20) == question().wanted(answers("bb"), 20)


@given(st.text("ob?", max_size=40), st.integers(1, 200))
def test_no_question_needs_more_than_the_crew_or_once_more_of_a_small_one(told: str, crew: int) -> None:
    told = told[:crew]
    assert 0 <= question().wanted(answers(told), crew) <= max(crew, len(told) + 1)
