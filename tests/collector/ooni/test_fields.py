"""Values out of JSON that anybody may have written."""

import math

import pytest

from rabta_collector.ooni import fields


@pytest.mark.parametrize("value", [None, 1, "x", [1], True])
def test_what_is_no_object_is_an_empty_one(value: object) -> None:
    assert {} == fields.record(value)


def test_a_list_keeps_its_objects() -> None:
    assert [{"a": 1}] == fields.entries([{"a": 1}, None, 3, "x"])
    assert [] == fields.entries({"a": 1})
    assert fields.LIST_LIMIT == len(fields.entries([{}] * 5000))


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (1.5, 1.5), (True, None), ("1", None), (math.nan, None), (math.inf, None), (10**400, None)],
)
def test_a_number_is_a_finite_one(value: object, number: float | None) -> None:
    assert number == fields.number(value)


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ("é", "é".encode()),
        ("\ud800", b"?"),
        ({"format": "base64", "data": "AAEC"}, b"\x00\x01\x02"),
        ({"format": "base64", "data": "A"}, None),
        ({"format": "base64", "data": 5}, None),
        ({"format": "base64", "data": "é"}, b""),
        (None, None),
        (5, None),
    ],
)
def test_a_body_is_text_or_base64(value: object, body: bytes | None) -> None:
    assert body == fields.binary(value)


@pytest.mark.parametrize(
    ("value", "endpoint"),
    [
        ("1.2.3.4:443", ("1.2.3.4", 443)),
        ("[2001:DB8::0:1]:80", ("2001:db8::1", 80)),
        ("1.2.3.4", ("", 0)),
        ("1.2.3.4:99999", ("", 0)),
        ("x.com:443", ("", 443)),
        (":", ("", 0)),
        (7, ("", 0)),
    ],
)
def test_an_endpoint_is_an_address_and_a_port(value: object, endpoint: tuple[str, int]) -> None:
    assert endpoint == fields.endpoint(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("X.com.", "x.com"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("ü" * 70, ""),
        (None, ""),
        (7, ""),
    ],
)
def test_a_name_is_as_it_is_asked_for(value: object, expected: str) -> None:
    assert expected == fields.name(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("104.16.1.1", "104.16.1.1"),
        ("[2606:4700::1]", "2606:4700::1"),
        ("64:ff9b::68f4:2a01", "104.244.42.1"),
        ("64:ff9b:1::1", "64:ff9b:1::1"),
        ("x.com", ""),
        (7, ""),
    ],
)
def test_an_address_is_canonical_and_that_of_dns64_the_one_within(value: object, expected: str) -> None:
    assert expected == fields.address(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(443, 443), ("443", 443), (0, None), (65536, None), ("99999", None), ("²", None), ("", None), (None, None)],
)
def test_a_port_is_a_number_or_the_text_of_one(value: object, expected: int | None) -> None:
    assert expected == fields.port(value)
