"""The referee believes what stands, when it came about, and not what passes."""

import pytest

from lab.referee import Referee, Result, Seen
from lab.story import Cell, Expectation

CELL = Cell(isp="ptcl", platform="x")
REACHABLE = Seen(state="reachable", mechanism=None)
BLOCKED = Seen(state="blocked", mechanism="tls.reset.sni")
SILENT = Seen(state="blocked", mechanism="tls.timeout.sni")


def expectation(*, mechanism: str | None = "tls.reset.sni", state: str = "blocked", at: float = 3.0) -> Expectation:
    return Expectation(
        cell=CELL,
        at=at,
        within=9.0,
        until=60.0,
        states=frozenset({state}),
        mechanisms=frozenset({mechanism}) if mechanism else frozenset(),
    )


def judge(expected: Expectation, *seen: tuple[float, Seen]) -> Result:
    referee = Referee([expected])
    for now, what in seen:
        referee.see(now, {CELL: what})
        for result in referee.unconfirmed:
            result.in_metrics = True
    (result,) = referee.results
    return result


def test_what_comes_about_in_time_and_stays_is_good() -> None:
    result = judge(expectation(), (3.5, REACHABLE), (7.0, BLOCKED), (59.5, BLOCKED))
    assert (True, 4.0) == (result.good, result.took)


def test_what_comes_about_too_late_is_not_good() -> None:
    assert not judge(expectation(), (3.5, REACHABLE), (12.5, BLOCKED)).good


def test_what_never_comes_about_is_not_good() -> None:
    assert not judge(expectation(), (3.5, REACHABLE), (59.0, REACHABLE)).good


def test_what_nobody_saw_is_not_good() -> None:
    assert not judge(expectation()).good


def test_what_does_not_stay_is_not_good() -> None:
    result = judge(expectation(), (7.5, BLOCKED), (8.0, REACHABLE), (8.5, BLOCKED))
    assert (False, 8.0, REACHABLE) == (result.good, result.broken_at, result.broken_by)


def test_a_state_with_another_mechanism_is_not_what_was_expected() -> None:
    assert not judge(expectation(), (7.5, SILENT)).good


def test_a_mechanism_that_changes_within_a_state_counts_from_when_it_was_seen() -> None:
    result = judge(expectation(at=20.0), (7.0, REACHABLE), (9.0, SILENT), (22.0, SILENT), (24.0, BLOCKED))
    assert 4.0 == result.took


def test_a_state_that_stood_already_was_met_at_the_switch() -> None:
    result = judge(expectation(state="reachable", mechanism=None), (3.5, REACHABLE))
    assert 0.0 == result.took


@pytest.mark.parametrize("now", [2.5, 60.0, 70.0])
def test_what_is_seen_outside_of_its_time_says_nothing(now: float) -> None:
    assert judge(expectation(), (now, BLOCKED)).met_at is None


def test_what_the_metrics_never_showed_is_not_good() -> None:
    referee = Referee([expectation()])
    referee.see(7.5, {CELL: BLOCKED})
    assert [False] == [result.good for result in referee.results]
