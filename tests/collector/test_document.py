"""Errors in TOML files name file, line and key."""

from pathlib import Path

import pytest

from rabta_collector.document import InvalidFileError, Table, locate, parse_duration, parse_toml, read_toml

TEXT = """
title = "a"

[[platform]]
id = "x"
[[platform.target]]
url = "one"
[[platform.target]]
url = "two"  # a comment
interval = "1m"

[[platform]]
id = "y"
[[platform.target]]
url = "three"

[resolvers]
udp = [
  "8.8.8.8",
]
"quoted key" = 1
"""


def table(text: str) -> Table:
    return parse_toml(text, "a.toml")


def test_every_header_and_key_has_its_line() -> None:
    lines = locate(TEXT)
    assert 2 == lines["title",]
    assert 9 == lines["platform", 0, "target", 1, "url"]
    assert 15 == lines["platform", 1, "target", 0, "url"]
    assert 18 == lines["resolvers", "udp"]
    assert 21 == lines["resolvers", "quoted key"]


def test_an_error_names_file_line_and_key() -> None:
    second = list(next(table(TEXT).tables("platform")).tables("target"))[1]
    assert "a.toml:10: platform.target.interval: wrong" == str(second.error("interval", "wrong"))


def test_a_missing_key_is_put_where_its_table_begins() -> None:
    second = list(table(TEXT).tables("platform"))[1]
    with pytest.raises(InvalidFileError, match=r"^a.toml:12: platform.name: missing; expected a string$"):
        second.text("name")


def test_an_unknown_key_is_named_with_the_one_that_was_meant() -> None:
    root = table('interva1 = "1m"')
    root.text("interval", "")
    with pytest.raises(InvalidFileError, match=r"^a.toml:1: interva1: unknown key; did you mean interval\?$"):
        root.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = ", "a.toml:1: a: Invalid value"),
        ("a = 1\nb = 'x", 'a.toml:2: b: Expected "\'"'),
        ("\n\n[a", "a.toml:3: Expected ']' at the end of a table declaration"),
        ("a = 1\na = 2", "a.toml:2: a: Cannot overwrite a value"),
    ],
)
def test_wrong_syntax_is_one_line_too(text: str, message: str) -> None:
    with pytest.raises(InvalidFileError) as raised:
        table(text)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_nested_beyond_reason_is_an_error_and_no_traceback() -> None:
    with pytest.raises(InvalidFileError, match="nested too deeply"):
        table("a = " + "[" * 10_000)


@pytest.mark.parametrize("value", ["1", "true", "[]", "{}", "1.5"])
def test_a_string_is_a_string(value: str) -> None:
    with pytest.raises(InvalidFileError, match=r"a.toml:1: a: expected a string, not"):
        table(f"a = {value}").text("a")


def test_true_is_no_number() -> None:
    with pytest.raises(InvalidFileError, match="expected a whole number, not True"):
        table("a = true").integer("a", least=0, most=3)


def test_what_is_no_table_is_none() -> None:
    with pytest.raises(InvalidFileError, match=r"a: expected tables, each under \[\[a\]\]"):
        list(table("a = [1]").tables("a"))
    with pytest.raises(InvalidFileError, match="a: expected a table, not 1"):
        table("a = 1").table("a")


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("60s", 60), ("5m", 300), ("1.5h", 5400), ("7d", 604800)]
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "60", "s", "-1s", "1 s", "1y", "1s1s", "١s5"])
def test_other_durations_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match=r"nowhere.toml: No such file or directory"):
        read_toml(tmp_path / "nowhere.toml")


def test_a_file_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidFileError, match="not UTF-8 text"):
        read_toml(file)
