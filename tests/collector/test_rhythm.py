"""How many agents are there at which hour is learnt slowly, and kept small."""

import pickle

import pytest

from rabta_collector.rhythm import BY_DAY, DAY_HOURS, DAYS, HOUR_S, WEEK_HOURS, WEEKS, Rhythm

NIGHT = range(19, 24)  # hours at which laptops are closed


def days(rhythm: Rhythm, first: int, count: int, night: float = 0.2, weekend: float = 0.9) -> None:
    """Whole days: nine of ten agents by day, or as many as `weekend` says on the sixth day and the seventh."""
    for hour in range(first * DAY_HOURS, (first + count) * DAY_HOURS):
        day = weekend if hour % WEEK_HOURS >= 5 * DAY_HOURS else 0.9
        rhythm.live(hour * HOUR_S, (hour + 1) * HOUR_S, night if hour % DAY_HOURS in NIGHT else day)
    rhythm.live((first + count) * DAY_HOURS * HOUR_S, (first + count) * DAY_HOURS * HOUR_S + 1, 0.9)


def at(day: int, hour: float) -> float:
    return (day * DAY_HOURS + hour) * HOUR_S


def test_nothing_is_expected_before_some_days_are_known() -> None:
    rhythm = Rhythm()
    days(rhythm, 0, DAYS - 1)
    assert None is rhythm.expect(at(DAYS - 1, 12))
    days(rhythm, DAYS - 1, 1)
    assert pytest.approx(0.9) == rhythm.expect(at(DAYS, 12))


def test_an_hour_expects_what_the_next_one_does_where_that_is_less() -> None:
    rhythm = Rhythm()
    days(rhythm, 0, 5)
    assert [0.9, 0.2, 0.2] == [pytest.approx(rhythm.expect(at(5, hour))) for hour in (17.9, 18.0, 23.5)]
    assert pytest.approx(0.9) == rhythm.expect(at(6, 0))


def test_a_weekday_is_told_from_the_others_after_some_weeks() -> None:
    rhythm = Rhythm()
    days(rhythm, 0, 7 * WEEKS, weekend=0.3)
    assert [0.3, 0.9] == [pytest.approx(rhythm.expect(at(day, 12))) for day in (7 * WEEKS + 5, 7 * WEEKS + 1)]


def test_one_dark_day_moves_it_by_a_part_and_is_forgotten() -> None:
    rhythm = Rhythm()
    days(rhythm, 0, 10)
    rhythm.live(at(10, 0), at(11, 0), 0.0)
    days(rhythm, 11, 1)
    dark = (1 - BY_DAY) * 0.9
    assert pytest.approx(dark + BY_DAY * (0.9 - dark)) == rhythm.expect(at(12, 12))
    days(rhythm, 12, 8)
    assert pytest.approx(0.9, abs=0.05) == rhythm.expect(at(20, 12))


def test_an_hour_of_which_little_is_known_teaches_nothing() -> None:
    rhythm = Rhythm()
    days(rhythm, 0, 10)
    rhythm.live(at(10, 12), at(10, 12.4), 0.0)
    days(rhythm, 11, 1)
    assert pytest.approx(0.9) == rhythm.expect(at(12, 12))


def test_however_long_it_lives_it_remembers_a_week() -> None:
    """So many bytes, more or less: a checkpoint holds one for each ISP."""
    rhythm = Rhythm()
    days(rhythm, 0, 400)
    assert DAY_HOURS + WEEK_HOURS == len(rhythm._habits)
    assert 12_000 > len(pickle.dumps(rhythm))


def test_the_time_since_the_last_change_is_lived_hour_by_hour() -> None:
    piecewise, at_once = Rhythm(), Rhythm()
    for hour in range(0, 240):
        piecewise.live(hour * HOUR_S, (hour + 1) * HOUR_S, 0.5)
    at_once.live(0.0, 240 * HOUR_S, 0.5)
    assert piecewise == at_once
