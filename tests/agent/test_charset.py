import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.charset import choose, is_wide, read_text

URDU = "یہ ویب سائٹ بند ہے"
ARABIC = "هذا الموقع محجوب"


def read(body: bytes, declared: str = "") -> str:
    return read_text(body, choose(body, declared))


@given(st.binary(max_size=300), st.text(max_size=60))
def test_any_bytes_under_any_name_are_a_text(body: bytes, declared: str) -> None:
    assert isinstance(read(body, declared), str)


@given(st.text(st.characters(codec="latin-1"), max_size=60))
def test_any_name_within_the_page_gives_a_text(name: str) -> None:
    assert isinstance(read(f"<meta charset='{name}'>".encode("latin-1")), str)


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        (URDU, "utf-8", "utf-8"),
        (URDU, "utf-16-le", "utf-16le"),
        (URDU, "utf-16-be", "UTF-16BE"),
        (URDU, "utf-16-le", "utf-16"),
        (ARABIC, "cp1256", "windows-1256"),
        (ARABIC, "iso8859-6", "ISO-8859-6"),
        ("“quoted” €", "cp1252", "iso-8859-1"),
        ("été", "iso8859-1", "latin1"),
        ("Заблокировано", "koi8-r", "koi8-r"),
        ("已封锁", "gb18030", "gb2312"),
        ("ブロック", "shift_jis", "shift_jis"),
        ("차단", "cp949", "euc-kr"),
    ],
)
def test_a_page_is_read_in_the_encoding_that_its_header_declares(text: str, encoding: str, declared: str) -> None:
    assert text == read(text.encode(encoding), declared)


@pytest.mark.parametrize(
    "element",
    [
        '<meta charset="windows-1256">',
        "<META CHARSET = windows-1256 />",
        "<meta http-equiv='Content-Type' content='text/html; charset=windows-1256'>",
    ],
)
def test_where_the_header_says_nothing_the_page_does(element: str) -> None:
    assert ARABIC in read((element + ARABIC).encode("cp1256"))


def test_the_header_goes_before_the_page_and_a_byte_order_mark_before_both() -> None:
    claims = b"<meta charset=koi8-r>"
    assert ARABIC in read(claims + ARABIC.encode("cp1256"), "windows-1256")
    assert ARABIC == read(b"\xef\xbb\xbf" + ARABIC.encode(), "windows-1256")
    assert ARABIC == read(ARABIC.encode("utf-16"), "windows-1256")
    assert ARABIC == read(b"\xfe\xff" + ARABIC.encode("utf-16-be"), "utf-16le")


@pytest.mark.parametrize(
    "declared", ["", "no-such", "hex", "rot13", "punycode", "idna", "unicode_escape", "utf-7", "a\0"]
)
def test_any_other_name_is_as_good_as_none(declared: str) -> None:
    assert "utf-8" == choose(b"", declared)
    assert "cp1256" == choose(b"<meta charset=windows-1256>", declared)


def test_a_page_that_can_be_read_to_say_utf_16_is_not_in_it() -> None:
    assert "utf-8" == choose(b"<meta charset=utf-16>", "")


def test_a_letter_that_is_cut_is_no_reason_to_give_up() -> None:
    assert "ہے\ufffd" == read("ہےب".encode()[:-1])


def test_the_wide_encodings_are_told() -> None:
    assert [True, True, False, False] == [is_wide(name) for name in ("utf-16-le", "utf-16-be", "utf-8", "cp1256")]


def test_a_page_of_nothing_but_beginnings_is_searched_in_no_time() -> None:
    """Seconds if each of them were searched for to the end of the page."""
    begun = time.process_time()
    choose(b"<meta " * 50_000, "")
    assert time.process_time() - begun < 1.0
