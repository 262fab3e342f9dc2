"""A platform goes on and off."""

import pytest

from rabta_collector.verdict.flapping import LEAST_S, MEMORY_S, Turns
from rabta_proto.vocabulary import State
from support.factories import NOON

ON, OFF = State.REACHABLE, State.BLOCKED


def heard(*turns: tuple[float, State]) -> Turns:
    """Minutes after noon, and what was decided then."""
    made = Turns()
    for minutes, state in turns:
        made.hear(state, NOON + 60 * minutes)
    return made


EVERY_THREE = ((0, ON), (3, OFF), (6, ON), (9, OFF), (12, ON))


def at(minutes: float) -> float:
    return NOON + 60 * minutes


def test_four_turns_in_half_an_hour_are_one_block_that_flaps() -> None:
    assert not heard(*EVERY_THREE[:-1]).flapping(at(9))
    assert heard(*EVERY_THREE).flapping(at(12))


def test_a_block_with_one_window_of_two_minutes_does_not_flap() -> None:
    assert not heard((0, ON), (60, OFF), (70, ON), (72, OFF)).flapping(at(72))


def test_it_has_settled_when_the_last_spell_lasts_twice_as_long_as_the_longest_before_it() -> None:
    made = heard((0, ON), (2, OFF), (6, ON), (8, OFF), (11, ON))
    assert at(11 + 2 * 4) == made.settled_at
    assert made.flapping(at(18.9))
    assert not made.flapping(at(19))


def test_one_more_turn_puts_it_off() -> None:
    made = heard(*EVERY_THREE, (15, OFF), (18, ON))
    assert at(24) == made.settled_at


@pytest.mark.parametrize("beyond", [False, True])
def test_turns_count_together_within_half_an_hour(beyond: bool) -> None:
    last = 3 + MEMORY_S / 60 + beyond
    assert beyond is not heard((0, ON), (3, OFF), (12, ON), (21, OFF), (last, ON)).flapping(at(last))


@pytest.mark.parametrize("before", [False, True])
def test_one_change_that_is_seen_in_steps_does_not_flap(before: bool) -> None:
    last = 3 + LEAST_S / 60 - 0.1 * before
    made = heard((0, ON), (3, OFF), (3.3, ON), (3.5, State.THROTTLED), (last, ON))
    assert before is not made.flapping(at(last))


def test_what_says_neither_is_no_turn() -> None:
    made = Turns()
    for minutes, state in EVERY_THREE:
        made.hear(state, at(minutes))
        for unsure in (State.INCONCLUSIVE, State.DOWN, State.DISRUPTED):
            made.hear(unsure, at(minutes + 1))
    assert [at(3), at(6), at(9), at(12)] == list(made.times)


def test_throttled_and_blocked_are_one_side() -> None:
    slowed = [(minutes, State.THROTTLED if minutes == 9 else state) for minutes, state in EVERY_THREE]
    assert heard(*slowed, (12.5, ON)).times == heard(*EVERY_THREE).times


@pytest.mark.parametrize(("minutes", "share"), [(12, 67), (15, 50)])
def test_the_note_tells_how_often_and_for_what_share_of_the_time(minutes: float, share: int) -> None:
    note = heard(*EVERY_THREE).note(at(minutes))
    assert f"on and off: 4 turns in {minutes - 3} minutes, out of reach {share}% of the time" == note


def test_while_it_is_out_of_reach_the_present_counts() -> None:
    assert "out of reach 60% of the time" in heard(*EVERY_THREE, (15, OFF)).note(at(21))
