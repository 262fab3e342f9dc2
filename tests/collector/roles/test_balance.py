"""How sessions are given up where one process has more than its share."""

from math import ceil

import pytest

from rabta_collector.roles.balance import (
    ENOUGH,
    LEAST,
    LOOK_BEATS,
    MOST,
    OVER,
    PART,
    REST_BEATS,
    SPARE,
    STEADY_BEATS,
    Balance,
)


def play(counts: list[int], beats: int, *, back: bool = False) -> list[list[int]]:
    """How many each ends at each beat, while agents go to whoever has the fewest, or `back` to where they were."""
    balances, ended = [Balance() for _ in counts], list[list[int]]()
    for _ in range(beats):
        before = list(counts)
        ends = [balance.beat(before[n], before[:n] + before[n + 1 :]) for n, balance in enumerate(balances)]
        for number, count in enumerate(ends):
            counts[number] -= count
            for _ in range(count):
                counts[number if back else counts.index(min(counts))] += 1
        ended.append(ends)
    return ended


@pytest.mark.parametrize("counts", [[10_000, 0], [300, 10], [9_000, 500, 500], [40, 0, 0]])
def test_who_has_more_than_its_share_gives_up_what_is_over_and_then_nobody_does(counts: list[int]) -> None:
    whole = sum(counts)
    ended = play(counts, 1500)
    share = whole / len(counts)
    assert max(counts) <= ceil(share * OVER + SPARE)
    assert whole == sum(counts)
    assert [0] * len(counts) == [sum(column) for column in zip(*ended[-500:], strict=True)]


def test_few_are_ended_at_a_time() -> None:
    ended = [ends[0] for ends in play([10_000, 0], 400)]
    assert [0] * (STEADY_BEATS - 1) == ended[: STEADY_BEATS - 1]
    assert MOST == max(ended)
    assert 300 // PART == max(ends[0] for ends in play([300, 0], 400))


def test_as_many_are_ended_as_are_over_and_no_more() -> None:
    counts = [1000, 0]
    play(counts, 1500)
    assert counts[0] in range(500, ceil(500 * ENOUGH) + LEAST + 1)


@pytest.mark.parametrize("counts", [[10, 0], [130, 100], [12, 0, 0], [100, 100, 100], [7]])
def test_what_comes_about_by_chance_is_left(counts: list[int]) -> None:
    assert 0 == sum(map(sum, play(counts, 300)))


def test_whose_agents_come_back_lets_them_be() -> None:
    ended = [ends[0] for ends in play([1000, 0], REST_BEATS, back=True)]
    assert ended[STEADY_BEATS - 1 :][:LOOK_BEATS] == [10] * LOOK_BEATS
    assert 10 * LOOK_BEATS == sum(ended)


def test_an_excess_that_passes_is_none() -> None:
    balance = Balance()
    for _ in range(5):
        assert [0] * (STEADY_BEATS - 1) == [balance.beat(1000, [0]) for _ in range(STEADY_BEATS - 1)]
        assert 0 == balance.beat(1000, [900])


def test_where_not_all_are_known_nobody_is_sent_anywhere() -> None:
    balance = Balance()
    assert [0] * 100 == [balance.beat(1000, None) for _ in range(100)]
    assert [0] * 100 == [balance.beat(1000, []) for _ in range(100)]
