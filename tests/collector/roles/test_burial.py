"""When a process counts as gone, and what of it is ended then."""

from rabta_collector.journal import Member
from rabta_collector.roles.burial import BEATS, Burial, sessions_of
from rabta_proto.vocabulary import Role


def test_a_process_is_gone_that_was_not_heard_of_for_so_many_of_our_own_beats() -> None:
    burial = Burial()
    assert [frozenset()] * (BEATS - 1) == [burial.beat({1}, {1, 2}) for _ in range(BEATS - 1)]
    assert frozenset({2}) == burial.beat({1}, {1, 2})


def test_a_process_that_is_heard_of_again_is_not_gone() -> None:
    burial = Burial()
    for _ in range(BEATS - 1):
        burial.beat((), {1})
    burial.beat({1}, {1})
    assert not burial.beat((), {1})


def test_the_sessions_of_a_process_that_is_gone_are_those_that_stand() -> None:
    a, b, c = (Member(agent=agent, isp="ptcl", role=Role.PROBE) for agent in "abc")
    sessions = {"a": (5, 1), "b": (6, 2), "gone": (7, 1), "c": (0, 0)}
    assert [(a, 5, 1)] == sessions_of(frozenset({1}), {"a": a, "b": b, "c": c}, sessions)
