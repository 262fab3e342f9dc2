"""What goes from process to process is read as what it was, and as nothing else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from rabta_collector.parts import Part, Wanted, of_isps
from rabta_collector.plain import from_plain, to_plain
from rabta_collector.query import By, Query
from rabta_collector.taking import take
from rabta_proto.vocabulary import State
from support.country import Country


@dataclass(frozen=True, slots=True)
class Near:
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    word: str
    state: State = State.DOWN
    rates: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    near: tuple[Near, ...] = ()
    number: int | None = None


THING = Thing(word="آج", state=State.BLOCKED, rates={("x", "ptcl"): (1.5, 2)}, near=(Near(""),), number=7)


def over_the_wire(value: object) -> object:
    return json.loads(json.dumps(to_plain(value)))


def test_objects_enums_tuples_and_mappings_come_back() -> None:
    assert THING == from_plain(Thing, over_the_wire(THING))


def test_all_that_a_process_knows_comes_back() -> None:
    part = of_isps(take(Country(), Wanted(events=True, late=True, past=True, counts=True))(), lambda _: True)
    assert part == from_plain(Part, over_the_wire(part))


def test_a_question_comes_back() -> None:
    query = Query(platform="x", since=1.5, limit=3, cursor=("ptcl", -7), by=By.DAY)
    assert Wanted(query=query, past=True) == from_plain(Wanted, over_the_wire(Wanted(query=query, past=True)))


def test_a_newer_program_may_say_more_and_an_older_one_less() -> None:
    assert Thing(word="a") == from_plain(Thing, {"word": "a", "taste": ["sour"]})


@pytest.mark.parametrize(
    "plain",
    [
        {},
        [],
        None,
        {"word": 1},
        {"word": "a", "state": "sleepy"},
        {"word": "a", "rates": [["x", [1, 2]]]},
        {"word": "a", "rates": [[["x", "y"], [1]]]},
        {"word": "a", "near": 5},
        {"word": "a", "number": "7"},
        {"word": "a", "number": True},
    ],
)
def test_what_is_no_such_thing_is_an_error(plain: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_plain(Thing, plain)


def test_what_has_no_plain_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no plain form"):
        to_plain(object())
