"""What processes tell one another of sessions: as it was written, and in proportion to what changed."""

import pytest

from rabta_collector.journal import Member
from rabta_collector.roles.rolls import WHOLE_BEATS, Roll, Seat, Teller, read_roll, sender_of, write_roll
from rabta_proto.vocabulary import Role


def seat(agent: str, number: int = 1, process: int = 7, *, isp: str = "ptcl", prefix: bytes | None = None) -> Seat:
    member = Member(agent=agent, isp=isp, role=Role.PROBE)
    return Seat(member=member, left_out=frozenset({"x"}), number=number, process=process, prefix=prefix)


SEND = seat("a").send


def read(text: bytes) -> Roll:
    return read_roll(text, SEND)


@pytest.mark.parametrize("first", [True, False])
def test_a_roll_is_read_as_it_was_written(first: bool) -> None:
    seats = {"a": seat("a", prefix=b"12345678"), "b": seat("b", 9)}
    roll = Roll(process=7, number=3, first=first, seats=seats, gone=["c"])
    assert roll == read(write_roll(roll))
    assert 7 == sender_of(write_roll(roll))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no roll",
        b"7 1 1\nx",
        b"7 1\n",
        write_roll(Roll(process=7, number=1, first=True, seats={"a": seat("a")}, gone=()))[:20],
    ],
)
def test_what_is_no_roll_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(text)


def test_after_the_first_only_changes_are_told() -> None:
    teller, a, b, c = Teller(7), seat("a"), seat("b"), seat("c")
    told = [read(teller.tell(seats)) for seats in ({"a": a, "b": b}, {"a": a, "c": c}, {"a": a, "c": c})]
    assert [1, 2, 3] == [roll.number for roll in told]
    assert [True, False, False] == [roll.first for roll in told]
    assert [{"a", "b"}, {"c"}, set()] == [{*roll.seats} for roll in told]
    assert [[], ["b"], []] == [roll.gone for roll in told]


def test_a_session_that_another_one_of_its_agent_replaced_is_told() -> None:
    teller = Teller(7)
    teller.tell({"a": seat("a", 1)})
    assert 2 == read(teller.tell({"a": seat("a", 2)})).seats["a"].number


def test_whoever_asks_is_told_everything_and_so_is_everybody_now_and_then() -> None:
    teller, seats = Teller(7), {"a": seat("a")}
    firsts = [read(teller.tell(seats)).first for _ in range(WHOLE_BEATS + 1)]
    assert [0, WHOLE_BEATS] == [number for number, first in enumerate(firsts) if first]
    teller.ask()
    assert [True, False] == [read(teller.tell(seats)).first for _ in range(2)]


def test_where_nothing_changes_next_to_nothing_is_said() -> None:
    teller, seats = Teller(7), {f"{n:016x}": seat(f"{n:016x}") for n in range(1000)}
    whole = len(teller.tell(seats))
    assert whole > 2000
    assert len(teller.tell(seats)) < 20
