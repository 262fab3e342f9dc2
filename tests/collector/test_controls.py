"""Which controls speak for a moment."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.controls import KEPT, SOUND_S, Controls, Look
from support.factories import NOON, SILENCE, offline, story, works

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


def silent(started: float) -> Look:
    """An address that answers nobody; no name had to be looked up."""
    told = story("tcp://192.0.2.7:443", "192.0.2.7").fails_tcp("192.0.2.7", SILENCE)
    return Look(started, told.measurement(at=NOON + started))


def test_silence_speaks_only_where_the_control_s_line_is_known_to_have_worked() -> None:
    for answered, speaks in ((None, False), (9.0, False), (10.0, True), (10 + SOUND_S, True), (11 + SOUND_S, False)):
        controls = Controls()
        controls.add(KEY, "a", silent(10), REACH_S)
        if answered is not None:
            controls.add(("y", "https://y.com/"), "a", look(answered), REACH_S)
        assert ([10] if speaks else []) == starts(controls, 10), answered


def test_another_control_s_line_says_nothing_of_it() -> None:
    controls = Controls()
    controls.add(KEY, "a", silent(10), REACH_S)
    controls.add(("y", "https://y.com/"), "b", look(15), REACH_S)
    controls.add(("y", "https://y.com/"), "a", Look(15, offline().measurement(at=NOON + 15)), REACH_S)
    assert [] == starts(controls, 10)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=10, unique=True), st.integers(0, 300), st.integers(-50, 350))
def test_only_moments_in_the_span_hear_another_control(looks: list[int], another: int, moment: int) -> None:
    controls = filled(*looks)
    before = starts(controls, moment)
    low, high = controls.add(KEY, "a", look(another), REACH_S)
    if not low < moment <= high:
        assert before == starts(controls, moment)
