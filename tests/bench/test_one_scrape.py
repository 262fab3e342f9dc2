"""What a scrape's process notes of itself."""

import pytest

from bench.one_scrape import Longest


def test_the_longest_step_of_a_clock_is_told_once() -> None:
    moments = iter([0.0, 0.001, 0.0315, 0.0335, 0.0345])
    longest = Longest(lambda: next(moments), usual_s=0.001)
    for _ in range(3):
        longest.tick()
    assert 29.5 == pytest.approx(longest.take_ms())
    longest.tick()
    assert 0.0 == pytest.approx(longest.take_ms())
