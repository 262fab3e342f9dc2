"""Delays grow, stay under the cap, and differ between agents."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.backoff import FIRST_S, delay_s

draws = st.floats(0, 1, exclude_max=True)


def test_the_first_delay_is_short() -> None:
    assert FIRST_S / 2 == delay_s(1, 0.0, cap_s=60)


def test_each_failure_doubles_the_delay_up_to_the_cap() -> None:
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0] == [2 * delay_s(n, 0.0, cap_s=10) for n in range(1, 8)]


@given(failures=st.integers(0, 10**9), draw=draws, cap_s=st.floats(0.5, 3600))
def test_a_delay_is_never_above_the_cap_nor_below_half_of_the_first(failures: int, draw: float, cap_s: float) -> None:
    assert FIRST_S / 2 <= delay_s(failures, draw, cap_s=cap_s) <= cap_s


def test_the_draw_spreads_agents_over_half_of_the_delay() -> None:
    assert (5.0, 7.5) == (delay_s(20, 0.0, cap_s=10), delay_s(20, 0.5, cap_s=10))
