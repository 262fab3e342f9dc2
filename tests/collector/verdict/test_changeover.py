"""One change is told from a steady mixture, and no third of liars makes one."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.verdict.changeover import ERROR, find_changeover
from rabta_collector.verdict.vote import Vote
from rabta_proto.vocabulary import Judgement

QUORUM = 2 / 3
WORDS = {"o": Judgement.OK, "b": Judgement.BLOCKED, "d": Judgement.DOWN}


def votes(told: str) -> list[Vote]:
    """A vote for each letter, in the order of the measurements."""
    return [
        Vote(
            judgement=WORDS[letter],
            rule="",
            step=None,
            mechanism=None,
            started=float(place),
            since=0.0,
            streak=1,
            expires=1e9,
        )
        for place, letter in enumerate(told)
    ]


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("o" * 13 + "b" * 7, 13.0),
        ("o" * 14 + "b" * 6, None),  # six of twenty may all be lying
        ("o" * 60 + "b" * 27, None),  # and here twenty-eight of eighty-seven
        ("o" * 60 + "b" * 30, 60.0),
        ("b" * 13 + "o" * 7, 13.0),  # back
        ("oobo" * 3 + "bb" + "bbob" * 2, None),  # too few of before and after to be sure
        ("oooo" * 8 + "bbob" * 7, 32.0),  # one in four goes on getting through
        ("obob" * 10, None),  # a part
        ("o" * 20, None),
        ("ooobbb", None),  # few agents are heard, all of them
        ("", None),
    ],
)
def test_a_change_is_found_where_it_was(told: str, moment: float | None) -> None:
    assert moment == find_changeover(votes(told), QUORUM)


def test_a_second_change_is_found_among_the_votes_since_the_first() -> None:
    told = votes("o" * 4 + "b" * 8 + "o" * 8)
    assert 12.0 == find_changeover(told, QUORUM, since=4.0)
    assert None is find_changeover(told, QUORUM)


def test_votes_from_before_the_first_change_still_bound_the_liars() -> None:
    told = votes("o" * 20 + "b" * 13 + "o" * 10)
    assert None is find_changeover(told, QUORUM, since=20.0)  # ten, and fourteen of forty-three may be lying


def test_steady_mixtures_seldom_look_like_a_change() -> None:
    rng, trials = Random(7), 4000
    found = sum(
        find_changeover(votes("".join(rng.choice("ob") for _ in range(rng.choice([20, 40, 80])))), QUORUM) is not None
        for _ in range(trials)
    )
    assert found <= 4 * ERROR * trials


@given(st.integers(3, 100), st.data())
def test_a_third_of_liars_brings_no_change_about(total: int, data: st.DataObject) -> None:
    liars = (total - 1) // 3
    places = data.draw(st.permutations(["b"] * liars + ["o"] * (total - liars)))
    moment = find_changeover(votes("".join(places)), QUORUM)
    if moment is not None:  # then it is one towards what the honest say
        assert places[int(moment) :].count("o") > places[int(moment) :].count("b")


@given(st.text("obd", max_size=60), st.randoms(use_true_random=False))
def test_the_order_in_which_votes_are_given_is_of_no_account(told: str, rng: Random) -> None:
    shuffled = votes(told)
    rng.shuffle(shuffled)
    assert find_changeover(votes(told), QUORUM) == find_changeover(shuffled, QUORUM)


@given(st.text("ob", max_size=60), st.sampled_from("ob"))
def test_votes_that_no_order_makes_a_change_of_make_none_in_any(told: str, rare: str) -> None:
    """In the clearest of orders one side comes first, whole."""
    other = "b" if rare == "o" else "o"
    clearest = (
        rare * told.count(rare) + other * told.count(other),
        other * told.count(other) + rare * told.count(rare),
    )
    if all(find_changeover(votes(order), 0.0) is None for order in clearest):
        assert find_changeover(votes(told), 0.0) is None
