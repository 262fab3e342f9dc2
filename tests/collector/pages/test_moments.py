"""Times of pages: Pakistan's, to the minute."""

import pytest

from rabta_collector.pages.moments import make_clock, make_full_moment, make_length, make_moment
from support.country import NOW

HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize(
    ("age", "short"), [(0, "17 Feb 23:00"), (23.5 * HOUR, "16 Feb 23:30"), (60 * DAY, "19 Dec 2023 23:00")]
)
def test_a_moment_is_told_in_pakistans_time_and_with_its_day(age: float, short: str) -> None:
    assert short == make_moment(NOW - age, NOW).short


def test_no_moment_tells_more_than_the_minute() -> None:
    """Seconds could be matched with what is known from elsewhere of one machine."""
    for at in (NOW + 1, NOW + 29.5, NOW + 59):
        moment = make_moment(at, NOW)
        assert ("17 Feb 23:00", "2024-02-17T18:00:00.000Z") == (moment.short, moment.machine)
    assert "17 Feb 2024 23:00" == make_full_moment(NOW + 59).short


def test_the_pages_own_moment_has_its_year_and_its_seconds() -> None:
    assert "17 Feb 2024 23:00:07" == make_clock(NOW + 7).short


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, (0, 0, 1)),
        (95, (0, 0, 2)),
        (HOUR, (0, 1, 0)),
        (HOUR + 1200, (0, 1, 20)),
        (DAY + HOUR + 1200, (1, 1, 0)),
    ],
)
def test_a_length_has_its_two_largest_units(seconds: float, told: tuple[int, int, int]) -> None:
    length = make_length(seconds)
    assert told == (length.days, length.hours, length.minutes)
