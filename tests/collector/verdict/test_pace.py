"""How fast a read was, and whether some are slower than others by more than chance."""

from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.verdict.pace import (
    ALPHA,
    Comparison,
    Pace,
    goodput,
    held,
    percent,
    plateau,
    rank_sum_p,
    rate,
    typical,
)
from rabta_proto.model import Transfer
from support.strategies import transfers
from support.timed import FAST, HELD, read

SPEEDS = st.lists(st.floats(0, 1e9), min_size=1, max_size=6)


def test_the_plateau_is_what_comes_after_the_burst() -> None:
    assert HELD == pytest.approx(plateau(read(rate=HELD)), rel=0.05)
    assert goodput(read(rate=HELD)) > 1.05 * HELD
    assert FAST == pytest.approx(plateau(read(rate=FAST)), rel=0.1)


def test_of_a_read_that_stalled_the_plateau_is_nothing() -> None:
    assert 0.0 == plateau(read(rate=0.0))


@given(transfers)
def test_any_read_has_a_plateau_that_is_a_rate(one: Transfer) -> None:
    assert 0 <= plateau(one) < float("inf")
    assert 0 <= goodput(one) < float("inf")


def test_four_against_four_that_do_not_overlap_are_significant_and_nothing_less_is() -> None:
    assert 1 / 70 == pytest.approx(rank_sum_p([1, 2, 3, 4], [5, 6, 7, 8]))
    assert rank_sum_p([1, 2, 3, 4], [5, 6, 7, 8]) <= ALPHA
    assert rank_sum_p([1, 2, 3, 5], [4, 6, 7, 8]) > ALPHA
    assert rank_sum_p([1, 2, 3], [4, 5, 6]) > ALPHA


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 3), (4, 4), (3, 6)])
def test_p_is_what_counting_all_orders_gives(m: int, n: int) -> None:
    """Of all ways to choose which ranks are ours, the share in which no more pairs stand the wrong way round."""
    ranks = range(m + n)
    counts = [
        sum(theirs < mine for mine in ours for theirs in ranks if theirs not in ours) for ours in combinations(ranks, m)
    ]
    for ours in combinations(ranks, m):
        others = [rank for rank in ranks if rank not in ours]
        against = sum(theirs < mine for mine in ours for theirs in others)
        expected = sum(count <= against for count in counts) / comb(m + n, m)
        assert expected == pytest.approx(rank_sum_p(ours, others))


@given(SPEEDS, SPEEDS)
def test_p_is_a_probability_and_equal_samples_prove_nothing(own: list[float], other: list[float]) -> None:
    assert 0 < rank_sum_p(own, other) <= 1 + 1e-9
    assert rank_sum_p(own, own) >= 0.5


def test_nothing_to_compare_proves_nothing() -> None:
    assert 1.0 == rank_sum_p([], [1.0]) == rank_sum_p([1.0], [])
    assert not Comparison(own=(), other=()).lower
    assert 1.0 == Comparison(own=(1.0,), other=(0.0,)).ratio


@pytest.mark.parametrize(
    ("own", "other", "lower"),
    [
        ([100] * 4, [1000] * 4, True),
        ([201] * 4, [1000] * 4, False),  # more than a fifth
        ([100] * 3, [1000] * 4, False),  # too few
        ([100, 100, 100, 1100], [1000] * 4, False),  # they overlap
        ([600_000] * 4, [9_000_000] * 4, False),  # nobody is held down to that
    ],
)
def test_who_is_lower(own: list[float], other: list[float], lower: bool) -> None:
    assert lower is Comparison(own=tuple(own), other=tuple(other)).lower


@pytest.mark.parametrize(
    ("bytes_per_second", "told"), [(0, "0.0 kB/s"), (7_950, "8.0 kB/s"), (16_000, "16 kB/s"), (2_500_000, "2.5 MB/s")]
)
def test_rates_are_told_in_words(bytes_per_second: float, told: str) -> None:
    assert told == rate(bytes_per_second)


def test_figures_of_several_agents_are_their_medians_and_the_whole_spread() -> None:
    paces = [
        Pace(own=own, other=1e6, least=own - 1e3, most=own + 1e3, goodput=own, goodput_other=1e6)
        for own in (15e3, 16e3, 19e3)
    ]
    assert "held to 16 kB/s (14 kB/s to 20 kB/s), 1.6 % of the 1.0 MB/s compared with" == held(typical(paces))
    assert "20 %" == percent(0.2)
