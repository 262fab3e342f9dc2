from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.digest import blank_addresses, digest, find_marks, read_title, simhash

WORDS = " ".join(f"word{number}" for number in range(300)).encode()


def distance(first: bytes, second: bytes) -> int:
    """Bits in which the SimHashes of two texts differ."""
    one, other = simhash(first), simhash(second)
    assert one is not None
    assert other is not None
    return (one ^ other).bit_count()


@given(st.binary(max_size=2000))
def test_any_bytes_have_a_digest_a_title_and_a_simhash(body: bytes) -> None:
    value = simhash(body)
    assert value is None or 0 <= value < 2**64
    assert len(read_title(body)) <= 160
    assert digest(blank_addresses(body)) is not None


def test_near_texts_differ_in_few_bits_and_others_in_many() -> None:
    near = WORDS.replace(b"word17 ", b"changed ")
    far = " ".join(f"other{number}" for number in range(300)).encode()
    assert distance(WORDS, near) <= 8 < 20 < distance(WORDS, far)


def test_simhash_counts_bits_over_distinct_words() -> None:
    """The lanes are only a faster way to add: held against the definition, a loop over 64 bits."""
    from hashlib import blake2b

    hashes = [int.from_bytes(blake2b(word, digest_size=8).digest(), "little") for word in set(WORDS.split())]
    expected = sum(1 << bit for bit in range(64) if sum(value >> bit & 1 for value in hashes) * 2 > len(hashes))
    assert expected == simhash(WORDS)


def test_a_body_without_words_has_no_simhash() -> None:
    assert None is simhash(b"")
    assert None is simhash(b" \n--")


def test_an_empty_body_has_no_digest() -> None:
    assert b"" == digest(b"")
    assert sha256(b"x").digest() == digest(b"x")


def test_two_visitors_of_a_page_that_prints_their_address_see_the_same_page() -> None:
    first, second = (b"Blocked. Your IP: " + address for address in (b"39.45.1.2", b"111.68.9.200"))
    assert digest(blank_addresses(first)) == digest(blank_addresses(second))


@given(st.binary(max_size=500))
def test_blanking_leaves_bytes_that_hold_no_address(body: bytes) -> None:
    if b"." not in body and b":" not in body:
        assert body == blank_addresses(body)


@pytest.mark.parametrize(
    ("body", "charset", "expected"),
    [
        (b"<html><TITLE lang='en'>\n X &amp;  Y\t</TITLE>", "", "X & Y"),
        ("<title>رابطہ</title>".encode(), "utf-8", "رابطہ"),
        ("<title>é</title>".encode("latin-1"), "iso-8859-1", "é"),
        (b"<title>cut in the middle", "", "cut in the middle"),
        (b"<title>x</title>", "no-such-charset", "x"),
        (b"<title>x</title>", "idna", "x"),
        (b"<titles>x</titles>", "", ""),
        (b"no title", "", ""),
        (b"<title>You are 39.45.1.2</title>", "", "You are [address]"),
    ],
)
def test_the_title_is_one_line_of_plain_text(body: bytes, charset: str, expected: str) -> None:
    assert expected == read_title(body, charset)


def test_a_long_title_is_cut() -> None:
    assert 160 == len(read_title(b"<title>" + b"x" * 5000 + b"</title>"))


def test_marks_are_found_by_their_text() -> None:
    marks = (("pta", "prohibited for viewership"), ("urdu", "ممنوع"), ("other", "welcome"), ("empty", ""))
    body = "<p>The content is prohibited for viewership. ممنوع</p>".encode()
    assert ("pta", "urdu") == find_marks(body, marks)
