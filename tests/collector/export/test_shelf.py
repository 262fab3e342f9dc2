"""Looks that are found by their moment, as controls.py finds them."""

from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.controls import SOUND_S, Controls, Look
from rabta_collector.export.shelf import Shelf, Subject
from rabta_proto.codec import to_message
from rabta_proto.model import Measurement
from support.factories import NOON, SILENCE, URL, story, works

X = Subject(platform="x", url=URL)


def shelved(*looks: tuple[str, float]) -> Shelf:
    """Looks by owner and second after noon."""
    shelf = Shelf()
    shelf.add(((X, owner, NOON + at, to_message(works().measurement(at=NOON + at)))) for owner, at in looks)
    shelf.sort()
    return shelf


def seconds(found: tuple[Measurement, ...]) -> list[float]:
    return [one.started_at.timestamp() - NOON for one in found]


def test_of_each_owner_the_last_before_and_the_first_since_are_near() -> None:
    with closing(shelved(("a", 0), ("a", 10), ("a", 20), ("a", 30), ("b", 15))) as shelf:
        assert [10.0, 20.0, 15.0] == seconds(shelf.near(X, NOON + 15, 600))


def test_what_is_out_of_reach_is_not_near() -> None:
    with closing(shelved(("a", 0), ("a", 100))) as shelf:
        assert [100.0] == seconds(shelf.near(X, NOON + 70, 60))


def test_nobody_has_looked_at_what_is_not_there() -> None:
    with closing(shelved(("a", 0))) as shelf:
        assert () == shelf.near(Subject(platform="y", url=URL), NOON, 600)


def test_it_knows_what_was_looked_at() -> None:
    with closing(shelved(("b", 0), ("a", 1))) as shelf:
        assert ([X], ["a", "b"]) == (shelf.subjects(), shelf.owners(X))


def test_silence_is_near_only_where_the_owner_s_line_is_known_to_have_worked() -> None:
    silent = story("tcp://192.0.2.7:443", "192.0.2.7").fails_tcp("192.0.2.7", SILENCE).measurement(at=NOON)
    for owner, at, found in (("a", 30, [0.0]), ("a", -1, []), ("a", SOUND_S + 1, []), ("b", 30, [])):
        with closing(Shelf()) as shelf:
            other = (Subject(platform="y", url="y"), owner, NOON + at, to_message(works().measurement(at=NOON + at)))
            shelf.add([(X, "a", NOON, to_message(silent)), other])
            shelf.sort()
            assert found == seconds(shelf.near(X, NOON, 600)), (owner, at)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 14)), max_size=14, unique=True),
    st.integers(0, 14),
    st.integers(0, 14),
)
def test_it_finds_what_the_collector_s_controls_find(looks: list[tuple[str, int]], moment: int, reach: int) -> None:
    controls = Controls()
    for owner, at in looks:
        look = Look(NOON + at, works().measurement(at=NOON + at))
        controls.add(("x", URL), owner, look, 600)
    with closing(shelved(*looks)) as shelf:
        assert controls.around(("x", URL), NOON + moment, reach) == shelf.near(X, NOON + moment, reach)
