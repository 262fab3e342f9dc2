"""No plan goes above these, and a day's bytes last for a day."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.ceilings import (
    AT_ONCE,
    MEASUREMENT_BYTES,
    MEASUREMENT_MOST_BYTES,
    STEP_MOST_BYTES,
    TRANSFER_MOST_BYTES,
    Ceilings,
    affords_transfer,
    byte_limit,
)
from rabta_agent.ceilings import affords as affords_beside

ALLOWANCE = 15_000_000


def affords(*, used: int, allowance: int, day_fraction: float, priority: int, running: int = 0) -> bool:
    return affords_beside(used=used, running=running, allowance=allowance, day_fraction=day_fraction, priority=priority)


def test_outside_of_the_lab_a_second_and_a_minute_are_kept() -> None:
    assert (1.0, 60.0) == (Ceilings.of(lab=False).between_s, Ceilings.of(lab=False).same_target_s)
    assert Ceilings.of(lab=True).same_target_s < 1


def test_only_in_the_lab_a_plan_may_name_special_addresses() -> None:
    assert (False, False, True) == (
        Ceilings().any_address,
        Ceilings.of(lab=False).any_address,
        Ceilings.of(lab=True).any_address,
    )


@given(
    used=st.integers(0, 10**8),
    allowance=st.integers(0, 10**8),
    fraction=st.floats(0, 1),
    priority=st.integers(-1, 9),
    running=st.integers(0, AT_ONCE - 1),
)
def test_the_allowance_is_overdrawn_by_no_more_than_the_steps_of_one_measurement(
    used: int, allowance: int, fraction: float, priority: int, running: int
) -> None:
    if affords(used=used, running=running, allowance=allowance, day_fraction=fraction, priority=priority):
        worst = running * (MEASUREMENT_MOST_BYTES + STEP_MOST_BYTES)
        assert used + worst + byte_limit(used=used, running=running, allowance=allowance) <= allowance


def test_a_measurement_may_cost_what_the_day_has_left_within_bounds() -> None:
    assert MEASUREMENT_MOST_BYTES == byte_limit(used=0, running=3, allowance=ALLOWANCE)
    assert 60_000 == byte_limit(used=40_000, running=0, allowance=100_000)
    assert MEASUREMENT_BYTES == byte_limit(used=100_000, running=0, allowance=100_000)


def test_a_day_that_began_has_bytes_for_a_start() -> None:
    assert affords(used=0, allowance=ALLOWANCE, day_fraction=0.0, priority=3)


def test_at_noon_half_of_the_bytes_and_a_little_more_may_be_gone() -> None:
    assert affords(used=7_000_000, allowance=ALLOWANCE, day_fraction=0.5, priority=3)
    assert not affords(used=12_000_000, allowance=ALLOWANCE, day_fraction=0.5, priority=1)


def test_what_is_urgent_may_run_further_ahead() -> None:
    assert [True, False, False] == [
        affords(used=10_000_000, allowance=ALLOWANCE, day_fraction=0.5, priority=priority) for priority in (1, 2, 3)
    ]


def test_at_the_end_of_the_day_all_of_it_may_be_used() -> None:
    assert affords(used=ALLOWANCE - MEASUREMENT_BYTES, allowance=ALLOWANCE, day_fraction=1.0, priority=3)


def test_timed_reads_leave_room_for_all_that_runs_at_its_worst() -> None:
    assert affords_transfer(used=0, spent=0, running=0, allowance=TRANSFER_MOST_BYTES)
    assert not affords_transfer(used=1, spent=0, running=0, allowance=TRANSFER_MOST_BYTES)
    assert not affords_transfer(used=0, spent=0, running=1, allowance=TRANSFER_MOST_BYTES)


def test_timed_reads_take_half_of_a_day_at_most_and_one_always() -> None:
    assert affords_transfer(used=0, spent=6_500_000, running=0, allowance=ALLOWANCE)
    assert not affords_transfer(used=0, spent=6_500_001, running=0, allowance=ALLOWANCE)


def test_a_measurement_with_timed_reads_costs_no_more_than_two_others() -> None:
    assert TRANSFER_MOST_BYTES <= 2 * (MEASUREMENT_MOST_BYTES + STEP_MOST_BYTES)
