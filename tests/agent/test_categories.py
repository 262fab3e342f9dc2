"""Categories: what is left out, and what of that anybody is told."""

import pytest

from rabta_agent.categories import NAMES, RISKY, find_left_out, parse_categories, tell_left_out


def test_what_is_risky_is_left_out_until_it_is_taken_in() -> None:
    assert RISKY == find_left_out(None, None)
    assert (RISKY - {"REL"}) | {"NEWS"} == find_left_out(("NEWS",), ("REL",))


def test_of_what_is_left_out_known_codes_alone_are_told() -> None:
    assert ["NEWS", "REL"] == tell_left_out({"REL", "MYNAMEISALI", "NEWS"})
    assert len(NAMES) <= 64  # as many as a collector hears


def test_codes_are_read_in_any_case() -> None:
    assert ("NEWS", "REL") == parse_categories(" news,REL,,rel ")
    with pytest.raises(ValueError, match="is no category"):
        parse_categories("no code")
