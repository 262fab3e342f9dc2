"""What silence says of an ISP."""

from dataclasses import replace

import pytest

from rabta_collector.outage import Group, Patience, judge
from rabta_proto.vocabulary import IspState

PATIENCE = Patience(silence_s=90, together_s=180, memory_s=86_400, min_agents=2)
LONG_AGO = -1e6


def group(*left: float | None) -> Group:
    """Agents that connected at 0; each left when it is said, or is there (`None`)."""
    made = Group(patience=PATIENCE)
    for n, moment in enumerate(left):
        made.connect(f"a{n}", 0.0)
        if moment is not None:
            made.disconnect(f"a{n}", moment)
    return made


@pytest.mark.parametrize(
    ("made", "now", "state"),
    [
        (group(), 0, IspState.UNKNOWN),
        (group(None), 9_999, IspState.UP),
        (group(100, 100, 101), 150, IspState.UP),
        (group(100, 100, 101), 191, IspState.DOWN),
        (group(100, 279), 400, IspState.DOWN),
        (group(100, 281), 400, IspState.UNKNOWN),  # not together
        (group(100), 400, IspState.UNKNOWN),  # one laptop
        (group(100, 100, None), 191, IspState.DEGRADED),
        (group(*[100.0] * 10), 109, IspState.UP),
        (group(*[100.0] * 10), 110, IspState.DOWN),  # ten at once are believed sooner
        (group(*[100.0] * 5), 119, IspState.UP),
        (group(*[100.0] * 5), 120, IspState.DOWN),
        (group(*[100.0] * 4), 120, IspState.UP),
        (group(*[100.0] * 10, None), 150, IspState.UP),  # somebody is there
        (group(*[100.0] * 10, -5000.0), 110, IspState.DOWN),  # one who had left an hour ago
        (group(100, None, None), 191, IspState.UP),
        (group(100, 100, None, None), 191, IspState.UP),
        (group(100, 100, None), 100 + 90 + 3600, IspState.UP),  # gone for good, as it seems
    ],
)
def test_silence_makes_a_state(made: Group, now: float, state: IspState) -> None:
    assert state is judge(made, now, LONG_AGO, LONG_AGO)


def test_a_crowd_stays_gone_while_its_agents_count_as_gone_one_after_the_other() -> None:
    made = group(*[100.0 + n for n in range(10)])
    states = {judge(made, 119.0 + second, LONG_AGO, LONG_AGO) for second in range(200)}
    assert {IspState.DOWN} == states


@pytest.mark.parametrize("others_connected_since", [None, 100.0, 104.0])
def test_a_crowd_is_not_gone_where_all_others_were_away_too(others_connected_since: float | None) -> None:
    """The collector was restarted, and these are slow to come back."""
    assert IspState.UP is judge(group(*[100.0] * 10), 120, LONG_AGO, others_connected_since)


def test_a_crowd_is_never_waited_for_longer_than_one_agent() -> None:
    assert 5.0 == Patience(silence_s=5).crowd_s(12)


@pytest.mark.parametrize("others_since", [None, 350.0])
def test_silence_everywhere_says_nothing(others_since: float | None) -> None:
    assert IspState.UNKNOWN is judge(group(100, 100, 100), 400, others_since, others_since)


def test_a_measurement_is_a_sign_of_life() -> None:
    made = group(100, 100)
    made.measured("a0", 300)
    assert IspState.UP is judge(made, 389, LONG_AGO, LONG_AGO)
    assert (True, False) == (made.alive(389), made.alive(390))


def test_agents_are_counted() -> None:
    made = group(None, None, 50)
    made.measured("a0", 60)
    made.connect("a0", 61)
    made.disconnect("stranger", 61)
    assert (2, 1, 0) == (made.connected, made.reporting(70), made.reporting(60 + 900))
    made.leave("a0")
    made.leave("a0")
    assert 1 == made.connected


def test_who_left_a_day_ago_is_forgotten_and_who_is_there_is_not() -> None:
    made = group(100, None)
    assert [] == made.forget(100 + 86_399)
    assert ["a0"] == made.forget(100 + 86_400)
    assert {"a1"} == set(made.signs)


def test_moments_are_when_something_may_change() -> None:
    assert [110, 120, 190, 3790, 86_500] == list(group(100, None).moments())
    assert 100 == group(50, 100).silent_since()


@pytest.mark.parametrize(
    ("made", "expected", "state"),
    [
        (group(*[100.0] * 4), 0.5, IspState.UNKNOWN),  # as every night
        (group(*[100.0] * 4), 3.0, IspState.DOWN),
        (group(*[100.0] * 4), None, IspState.DOWN),
        (group(100, 100, 100), 2.4, IspState.DOWN),  # few agents, by day
        (group(*[100.0] * 12, *[None] * 4), 7.0, IspState.UP),  # as many as there are at that hour
        (group(*[100.0] * 12, *[None] * 4), 9.0, IspState.DEGRADED),
        (group(*[100.0] * 12, *[None] * 4), None, IspState.DEGRADED),
    ],
)
def test_what_was_to_be_expected_is_no_outage(made: Group, expected: float | None, state: IspState) -> None:
    assert state is judge(made, 200, LONG_AGO, LONG_AGO, lambda moment: expected)


@pytest.mark.parametrize(
    ("alike", "state"),
    [
        ((), IspState.UNKNOWN),
        ((90.0, 95.0), IspState.DOWN),
        ((90.0,), IspState.UNKNOWN),
        ((-500.0, 90.0), IspState.UNKNOWN),
    ],
)
def test_two_agents_are_an_outage_where_others_of_that_kind_are_silent_too(
    alike: tuple[float, ...], state: IspState
) -> None:
    pair = Group(patience=replace(PATIENCE, min_agents=3))
    for name in ("a", "b"):
        pair.connect(name, 0.0)
        pair.disconnect(name, 100.0)
    assert state is judge(pair, 200, LONG_AGO, LONG_AGO, alike=alike)
