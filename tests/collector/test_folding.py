"""Counters added up to series, the same whether something is remembered or not."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.folding import Folding, Labels

COUNTERS = st.lists(st.dictionaries(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), st.integers(0, 9)))


def name(counter: tuple[str, str]) -> Labels | None:
    """`d` is not shown, and all of `c` is one."""
    first, _ = counter
    return None if first == "d" else ("c",) if first == "c" else counter


def test_counters_of_one_name_are_added_up_and_some_are_not_shown() -> None:
    counts = {("a", "x"): 1, ("c", "x"): 2, ("d", "x"): 4, ("c", "y"): 8}
    assert ((("a", "x"), ("c",)), [1, 10]) == Folding[tuple[str, str]]().fold(counts, name)


def test_what_is_there_in_any_case_comes_first_and_begins_at_zero() -> None:
    first = (("b", "x"), ("a", "x"))
    assert ((*first, ("a", "y")), [0, 3, 5]) == Folding[tuple[str, str]]().fold(
        {("a", "x"): 3, ("a", "y"): 5}, name, first=first
    )


def test_labels_that_did_not_change_are_the_same_object() -> None:
    """By this a writer knows that it has its lines already."""
    folding = Folding[tuple[str, str]]()
    before, _ = folding.fold({("a", "x"): 1}, name)
    after, _ = folding.fold({("a", "x"): 2}, name)
    assert before is after


def test_other_rules_are_asked_anew() -> None:
    folding, counts = Folding[tuple[str, str]](), {("a", "x"): 1}
    folding.fold(counts, name, rules=1)
    assert ((), []) == folding.fold(counts, lambda _: None, rules=2)


@given(COUNTERS)
def test_what_is_remembered_changes_nothing(scrapes: list[dict[tuple[str, str], int]]) -> None:
    folding = Folding[tuple[str, str]]()
    for counts in scrapes:
        assert Folding[tuple[str, str]]().fold(counts, name) == folding.fold(counts, name)
