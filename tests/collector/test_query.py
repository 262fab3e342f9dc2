"""A parameter is understood, or named in the error."""

import pytest

from rabta_collector.query import BadParameterError, Form, Query, check_known, parse_query

ALL = {"platform", "isp", "since", "until", "limit", "format"}


def test_without_parameters_everything_is_asked_for() -> None:
    assert Query() == parse_query([], ALL)


def test_every_parameter_is_read() -> None:
    given = [
        ("platform", "x"),
        ("isp", "ptcl"),
        ("since", "1970-01-01T00:01:00Z"),
        ("until", "1970-01-01T05:02:00+05:00"),
        ("limit", "7"),
        ("format", "csv"),
    ]
    assert Query(platform="x", isp="ptcl", since=60.0, until=120.0, limit=7, form=Form.CSV) == parse_query(given, ALL)


def test_a_window_is_widened_to_whole_minutes() -> None:
    """Or whoever moves its edge second by second would learn when something happened."""
    given = [("since", "1970-01-01T00:01:59.999Z"), ("until", "1970-01-01T00:02:00.001Z")]
    assert Query(since=60.0, until=180.0) == parse_query(given, ALL)


def test_an_empty_parameter_is_not_given() -> None:
    assert Query() == parse_query([(name, "") for name in ALL], ALL)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([("sinc", "1")], "sinc: no parameter of this list; expected format, isp, limit, platform, since, until"),
        ([("isp", "ptcl"), ("isp", "zong")], "isp: given twice"),
        ([("since", "now")], 'since: "now" is no time; expected RFC 3339, such as 2024-02-17T17:00:00Z'),
        ([("until", "2024-02-30T00:00:00Z")], 'until: "2024-02-30T00:00:00Z" is no time of the calendar'),
        (
            [("since", "2024-01-01T00:00:00Z"), ("until", "2024-01-01T00:00:00Z")],
            "since: not before until",
        ),
        ([("limit", "0")], 'limit: "0" is no number from 1 to 10000'),
        ([("limit", "10001")], 'limit: "10001" is no number from 1 to 10000'),
        ([("limit", "²")], 'limit: "²" is no number from 1 to 10000'),
        ([("format", "xml")], 'format: "xml" is none of json, csv'),
    ],
)
def test_what_cannot_be_understood_is_named(given: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(BadParameterError) as raised:
        parse_query(given, ALL)
    assert message == str(raised.value)
    assert message.startswith(raised.value.parameter)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (Query(platform="y"), 'platform: "y" is none that is measured'),
        (Query(isp="ptc"), 'isp: "ptc" is none that is watched'),
    ],
)
def test_a_platform_or_isp_that_nothing_is_known_of_is_named(query: Query, message: str) -> None:
    with pytest.raises(BadParameterError) as raised:
        check_known(query, {"x"}, {"ptcl"})
    assert message == str(raised.value)


def test_a_known_platform_at_a_known_isp_is_fine() -> None:
    check_known(Query(platform="x", isp="ptcl"), {"x"}, {"ptcl"})
