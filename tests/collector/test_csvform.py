"""Rows as CSV are read again by anybody's reader."""

import csv
import io

from rabta_collector.csvform import to_csv


def test_a_header_and_a_line_per_row_end_as_the_standard_has_it() -> None:
    assert "a,b\r\n1,x\r\n2,y\r\n" == to_csv(["a", "b"], [{"a": 1, "b": "x"}, {"b": "y", "a": 2}])


def test_an_empty_list_is_its_header() -> None:
    assert "a\r\n" == to_csv(["a"], [])


def test_each_kind_of_value_has_its_form() -> None:
    row = {
        "nothing": None,
        "yes": True,
        "share": 0.96,
        "list": ["https://a/", "https://b/"],
        "witness": [{"rule": "r.one", "count": 3}, {"rule": "r.two", "count": 1}],
    }
    assert ",true,0.96,https://a/ https://b/,r.one=3 r.two=1" == to_csv(list(row), [row]).splitlines()[1]


def test_a_comma_a_quote_and_a_line_end_survive() -> None:
    (_, row) = csv.reader(io.StringIO(to_csv(["note"], [{"note": 'a, "b"\nc'}]), newline=""))
    assert ['a, "b"\nc'] == row
