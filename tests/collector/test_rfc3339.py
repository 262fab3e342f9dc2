"""Times are written in one form, and read in every form of RFC 3339 and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.rfc3339 import format_time, parse_time


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    assert "2024-02-17T18:00:00.500Z" == format_time(1_708_192_800.5)


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-17T18:00:00.5Z",
        "2024-02-17t18:00:00.500z",
        "2024-02-17T23:00:00.5+05:00",
        "2024-02-17 23:00:00.500+05:00",
        "2024-02-17T23:00:00.5 05:00",  # "+" in an address is a space unless it is escaped
    ],
)
def test_every_form_of_the_standard_is_the_same_time(text: str) -> None:
    assert 1_708_192_800.5 == parse_time(text)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "1708192800", "2024-02-17", "2024-02-17T18:00:00", "2024-W07-6T18:00:00Z", "20240217T180000Z"],
)
def test_what_the_standard_does_not_have_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time; expected RFC 3339, such as 2024-02-17T17:00:00Z"):
        parse_time(text)


@pytest.mark.parametrize("text", ["2024-02-30T18:00:00Z", "2024-02-17T25:00:00Z", "0000-01-01T00:00:00Z"])
def test_a_time_outside_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time of the calendar"):
        parse_time(text)


@given(st.integers(min_value=0, max_value=4_000_000_000_000))
def test_what_is_written_is_read_again_to_the_millisecond(milliseconds: int) -> None:
    assert abs(parse_time(format_time(milliseconds / 1000)) - milliseconds / 1000) <= 0.001
