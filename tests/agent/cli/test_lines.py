"""Lines that a person reads."""

from rabta_agent.cli.lines import LEAST, fold, hang, table, terminal_width
from rabta_agent.cli.paint import GREEN


def test_a_text_is_broken_between_words_and_never_within_one() -> None:
    assert ["aa bb", "cc"] == fold("aa bb cc", 5)
    assert ["aa", "https://x.example/a-long-path", "bb"] == fold("aa https://x.example/a-long-path bb", 10)
    assert [""] == fold("", 10)


def test_without_a_terminal_nothing_is_broken() -> None:
    assert ["word " * 100] == fold("word " * 100, None)
    assert terminal_width() is None  # pytest's output is none


def test_marks_that_show_nothing_take_no_room() -> None:
    assert ["\u2068aa\u2069 \u2068bb\u2069"] == fold("\u2068aa\u2069 \u2068bb\u2069", 5)


def test_further_lines_stand_below_the_text() -> None:
    assert "1. " + "a" * 20 + "\n   " + "b" * 20 == hang("1. ", "a" * 20 + " " + "b" * 20, 33)


def test_each_line_has_its_colour_and_the_space_before_it_has_none() -> None:
    text = hang("1. ", "a" * 20 + " " + "b" * 20, 33, GREEN)
    assert f"1. \x1b[32m{'a' * 20}\x1b[0m\n   \x1b[32m{'b' * 20}\x1b[0m" == text


def test_a_narrow_terminal_leaves_a_text_room_to_be_read() -> None:
    assert LEAST == len(hang(" " * 100, "a" * LEAST + " b", 20).splitlines()[0]) - 100


def test_names_stand_in_one_column() -> None:
    assert ["a   1", "bb  2"] == table([("a", "1"), ("bb", "2")], None)
    assert ["\x1b[1ma  \x1b[0m1"] == table([("a", "1")], 80, colour=True)
