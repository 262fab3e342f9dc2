"""Who has which session, as processes tell one another."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.journal import Member
from rabta_collector.roles.rolls import Seat, Teller
from rabta_collector.roles.roster import FORGOTTEN_S, Roster
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role


def seat(agent: str, number: int = 1, process: int = 7, *, prefix: bytes | None = None) -> Seat:
    member = Member(agent=agent, isp="ptcl", role=Role.PROBE)
    return Seat(member=member, left_out=frozenset(), number=number, process=process, prefix=prefix)


def seats(process: int, **numbers: int) -> dict[str, Seat]:
    return {agent: seat(agent, number, process) for agent, number in numbers.items()}


def processes_of(roster: Roster) -> dict[str, int]:
    return {agent: one.process for agent, one in roster.items()}


def test_of_two_sessions_of_an_agent_the_newer_one_counts_until_it_is_over() -> None:
    roster, first, second = Roster(), Teller(1), Teller(2)
    roster.hear(first.tell(seats(1, a=5)), 0.0)
    roster.hear(second.tell(seats(2, a=4, b=1)), 0.0)
    assert {"a": 1, "b": 2} == processes_of(roster)
    assert {"a"} == {*roster.hear(second.tell(seats(2, a=6)), 1.0).agents}
    assert {"a": 2} == processes_of(roster)
    roster.hear(second.tell({}), 2.0)
    assert {"a": 1} == processes_of(roster)


def test_a_process_that_is_not_heard_of_is_forgotten_with_its_sessions() -> None:
    roster = Roster()
    roster.hear(Teller(1).tell({"a": seat("a", 1, 1, prefix=b"p")}), 0.0)
    roster.hear(Teller(2).tell(seats(2, b=1)), 4.0)
    assert b"p" == roster.prefix_of("a")
    roster.sweep(FORGOTTEN_S + 0.1)
    assert frozenset({2}) == roster.processes()
    assert ["b"] == [*roster]
    assert {2: 1} == roster.counts()
    assert roster.prefix_of("a") is None


def test_an_agent_is_asked_through_the_process_that_holds_its_session() -> None:
    sent: list[tuple[int, str, bytes]] = []

    def send(process: int, agent: str, request: bytes) -> bool:
        sent.append((process, agent, request))
        return True

    roster, request = Roster(send), link.MeasureNow(request=3, target="https://x.com/")
    roster.hear(Teller(1).tell(seats(1, a=1)), 0.0)
    assert roster["a"].ask(request)
    assert [(1, "a", request.SerializeToString())] == sent


def test_who_missed_a_message_keeps_what_it_knew_and_is_told_everything_once_it_asks() -> None:
    roster, teller = Roster(), Teller(1)
    roster.hear(teller.tell(seats(1, a=1)), 0.0)
    teller.tell(seats(1, b=1))  # nobody hears it
    assert roster.hear(teller.tell(seats(1, b=1, c=1)), 2.0).missed
    assert {"a": 1} == processes_of(roster)
    assert roster.hear(teller.tell(seats(1, b=1, c=1)), 3.0).missed
    teller.ask()
    assert not roster.hear(teller.tell(seats(1, b=1, c=1)), 4.0).missed
    assert {"b": 1, "c": 1} == processes_of(roster)
    assert not roster.hear(teller.tell({}), 5.0).missed
    assert {} == roster


def test_who_has_just_come_knows_that_it_does_not_know_all() -> None:
    roster, teller = Roster(), Teller(1)
    teller.tell(seats(1, a=1))
    assert roster.hear(teller.tell(seats(1, a=1)), 0.0).missed
    assert frozenset({1}) == roster.processes()
    assert {} == roster.counts()


def test_changes_are_counted_of_who_is_there_and_not_of_what_is_told() -> None:
    roster, teller = Roster(), Teller(1)
    roster.hear(teller.tell(seats(1, a=1, b=1)), 0.0)
    assert 2 == roster.changes
    teller.ask()
    roster.hear(teller.tell(seats(1, a=2, b=2)), 1.0)
    assert 2 == roster.changes
    assert {"b"} == roster.among({"b": 1, "c": 1})
    roster.drop(1)
    assert 4 == roster.changes


@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5)),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_whatever_is_lost_what_is_known_in_the_end_is_what_is_so(steps: list[tuple[int, dict[str, int], bool]]) -> None:
    roster, tellers = Roster(), {process: Teller(process) for process in (1, 2, 3)}
    held: dict[int, dict[str, Seat]] = {process: {} for process in tellers}
    missed: set[int] = set()
    for process, numbers, lost in [
        *steps,
        *((process, {"a": process}, False) for process in (1, 2, 3) for _ in range(2)),
    ]:
        held[process] = seats(process, **numbers)
        if process in missed:
            tellers[process].ask()
        text = tellers[process].tell(held[process])
        if not lost:
            missed = missed - {process} | ({process} if roster.hear(text, 0.0).missed else set())
    everything = Roster()
    for process, teller in ((process, Teller(process)) for process in tellers):
        everything.hear(teller.tell(held[process]), 0.0)
    assert {agent: (one.process, one.number) for agent, one in everything.items()} == {
        agent: (one.process, one.number) for agent, one in roster.items()
    }
