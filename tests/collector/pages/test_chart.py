"""Timelines: their scale, and windows of access."""

import pytest

from rabta_collector.pages.chart import DAYS, find_access, make_band, make_frame, make_ticks
from rabta_collector.timeline import Span
from support.country import NOW

HOUR, DAY = 3600, 86_400


def spans(*stretches: tuple[str, float]) -> list[Span]:
    """Spans one after the other that end now; each with its hours."""
    at = NOW - sum(hours for _, hours in stretches) * HOUR
    made = []
    for state, hours in stretches:
        made.append(Span(platform="x", isp="ptcl", state=state, mechanism=None, since=at, until=at + hours * HOUR))
        at += hours * HOUR
    return made


def test_a_return_of_some_hours_between_two_blocks_is_a_window_of_access() -> None:
    some = spans(("reachable", 48), ("blocked", 20), ("reachable", 2.5), ("blocked", 10))
    assert [2.5 * HOUR] == [span.until - span.since for span in find_access(some) if span.until]


@pytest.mark.parametrize(
    "some",
    [
        [("reachable", 48), ("blocked", 20)],  # before the first block
        [("blocked", 20), ("reachable", 5)],  # the block may be over
        [("blocked", 20), ("reachable", 80), ("blocked", 5)],  # it was over for longer than three days
        [("down", 20), ("reachable", 2), ("down", 5)],  # nobody blocked it
        [("blocked", 20), ("inconclusive", 2), ("blocked", 5)],  # nothing is known of the time between
    ],
)
def test_what_is_no_window_of_access(some: list[tuple[str, float]]) -> None:
    assert [] == list(find_access(spans(*some)))


def test_what_is_not_known_around_a_window_does_not_hide_it() -> None:
    some = spans(("blocked", 20), ("inconclusive", 1), ("reachable", 2), ("disrupted", 1), ("throttled", 5))
    assert 1 == len(list(find_access(some)))


def test_a_band_shows_its_windows_where_they_lie() -> None:
    band = make_band(spans(("blocked", 200), ("reachable", 12), ("blocked", 12)), make_frame(NOW, 1))
    (window,) = band.access
    assert (0, 12, 0) == (window.length.days, window.length.hours, window.length.minutes)
    assert 0.0 <= float(window.left.rstrip("%")) <= 0.5
    assert 49 <= float(window.width.rstrip("%")) <= 51
    assert () == make_band(spans(("blocked", 2), ("reachable", 2), ("blocked", 99)), make_frame(NOW, 1)).access


@pytest.mark.parametrize("days", DAYS)
def test_a_scale_has_some_marks_within_it_in_their_order(days: int) -> None:
    ticks = make_ticks(make_frame(NOW, days), days)
    places = [float(tick.percent.rstrip("%")) for tick in ticks]
    assert 4 <= len(ticks) <= 8
    assert sorted(places) == places
    assert 0 <= places[0] < places[-1] <= 100


def test_a_day_is_marked_by_hours_and_longer_times_by_days() -> None:
    first, second, *_ = make_ticks(make_frame(NOW, 1), 1)
    assert (17, "Feb", "", "04:00") == (first.day, first.month, first.clock, second.clock)
    first, second, *_ = make_ticks(make_frame(NOW, 7), 7)
    assert ("", "", 1) == (first.clock, second.clock, second.day - first.day)
