"""What is told of the sessions that stand here."""

from collections.abc import Set
from dataclasses import dataclass, field

from rabta_collector.journal import Member
from rabta_collector.roles.seats import PREFIX_BYTES, Seats
from rabta_proto.vocabulary import Role


@dataclass(eq=False)
class Standing:
    """A session, as far as it is told of."""

    member: Member
    left_out: Set[str] = frozenset({"NEWS"})


@dataclass
class Numbers:
    """What a journal knows of them."""

    process: int = 7
    numbers: dict[str, int] = field(default_factory=dict)

    def session_of(self, agent: str) -> int:
        return self.numbers.get(agent, 0)


def standing(agent: str) -> Standing:
    return Standing(Member(agent=agent, isp="ptcl", role=Role.PROBE))


def test_of_a_session_is_told_what_others_need() -> None:
    seats = Seats(Numbers(numbers={"a": 5}), {"a": b"0123456789"}.get)
    told = seats.of({"a": standing("a"), "b": standing("b")})
    assert ("a", "ptcl", 5, 7, b"0123456789"[:PREFIX_BYTES], {"NEWS"}) == (
        told["a"].member.agent,
        told["a"].member.isp,
        told["a"].number,
        told["a"].process,
        told["a"].prefix,
        told["a"].left_out,
    )
    assert told["b"].prefix is None


def test_what_did_not_change_is_the_same_object() -> None:
    numbers = Numbers(numbers={"a": 5})
    seats, a, b = Seats(numbers, lambda _: None), standing("a"), standing("b")
    first = seats.of({"a": a, "b": b})
    second = seats.of({"a": a, "b": standing("b")})
    assert first["a"] is second["a"]
    assert first["b"] is not second["b"]
    numbers.numbers["a"] = 6
    assert 6 == seats.of({"a": a})["a"].number
    assert {"a"} == seats.of({"a": a}).keys()
