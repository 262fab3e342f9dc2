"""The bytes of a day are a hard cap, and the line to the collector has its share of them."""

import pytest

from rabta_agent.budget import WORST_BYTES, for_measuring, is_used_up

CAP = 15_000_000


def test_measuring_leaves_the_line_what_it_needs_for_the_rest_of_the_day() -> None:
    shares = [for_measuring(CAP, day_fraction=fraction) for fraction in (0.0, 0.5, 1.0)]
    assert sorted(shares) == shares
    assert shares[0] < 13_300_000 < shares[1]


@pytest.mark.parametrize("cap", [2_000_000, CAP, 100_000_000])
def test_a_measurement_at_its_worst_passes_no_cap(cap: int) -> None:
    assert for_measuring(cap, day_fraction=1.0) + WORST_BYTES < cap
    assert not is_used_up(cap, for_measuring(cap, day_fraction=1.0))


def test_the_line_goes_before_the_cap_is_reached() -> None:
    assert not is_used_up(CAP, CAP - 64_001)
    assert is_used_up(CAP, CAP - 64_000)
    assert is_used_up(100_000, 94_000)


def test_of_a_small_cap_something_is_left_for_both() -> None:
    assert 50_000 < for_measuring(100_000, day_fraction=0.0) < 80_000
