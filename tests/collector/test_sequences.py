"""What makes measurements count exactly once."""

import tracemalloc
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.sequences import MAX_EPOCHS, MAX_EPOCHS_EVER, MAX_RANGES, Ranges, Seen, Standing, runs

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


@given(PAIRS, st.integers(1, 90))
def test_what_is_ahead_is_new_with_all_beyond_it(pairs: list[tuple[int, int]], number: int) -> None:
    seen = Seen(max_ranges=3)
    for first, length in pairs:
        seen.add_range("a", 1, first, first + length)
    beyond = {seen.standing("a", 1, one) for one in range(number, 90)}
    assert not seen.is_ahead("a", 1, number) or beyond <= {Standing.NEW}
    assert not pairs or seen.is_ahead("a", 1, 90)
    assert not seen.is_ahead("b", 1, number)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 30)), max_size=60))
def test_what_is_packed_of_an_agent_is_known_again(heard: list[tuple[int, int]]) -> None:
    """Holes, what was forgotten, and epochs of which only the number is left."""
    seen, again = (Seen(max_ranges=3, max_epochs=2, max_ever=3) for _ in range(2))
    for epoch, sequence in heard:
        seen.add("a", epoch, [sequence])
    again.add("a", 9, [1, 2, 3])
    again.unpack("a", seen.pack("a"))
    numbers = [(epoch, sequence) for epoch in range(1, 6) for sequence in range(1, 32)]
    assert [seen.standing("a", *one) for one in numbers] == [again.standing("a", *one) for one in numbers]
    assert seen.size("a") == again.size("a")


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


OFFERS = st.lists(
    st.tuples(st.integers(1, 9), st.lists(st.integers(1, 60), min_size=1, max_size=12)), max_size=60
)  # epoch, and the numbers of a batch


@given(OFFERS)
def test_within_the_bounds_what_is_known_is_the_set_of_what_came(offers: list[tuple[int, list[int]]]) -> None:
    seen, came = Seen(), set[tuple[int, int]]()
    for epoch, numbers in offers:
        seen.add("a", epoch, numbers)
        came.update((epoch, number) for number in numbers)
    every = [(epoch, number) for epoch in range(1, 10) for number in range(1, 61)]
    assert came == {key for key in every if seen.has("a", *key)}
    assert {Standing.NEW} == {seen.standing("a", *key) for key in every if key not in came} | {Standing.NEW}


@given(OFFERS, st.integers(1, 6), st.integers(1, 3), st.integers(0, 3))
def test_beyond_the_bounds_nothing_is_taken_twice_and_nothing_is_lost_in_silence(
    offers: list[tuple[int, list[int]]], max_ranges: int, max_epochs: int, spare: int
) -> None:
    seen, came, last = Seen(max_ranges=max_ranges, max_epochs=max_epochs, max_ever=max_epochs + spare), set(), 0
    for epoch, numbers in offers:
        new = [number for number in numbers if seen.standing("a", epoch, number) is Standing.NEW]
        assert not came.intersection((epoch, number) for number in new)  # never twice
        seen.add("a", epoch, new)
        came.update((epoch, number) for number in new)
        last = epoch if new else last
        ranges, epochs, ever = seen.size("a")
        assert (ranges <= max_ranges, epochs <= max_epochs, ever <= max_epochs + spare) == (True, True, True)
    for epoch in range(1, 10):
        for number in range(1, 61):
            if seen.standing("a", epoch, number) is Standing.KNOWN:
                assert (epoch, number) in came  # what is called a duplicate is in the journal
    if last:
        newest = max(number for epoch, number in came if epoch == last)
        assert Standing.NEW is seen.standing("a", last, newest + 1)  # the present always gets in


@given(OFFERS)
def test_the_same_journal_gives_the_same_memory(offers: list[tuple[int, list[int]]]) -> None:
    """Live, numbers are looked up between additions; a replay only adds."""
    live, again = (Seen(max_ranges=4, max_epochs=2, max_ever=4) for _ in range(2))
    for epoch, numbers in offers:
        new = [number for number in numbers if live.standing("a", epoch, number) is Standing.NEW]
        live.add("a", epoch, new)
        again.add("a", epoch, reversed(new))
    keys = [(epoch, number) for epoch in range(1, 10) for number in range(1, 61)]
    assert [live.standing("a", *key) for key in keys] == [again.standing("a", *key) for key in keys]


def test_a_new_epoch_takes_the_place_of_the_one_that_was_silent_longest() -> None:
    seen = Seen()
    for epoch in range(MAX_EPOCHS):
        seen.add("a", epoch, [1])
    seen.add("a", 0, [2])
    seen.add("a", MAX_EPOCHS, [1])
    assert [Standing.KNOWN, Standing.FORGOTTEN, Standing.KNOWN] == [seen.standing("a", n, 1) for n in (0, 1, 2)]
    assert Standing.FORGOTTEN is seen.standing("a", 1, 2)
    assert Standing.NEW is seen.standing("a", 0, 3)


def test_an_agent_with_more_epochs_than_any_can_have_is_told_so() -> None:
    seen = Seen()
    for epoch in range(MAX_EPOCHS_EVER):
        seen.add("a", epoch, [1])
    assert Standing.BEYOND is seen.standing("a", MAX_EPOCHS_EVER, 1)
    assert Standing.NEW is seen.standing("a", MAX_EPOCHS_EVER - 1, 2)
    assert Standing.NEW is seen.standing("b", MAX_EPOCHS_EVER, 1)


def test_gaps_are_closed_from_the_far_end_and_the_present_goes_on() -> None:
    seen = Seen()
    last = 2 * MAX_RANGES + 1
    seen.add("a", 1, range(1, last + 1, 2))
    assert [Standing.FORGOTTEN, Standing.NEW, Standing.KNOWN] == [seen.standing("a", 1, n) for n in (1, 2, 3)]
    assert (Standing.KNOWN, Standing.NEW) == (seen.standing("a", 1, last), seen.standing("a", 1, last + 1))
    seen.add("a", 1, [4])  # fills a gap: nothing has to be forgotten for it
    assert Standing.KNOWN is seen.standing("a", 1, 3)


def test_what_an_agent_costs_is_bounded_whatever_it_sends() -> None:
    tracemalloc.start()
    seen = Seen()
    for epoch in range(2**62, 2**62 + 2 * MAX_EPOCHS_EVER):
        if seen.standing("a", epoch, 1) is not Standing.BEYOND:
            seen.add("a", epoch, range(1, 2 * MAX_RANGES, 7))
    seen.add("a", 2**62 + MAX_EPOCHS_EVER - 1, range(2**61, 2**61 + 4 * MAX_RANGES, 2))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert MAX_RANGES == seen.size("a")[0]
    assert held < 256 * 1024
