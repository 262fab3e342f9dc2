"""Spans are what events and the present say together."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.state import Event, Snapshot
from rabta_collector.timeline import Span, find_spans
from rabta_proto.vocabulary import IspKind, IspState, Mechanism, State
from support.country import NOW, make_event, make_isp, make_verdict

SNI, NXDOMAIN = Mechanism.TLS_RESET_SNI, Mechanism.DNS_NXDOMAIN
X_AT_PTCL = ("x", "ptcl")


def event(id_: int, age: float, before: str, after: str, mechanism: Mechanism | None = None) -> Event:
    return make_event(id_, age, X_AT_PTCL, (before, after, mechanism))


def standing(state: State, age: float, mechanism: Mechanism | None = None) -> Snapshot:
    verdict = replace(make_verdict(*X_AT_PTCL), state=state, mechanism=mechanism, since=NOW - age)
    return Snapshot(at=NOW, verdicts=(verdict,))


def shape(spans: tuple[Span, ...]) -> list[tuple[str, str | None, float, float | None]]:
    """State, mechanism, and how long ago it began and ended."""
    return [(s.state, s.mechanism, NOW - s.since, None if s.until is None else NOW - s.until) for s in spans]


def test_each_event_ends_one_span_and_begins_the_next() -> None:
    events = [
        event(1, 300, "inconclusive", "reachable"),
        event(2, 200, "reachable", "blocked", SNI),
        event(3, 100, "blocked", "reachable"),
    ]
    assert [
        ("reachable", None, 300, 200),
        ("blocked", SNI, 200, 100),
        ("reachable", None, 100, None),
    ] == shape(find_spans(events, standing(State.REACHABLE, 100)))


def test_another_mechanism_is_another_span_of_the_same_state() -> None:
    """The verdict's `since` is that of its state, and so older than its last event."""
    events = [event(1, 200, "reachable", "blocked", SNI), event(2, 100, "blocked", "blocked", NXDOMAIN)]
    assert [("blocked", SNI, 200, 100), ("blocked", NXDOMAIN, 100, None)] == shape(
        find_spans(events, standing(State.BLOCKED, 200, NXDOMAIN))
    )


def test_without_events_there_is_what_stands_now() -> None:
    assert [("blocked", SNI, 50, None)] == shape(find_spans([], standing(State.BLOCKED, 50, SNI)))


def test_what_stands_now_ends_the_last_span_when_its_event_is_not_known() -> None:
    events = [event(1, 200, "inconclusive", "reachable")]
    assert [("reachable", None, 200, 50), ("blocked", SNI, 50, None)] == shape(
        find_spans(events, standing(State.BLOCKED, 50, SNI))
    )


def test_what_is_no_longer_measured_keeps_its_past() -> None:
    events = [event(1, 200, "reachable", "blocked", SNI)]
    assert [("blocked", SNI, 200, None)] == shape(find_spans(events, Snapshot(at=NOW)))


def test_two_changes_at_one_moment_leave_no_empty_span() -> None:
    events = [event(1, 100, "reachable", "disrupted"), event(2, 100, "disrupted", "blocked", SNI)]
    assert [("blocked", SNI, 100, None)] == shape(find_spans(events, standing(State.BLOCKED, 100, SNI)))


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, ["reachable", "blocked", "reachable"]),
        (NOW - 150, None, ["blocked", "reachable"]),
        (NOW - 100, None, ["reachable"]),  # half-open: what ended then no longer stood
        (None, NOW - 200, ["reachable"]),
        (NOW - 180, NOW - 120, ["blocked"]),
        (None, NOW - 300, []),
    ],
)
def test_a_window_selects_what_it_overlaps(since: float | None, until: float | None, expected: list[str]) -> None:
    events = [
        event(1, 300, "inconclusive", "reachable"),
        event(2, 200, "reachable", "blocked", SNI),
        event(3, 100, "blocked", "reachable"),
    ]
    spans = find_spans(events, standing(State.REACHABLE, 100), since=since, until=until)
    assert expected == [span.state for span in spans]


def test_an_isp_has_spans_of_its_own_before_those_of_platforms_there() -> None:
    isp = replace(make_isp("ptcl", "PTCL", IspKind.FIXED), state=IspState.DOWN, since=NOW - 10)
    snapshot = replace(standing(State.INCONCLUSIVE, 10), isps=(isp,))
    events = [make_event(1, 20, (None, "ptcl"), ("unknown", "up", None))]
    spans = find_spans(events, snapshot)
    assert [(None, "up"), (None, "down"), ("x", "inconclusive")] == [(span.platform, span.state) for span in spans]


def test_an_isp_where_nobody_was_ever_heard_has_no_span() -> None:
    isp = replace(make_isp("ptcl", "PTCL", IspKind.FIXED), state=IspState.UNKNOWN, since=None)
    assert () == find_spans([], Snapshot(at=NOW, isps=(isp,)))


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from(sorted(State))), max_size=12), st.randoms())
def test_spans_of_a_cell_follow_each_other_without_a_gap_in_whatever_order_events_come(
    changes: list[tuple[int, str]], random: object
) -> None:
    ages = sorted((age for age, _ in changes), reverse=True)
    events = [event(n, age, "reachable", state) for n, (age, (_, state)) in enumerate(zip(ages, changes, strict=True))]
    mixed = sorted(events, key=lambda one: -one.id)
    spans = find_spans(mixed, standing(State.DOWN, 60))
    assert spans == find_spans(events, standing(State.DOWN, 60))
    assert [span.until for span in spans[:-1]] == [span.since for span in spans[1:]]
    assert spans[-1].until is None
    assert "down" == spans[-1].state
