"""What silence says of an ISP."""

from dataclasses import replace

import pytest

from rabta_collector.outage import BACK_S, SLOW_BACK, UNNOTICED_S, Elsewhere, Group, Patience, crowd_gone_at, judge
from rabta_proto.vocabulary import IspState

PATIENCE = Patience(silence_s=90, together_s=180, memory_s=86_400, min_agents=2)
LONG_AGO = -1e6
ELSEWHERE = Elsewhere(since=LONG_AGO, connected_since=LONG_AGO)
BUSY = 1 / 1500  # as at midnight, when half of all agents go within a quarter of an hour


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
        (group(*[100.0] * 20), 113, IspState.UP),
        (group(*[100.0] * 20), 114, IspState.DOWN),  # twenty at once are believed sooner
        (group(*[100.0] * 10), 137, IspState.UP),
        (group(*[100.0] * 10), 138, IspState.DOWN),
        (group(*[100.0] * 5), 167, IspState.UP),
        (group(*[100.0] * 5), 168, IspState.DOWN),
        (group(*[100.0] * 10, None), 150, IspState.UP),  # somebody is there
        (group(*[100.0] * 10, -5000.0), 138, IspState.DOWN),  # one who had left an hour ago
        (group(100, None, None), 191, IspState.UP),
        (group(100, 100, None, None), 191, IspState.UP),
        (group(100, 100, None), 100 + 90 + 3600, IspState.UP),  # gone for good, as it seems
    ],
)
def test_silence_makes_a_state(made: Group, now: float, state: IspState) -> None:
    assert state is judge(made, now, ELSEWHERE)


def test_a_crowd_stays_gone_while_its_agents_count_as_gone_one_after_the_other() -> None:
    made = group(*[100.0 + n for n in range(10)])
    states = {judge(made, 147.0 + second, ELSEWHERE) for second in range(200)}
    assert {IspState.DOWN} == states


def test_whole_isps_that_fall_silent_are_held_against_each_other_in_few_comparisons() -> None:
    compared = 0

    class Moment(float):
        def __gt__(self, other: float) -> bool:
            nonlocal compared
            compared += 1
            return float.__gt__(self, other)

    crowd = 500
    made = group(*[Moment(100 + n / crowd) for n in range(crowd)])
    crowd_gone_at(made, replace(ELSEWHERE, alike=[[100.0] * crowd] * 3))
    assert compared <= 10 * crowd


@pytest.mark.parametrize("others_connected_since", [None, 100.0, 104.0])
def test_a_crowd_is_not_gone_where_all_others_were_away_too(others_connected_since: float | None) -> None:
    """The collector was restarted, and these are slow to come back."""
    assert IspState.UP is judge(group(*[100.0] * 10), 150, replace(ELSEWHERE, connected_since=others_connected_since))


def test_a_crowd_is_never_waited_for_longer_than_one_agent() -> None:
    assert 5.0 == Patience(silence_s=5).crowd_s(12)
    assert 90.0 == Patience(silence_s=90).crowd_s(0)
    assert 10.0 == Patience().crowd_s(500)


@pytest.mark.parametrize("agents", [3, 5, 10, 20])
def test_a_crowd_whose_sessions_broke_is_all_late_once_in_a_thousand_times(agents: int) -> None:
    """Each is back within two minutes, at a moment of its own, and was silent for a while before its session ended."""
    late_s = Patience().crowd_s(agents) + UNNOTICED_S
    assert pytest.approx(SLOW_BACK) == (1 - late_s / BACK_S) ** agents


@pytest.mark.parametrize(
    ("left", "hazard", "state"),
    [
        ((100.0, 150.0, 250.0), 0.0, IspState.DOWN),
        ((100.0, 150.0, 250.0), BUSY, IspState.UNKNOWN),  # one after the other, as everywhere at that hour
        ((100.0, 102.0, 104.0), BUSY, IspState.DOWN),  # as one, whatever the hour
        ((100.0, 130.0, 160.0, 200.0, 250.0), 1 / 3600, IspState.DOWN),
        ((100.0, 150.0, None), BUSY, IspState.UP),
        ((100.0, 100.0, None), BUSY, IspState.DEGRADED),
    ],
)
def test_who_leaves_one_after_the_other_where_many_leave_is_no_outage(
    left: tuple[float | None, ...], hazard: float, state: IspState
) -> None:
    assert state is judge(group(*left), 345, replace(ELSEWHERE, hazard=hazard))


def test_those_of_other_isps_that_fell_silent_then_count_with_the_crowd() -> None:
    three, beside = group(100, 101, 102), replace(ELSEWHERE, alike=((95.0, 96.0, 97.0),) * 3)
    assert [IspState.UP, IspState.UP, IspState.DOWN] == [
        judge(three, 134, ELSEWHERE),
        judge(three, 131, beside),
        judge(three, 134, beside),
    ]


def test_who_falls_silent_later_holds_nothing_up() -> None:
    made, at = group(*[100.0] * 10), 100 + Patience().crowd_s(10)
    assert at == crowd_gone_at(made, ELSEWHERE)
    assert at == crowd_gone_at(made, replace(ELSEWHERE, alike=((130.0,),)))
    assert 120 + Patience().crowd_s(20) == crowd_gone_at(made, replace(ELSEWHERE, alike=((120.0,) * 10,)))
    assert crowd_gone_at(group(100, None), ELSEWHERE) is None


@pytest.mark.parametrize("others_since", [None, 350.0])
def test_silence_everywhere_says_nothing(others_since: float | None) -> None:
    assert IspState.UNKNOWN is judge(
        group(100, 100, 100), 400, Elsewhere(since=others_since, connected_since=others_since)
    )


def test_a_measurement_is_a_sign_of_life() -> None:
    made = group(100, 100)
    made.measured("a0", 300)
    assert IspState.UP is judge(made, 389, ELSEWHERE)
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
    assert [190, 3790, 86_500] == list(group(100, None).moments())
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
    assert state is judge(made, 200, ELSEWHERE, lambda moment: expected)


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
    assert state is judge(pair, 200, replace(ELSEWHERE, alike=(alike,)))


@pytest.mark.parametrize(
    ("beside", "state"),
    [
        ((), IspState.UNKNOWN),
        (((95.0, 98.0, 102.0),), IspState.DOWN),
        (((20.0,), (60.0, 170.0)), IspState.UNKNOWN),  # they went to bed, each by itself
    ],
)
def test_other_isps_of_that_kind_bear_a_fall_out_if_theirs_are_no_chance_either(
    beside: tuple[tuple[float, ...], ...], state: IspState
) -> None:
    assert state is judge(group(100, 110, 125), 300, replace(ELSEWHERE, alike=beside, hazard=BUSY))
