"""What makes measurements count exactly once."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.sequences import MAX_EPOCHS, MAX_RANGES, Ranges, Seen, runs

PAIRS = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 10)), max_size=30)


@given(PAIRS)
def test_ranges_are_the_set_of_what_was_added(pairs: list[tuple[int, int]]) -> None:
    ranges, numbers = Ranges(), set[int]()
    for first, length in pairs:
        ranges.add(first, first + length)
        numbers.update(range(first, first + length + 1))
    assert numbers == {number for number in range(80) if number in ranges}
    assert tuple(runs(numbers)) == ranges.pairs


@given(st.lists(st.integers(0, 50)))
def test_runs_hold_each_number_once(numbers: list[int]) -> None:
    found = runs(numbers)
    assert sorted(set(numbers)) == [number for first, last in found for number in range(first, last + 1)]
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))


def test_a_long_run_is_one_range() -> None:
    ranges = Ranges()
    for number in range(1, 10_000):
        ranges.add(number, number)
    assert ((1, 9_999),) == ranges.pairs


def test_agents_and_epochs_are_apart() -> None:
    seen = Seen()
    seen.add("a", 1, [3, 1, 2])
    assert seen.has("a", 1, 2)
    assert not seen.has("a", 2, 2)
    assert not seen.has("b", 1, 2)


def test_an_agent_cannot_fill_the_memory_with_epochs() -> None:
    seen = Seen()
    for epoch in range(MAX_EPOCHS):
        assert seen.has_room("a", epoch)
        seen.add("a", epoch, [1])
    assert not seen.has_room("a", MAX_EPOCHS)
    assert seen.has_room("a", 0)
    assert seen.has_room("b", 0)


def test_an_agent_cannot_fill_the_memory_with_gaps() -> None:
    seen = Seen()
    seen.add("a", 1, range(0, 2 * MAX_RANGES, 2))
    assert not seen.has_room("a", 1)
