"""What is due, and when."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.agenda import Agenda


def test_after_a_moment_is_the_next_point_and_never_the_same() -> None:
    agenda = Agenda(grid_s=0.5)
    agenda.enter_after(("a",), 10.0)
    assert 21 == agenda.next
    agenda.enter_after(("b",), 9.9)
    assert 20 == agenda.next


def test_at_a_moment_is_that_point_or_the_next() -> None:
    agenda = Agenda(grid_s=0.5)
    agenda.enter_at(("a",), 10.1)
    assert 21 == agenda.next
    agenda.enter_at(("a",), 10.0)
    assert 20 == agenda.next


def test_an_item_is_taken_once_at_its_earliest_point() -> None:
    agenda = Agenda(grid_s=1)
    for moment in (5, 3, 9):
        agenda.enter_at(("a",), moment)
    assert ([], [("a",)], []) == (agenda.take(2), agenda.take(3), agenda.take(99))
    assert agenda.next is None


def test_what_is_due_comes_in_its_own_order() -> None:
    agenda = Agenda(grid_s=1)
    for item in ("c", "a", "b"):
        agenda.enter_at((item,), 3)
    assert [("a",), ("b",), ("c",)] == agenda.take(3)


def test_the_past_is_never_entered_again() -> None:
    agenda = Agenda(grid_s=1)
    agenda.take(10)
    agenda.enter_at(("a",), 3)
    assert 11 == agenda.next


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 20)), max_size=20))
def test_every_item_comes_exactly_once(entries: list[tuple[str, int]]) -> None:
    agenda = Agenda(grid_s=1)
    for item, moment in entries:
        agenda.enter_at((item,), moment)
    taken = [item for point in range(1, 21) for item in agenda.take(point)]
    assert sorted({(item,) for item, _ in entries}) == sorted(taken)
