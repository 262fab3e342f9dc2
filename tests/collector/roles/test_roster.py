"""Who has which session, as processes tell one another."""

import pytest

from rabta_collector.journal import Member
from rabta_collector.roles.roster import FORGOTTEN_S, Roster, Seat, read_roll, write_roll
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role


def seat(agent: str, number: int = 1, process: int = 7, *, isp: str = "ptcl", prefix: bytes | None = None) -> Seat:
    member = Member(agent=agent, isp=isp, role=Role.PROBE)
    return Seat(member=member, left_out=frozenset({"x"}), number=number, process=process, prefix=prefix)


def test_a_roll_is_read_as_it_was_written() -> None:
    send = seat("a").send
    told = {"a": seat("a", prefix=b"12345678"), "b": seat("b", 9)}
    process, read = read_roll(write_roll(7, told.values()), send)
    assert 7 == process
    assert [(one.member, one.left_out, one.number, one.prefix) for one in told.values()] == [
        (one.member, one.left_out, one.number, one.prefix) for one in read.values()
    ]


@pytest.mark.parametrize("text", [b"", b"no roll", write_roll(7, [])[:6], b"x" * 100])
def test_what_is_no_roll_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_roll(text, seat("a").send)


def test_of_two_sessions_of_an_agent_the_newer_one_counts() -> None:
    roster = Roster()
    roster.hear(write_roll(1, [seat("a", 5, 1)]), 0.0)
    roster.hear(write_roll(2, [seat("a", 4, 2), seat("b", 1, 2)]), 0.0)
    assert {"a": 1, "b": 2} == {agent: one.process for agent, one in roster.items()}
    roster.hear(write_roll(2, [seat("a", 6, 2)]), 1.0)
    assert {"a": 2} == {agent: one.process for agent, one in roster.items()}


def test_a_process_that_is_not_heard_of_is_forgotten_with_its_sessions() -> None:
    roster = Roster()
    roster.hear(write_roll(1, [seat("a", 1, 1, prefix=b"p")]), 0.0)
    roster.hear(write_roll(2, [seat("b", 1, 2)]), 4.0)
    assert b"p" == roster.prefix_of("a")
    roster.sweep(FORGOTTEN_S + 0.1)
    assert frozenset({2}) == roster.processes()
    assert ["b"] == [*roster]
    assert roster.prefix_of("a") is None


def test_an_agent_is_asked_through_the_process_that_holds_its_session() -> None:
    sent: list[tuple[int, str, bytes]] = []

    def send(process: int, agent: str, request: bytes) -> bool:
        sent.append((process, agent, request))
        return True

    roster, request = Roster(send), link.MeasureNow(request=3, target="https://x.com/")
    roster.hear(write_roll(1, [seat("a", 1, 1)]), 0.0)
    assert roster["a"].ask(request)
    assert [(1, "a", request.SerializeToString())] == sent
