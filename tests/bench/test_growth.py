"""What may grow by how much."""

import pytest

from bench.growth import allowed, bars


@pytest.mark.parametrize(("power", "met"), [(0.0, True), (1.0, True), (1.1, True), (2.0, False)])
def test_a_square_is_told_from_a_line(power: float, met: bool) -> None:
    points = [(size, {"work": float(size) ** power}) for size in (100, 1000, 10_000)]
    (bar,) = bars("agents", points)
    assert met is bar.met
    assert "work, from 1,000 agents to 10,000, times" == bar.what


def test_what_is_next_to_nothing_counts_as_the_least_that_can_be_told() -> None:
    (bar,) = bars("days", [(30, {"memory": 0.01}), (90, {"memory": 1.0})], {"memory": 1.0})
    assert 1.0 == bar.measured


def test_from_one_on_a_line_is_allowed() -> None:
    assert 1.0 == pytest.approx(allowed(1, 1))
    assert 10 <= allowed(1, 10) <= 10 * 2.31
