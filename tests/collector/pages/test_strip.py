"""What stood when, as bars."""

import re

import pytest

from rabta_collector.pages.strip import SLOTS, TOP, Frame, Strip, day_before, make_strip, make_strips, rank
from rabta_collector.pages.words import SYMBOLS
from rabta_collector.timeline import Span
from support.country import NOW

MINUTE, HOUR, DAY = 60, 3600, 86_400


def span(state: str, since: float, until: float | None = None, *, isp: str = "ptcl") -> Span:
    """`since` and `until` in seconds before `NOW`."""
    end = None if until is None else NOW - until
    return Span(platform="x", isp=isp, state=state, mechanism=None, since=NOW - since, until=end)


def strip_of(*spans: Span) -> Strip:
    return make_strip(spans, day_before(NOW))


def widths(strip: Strip) -> dict[str, int]:
    """Slots of each state."""
    return {bar.state: sum(map(int, re.findall(r"h(\d+)v", bar.path))) for bar in strip.bars}


def test_a_day_has_96_quarters_of_an_hour_and_ends_with_the_one_that_is_not_over() -> None:
    frame = day_before(NOW)
    assert (DAY, 96) == (frame.end - frame.begin, frame.slots)
    assert 0 < frame.end - NOW <= 900


def test_a_block_of_three_minutes_is_seen_between_reachable_hours() -> None:
    strip = strip_of(
        span("reachable", 2 * DAY, 5 * HOUR),
        span("blocked", 5 * HOUR, 5 * HOUR - 3 * MINUTE),
        span("reachable", 5 * HOUR - 3 * MINUTE),
    )
    assert 1 == widths(strip)["blocked"]
    assert ["blocked", "reachable"] == [share.state for share in strip.shares]
    assert 3 == strip.shares[0].length.minutes
    assert not strip.calm


def test_where_one_state_stood_all_day_the_strip_is_calm() -> None:
    assert strip_of(span("blocked", 9 * DAY)).calm
    assert not strip_of(span("blocked", HOUR)).calm


def test_what_was_not_measured_is_empty() -> None:
    assert {"reachable": 5} == widths(strip_of(span("reachable", 3 * HOUR, 2 * HOUR)))
    assert () == strip_of().bars


def test_what_was_before_the_day_or_stands_since_a_moment_ago() -> None:
    assert {"blocked": 1} == widths(strip_of(span("reachable", 3 * DAY, 2 * DAY), span("blocked", 0)))


def test_states_differ_by_height_and_a_block_is_the_highest() -> None:
    states = ("blocked", "throttled", "down", "inconclusive", "reachable")
    heights = {}
    for state in states:
        (bar,) = strip_of(span(state, DAY)).bars
        heights[state] = int(re.findall(r"v(\d+)", bar.path)[0])
    assert TOP == heights["blocked"]
    assert sorted(heights.values(), reverse=True) == [heights[state] for state in states]
    assert len(states) == len(set(heights.values()))


def test_every_state_has_its_rank() -> None:
    assert len(set(map(str, SYMBOLS))) == len({rank(str(state)) for state in SYMBOLS})
    assert rank("odd") > rank("reachable")


def test_the_strips_of_many_cells_come_from_one_list() -> None:
    strips = make_strips([span("blocked", DAY), span("reachable", 2 * DAY, isp="jazz")], NOW)
    assert {("x", "ptcl"), ("x", "jazz")} == set(strips)


@pytest.mark.parametrize("slots", [1, 7, SLOTS])
def test_no_slot_is_drawn_beyond_the_frame(slots: int) -> None:
    frame = Frame(begin=NOW - DAY, end=NOW, now=NOW, slots=slots)
    strip = make_strip([span("blocked", 3 * DAY), span("reachable", 0)], frame)
    assert slots == sum(widths(strip).values())
