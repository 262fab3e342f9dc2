"""Which controls speak for a moment."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.controls import KEPT, Controls, Look
from support.factories import NOON, works

REACH_S = 100
KEY = ("x", "https://x.com/")


def look(started: float) -> Look:
    return Look(started, works().measurement(at=NOON + started))


def starts(controls: Controls, moment: float) -> list[float]:
    return [measurement.started_at.timestamp() - NOON for measurement in controls.around(KEY, moment, REACH_S)]


def filled(*looks: float, agent: str = "a") -> Controls:
    controls = Controls()
    for started in looks:
        controls.add(KEY, agent, look(started), REACH_S)
    return controls


def test_of_each_control_the_last_before_and_the_first_since() -> None:
    controls = filled(10, 30, 20, 40)
    controls.add(KEY, "b", look(26), REACH_S)
    assert [20, 30, 26] == starts(controls, 25)


def test_one_that_began_at_the_moment_began_since() -> None:
    assert [10, 20] == starts(filled(10, 20, 30), 20)


def test_a_look_too_far_away_does_not_speak() -> None:
    assert [] == starts(filled(0), 101)
    assert [0] == starts(filled(0), 100)
    assert [] == starts(filled(201), 100)


def test_another_target_has_other_controls() -> None:
    assert () == filled(10).around(("y", "https://y.com/"), 10, REACH_S)


def test_what_is_kept_is_bounded_and_the_newest() -> None:
    controls = filled(*range(KEPT + 10))
    assert [KEPT + 9] == starts(controls, KEPT + 20)
    assert [10] == starts(controls, 0)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=10, unique=True), st.integers(0, 300), st.integers(-50, 350))
def test_only_moments_in_the_span_hear_another_control(looks: list[int], another: int, moment: int) -> None:
    controls = filled(*looks)
    before = starts(controls, moment)
    low, high = controls.add(KEY, "a", look(another), REACH_S)
    if not low < moment <= high:
        assert before == starts(controls, moment)
