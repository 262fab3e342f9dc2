"""What expires when."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.expiries import SPARE, Expiries


def test_what_has_expired_is_told_once_and_in_its_order() -> None:
    made = Expiries()
    for key, moment in (("b", 2.0), ("a", 2.0), ("c", 1.0), ("d", 3.0)):
        made.note(key, moment)
    assert ["c", "a", "b"] == list(made.take(2.0))
    assert [] == list(made.take(2.0))
    assert 3.0 == made.next


def test_the_moment_that_was_said_last_counts() -> None:
    made = Expiries()
    made.note("later", 1.0)
    made.note("later", 5.0)
    made.note("sooner", 9.0)
    made.note("sooner", 4.0)
    assert 4.0 == made.next
    assert ["sooner"] == list(made.take(4.5))
    assert ["later"] == list(made.take(9.0))
    assert made.next is None


def test_what_is_noted_anew_while_it_is_taken_is_looked_at_again() -> None:
    made = Expiries()
    made.note("a", 1.0)
    taken = []
    for key in made.take(10.0):
        taken.append(key)
        if len(taken) < 3:
            made.note(key, 2.0 + len(taken))
    assert ["a"] * 3 == taken


def test_moments_that_do_not_count_are_few() -> None:
    made = Expiries()
    for turn in range(10_000):
        made.note(f"a{turn % 10}", float(turn))
    assert len(made._heap) <= 2 * 10 + SPARE


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 50)), max_size=300), st.integers(0, 50))
def test_it_is_as_if_all_were_looked_at(noted: list[tuple[str, int]], now: int) -> None:
    made = Expiries()
    for key, moment in noted:
        made.note(key, float(moment))
    last = dict(noted)
    assert sorted((moment, key) for key, moment in last.items() if moment <= now) == [
        (last[key], key) for key in made.take(float(now))
    ]
    assert min((moment for moment in last.values() if moment > now), default=None) == made.next
