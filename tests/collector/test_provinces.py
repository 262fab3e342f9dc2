"""The places that a volunteer may name."""

import pytest

from rabta_collector.provinces import parse_province


@pytest.mark.parametrize(
    ("text", "name"), [("", ""), ("KPK", "Khyber Pakhtunkhwa"), (" sindh ", "Sindh"), ("ICT", "Islamabad")]
)
def test_a_province_has_one_name(text: str, name: str) -> None:
    assert name == parse_province(text)


def test_nothing_finer_is_taken_or_repeated() -> None:
    with pytest.raises(ValueError, match="no such province; one of: Punjab, ") as raised:
        parse_province("Gulberg III, Lahore")
    assert "Gulberg" not in str(raised.value)
