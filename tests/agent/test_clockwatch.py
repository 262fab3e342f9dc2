"""How far a clock is off, how sure that is, and whether somebody set it."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.clockwatch import MOST_ERROR_US, Clocks, Offset, belongs, better, reckon, same_era

SECOND = 1_000_000
START = Clocks(wall_us=1_700_000_000 * SECOND, steady_us=5_000 * SECOND)


def later(clocks: Clocks, us: int, *, set_by: int = 0) -> Clocks:
    return Clocks(wall_us=clocks.wall_us + us + set_by, steady_us=clocks.steady_us + us)


def offset(error_us: int, *, at: int = 0, offset_us: int = 0) -> Offset:
    return Offset(offset_us=offset_us, error_us=error_us, steady_us=at)


@given(st.integers(-(10**15), 10**15), st.integers(0, MOST_ERROR_US), st.integers(0, MOST_ERROR_US))
def test_the_offset_is_within_its_error_of_the_truth(true_us: int, up_us: int, down_us: int) -> None:
    """Whatever the two ways take: the collector's clock is read when the question has come."""
    received = later(START, up_us + down_us)
    found = reckon(START, START.wall_us + up_us + true_us, received)
    assert found is not None
    assert abs(found.offset_us - true_us) <= found.error_us + 1
    assert found.error_us <= MOST_ERROR_US


def test_a_trip_that_took_too_long_tells_nothing() -> None:
    assert reckon(START, START.wall_us, later(START, 2 * MOST_ERROR_US + 1)) is None


def test_a_clock_that_was_set_meanwhile_tells_nothing() -> None:
    assert reckon(START, START.wall_us, later(START, SECOND, set_by=-3600 * SECOND)) is None


def test_of_two_offsets_the_one_of_the_shorter_trip_is_kept() -> None:
    sure, unsure = offset(10), offset(20)
    assert sure is better(None, sure) is better(sure, unsure) is better(unsure, sure)


def test_a_sure_offset_grows_old() -> None:
    """A hundred microseconds a second: after a minute six milliseconds."""
    held = offset(1_000)
    assert held is better(held, offset(8_000, at=60 * SECOND))
    new = offset(7_000, at=60 * SECOND)
    assert new is better(held, new)


@given(st.integers(-400, 400))
def test_a_clock_that_is_slewed_runs_on(slewed_us: int) -> None:
    assert same_era(START.ahead_us, later(START, 86_400 * SECOND, set_by=slewed_us).ahead_us)


def test_a_clock_that_is_set_does_not() -> None:
    for seconds in (-3600, -2, 2, 86_400 * 365):
        assert not same_era(START.ahead_us, later(START, SECOND, set_by=seconds * SECOND).ahead_us)


def test_a_measurement_that_began_before_the_clock_was_set_is_of_the_clock_before() -> None:
    ended_us = START.wall_us  # by the old clock
    now = later(START, SECOND // 10, set_by=3600 * SECOND)
    assert belongs(ended_us, now, START.ahead_us)
    assert not belongs(ended_us, now, now.ahead_us)
