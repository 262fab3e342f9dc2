"""Tables and bars."""

from bench.report import Bar, Part


def test_a_bar_is_met_up_to_its_value() -> None:
    assert Bar("p99", 100.0, 100.0).met
    assert not Bar("p99", 100.1, 100.0).met


def test_tables_and_bars_are_markdown() -> None:
    part = Part(found={}, tables=[("Sizes", ("where", "bytes"), [("wire", 261)])], bars=[Bar("p99", 120.0, 100.0)])
    text = part.text()
    assert "| where | bytes |" in text
    assert "| wire  | 261   |" in text
    assert "MISSED" in text


def test_what_was_found_is_kept_with_its_bars() -> None:
    kept = Part(found={"rate": 5}, bars=[Bar("p99", 50.0, 100.0)]).as_json()
    assert {"rate": 5, "bars": [{"what": "p99", "measured": 50.0, "bar": 100.0, "met": True}]} == kept
