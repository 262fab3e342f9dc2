import re
import time
from hashlib import blake2b, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.digest import Summary, blank_addresses, digest, find_marks, read_title, simhash, summarise

WORDS = " ".join(f"word{number}" for number in range(300)).encode()


def distance(first: bytes, second: bytes) -> int:
    """Bits in which the SimHashes of two texts differ."""
    one, other = simhash(first), simhash(second)
    assert one is not None
    assert other is not None
    return (one ^ other).bit_count()


@given(st.binary(max_size=2000), st.sampled_from(["", "utf-8", "utf-16", "windows-1256", "iso-2022-jp", "no-such"]))
def test_any_bytes_have_a_summary(body: bytes, charset: str) -> None:
    summary = summarise(body, charset, [("mark", "x")])
    assert summary.simhash is None or 0 <= summary.simhash < 2**64
    assert len(summary.title) <= 160
    assert len(summary.sha256) in (0, 32)


@given(st.binary(max_size=300) | st.text(alphabet="ab_1Z .-<é\n", max_size=300).map(str.encode))
def test_a_simhash_is_what_most_words_say_of_each_bit(body: bytes) -> None:
    hashes = [blake2b(word, digest_size=8).digest() for word in set(re.findall(rb"[0-9A-Za-z_]+", body.lower()))]
    counts = [sum(one[bit // 8] >> bit % 8 & 1 for one in hashes) for bit in range(64)]
    expected = sum(1 << bit for bit, count in enumerate(counts) if count > len(hashes) / 2)
    assert (expected if hashes else None) == simhash(body)


def test_the_summary_of_an_empty_page_is_empty() -> None:
    assert Summary() == summarise(b"", "utf-8", [("mark", "x")])


def test_the_summary_of_a_page_is_all_of_these() -> None:
    body = b"<title>Blocked</title> for 39.45.1.2 by order"
    blanked = body.replace(b"39.45.1.2", b"[address]")
    expected = Summary(sha256=sha256(blanked).digest(), simhash=simhash(blanked), title="Blocked", marks=("order",))
    assert expected == summarise(body, "", [("order", "by order"), ("other", "no order")])


PERSIAN = "<html><title>سایت بسته است</title>این وب سایت مسدود است <b>by order 17</b>"
WALL = (("wall", "وب سایت مسدود"), ("order", "by order 17"), ("other", "welcome"))


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [("utf-8", "utf-8"), ("utf-8", ""), ("utf-16-le", "utf-16le"), ("utf-16-be", "utf-16be"), ("utf-16", "")],
)
def test_title_and_marks_are_found_in_the_encoding_of_the_page(encoding: str, charset: str) -> None:
    summary = summarise(PERSIAN.encode(encoding), charset, WALL)
    assert ("سایت بسته است", ("wall", "order")) == (summary.title, summary.marks)


@pytest.mark.parametrize(
    ("text", "encoding", "charset"),
    [
        ("محجوب هذا", "cp1256", "windows-1256"),
        ("محجوب هذا", "iso8859-6", "iso-8859-6"),
        ("bloqué", "cp1252", "iso-8859-1"),
    ],
)
def test_so_they_are_in_encodings_of_one_byte(text: str, encoding: str, charset: str) -> None:
    summary = summarise(f"<title>{text}</title>".encode(encoding), charset, [("text", text)])
    assert (text, ("text",)) == (summary.title, summary.marks)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_page_in_utf_16_is_the_same_page_as_in_utf_8(encoding: str) -> None:
    """And no address of its visitor is in its digest."""
    page = "<title>x</title> You are {}, of many words"
    first, second = (summarise(page.format(who).encode(encoding), encoding, []) for who in ("39.45.1.2", "111.68.9.2"))
    assert first == second == summarise(page.format("39.45.1.2").encode(), "utf-8", [])


def test_a_mark_is_found_in_utf_8_whatever_the_header_claims() -> None:
    assert ("wall",) == summarise("<p>وب سایت مسدود</p>".encode(), "windows-1256", WALL).marks


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
    ("text", "expected"),
    [
        ("<html><TITLE lang='en'>\n X &amp;  Y\t</TITLE>", "X & Y"),
        ("<title>رابطہ</title>", "رابطہ"),
        ("<title>cut in the middle", "cut in the middle"),
        ("<titles>x</titles>", ""),
        ("no title", ""),
        ("<title>You are 39.45.1.2</title>", "You are [address]"),
    ],
)
def test_the_title_is_one_line_of_plain_text(text: str, expected: str) -> None:
    assert expected == read_title(text)


def test_a_long_title_is_cut() -> None:
    assert 160 == len(read_title("<title>" + "x" * 5000 + "</title>"))


def test_a_page_of_nothing_but_beginnings_is_searched_in_no_time() -> None:
    """Seconds if each of them were searched for to the end of the page."""
    begun = time.process_time()
    assert "" == read_title("<title " * 50_000)
    assert time.process_time() - begun < 1.0


def test_marks_are_found_by_their_text() -> None:
    marks = (("pta", "prohibited for viewership"), ("urdu", "ممنوع"), ("other", "welcome"), ("empty", ""))
    text = "<p>The content is prohibited for viewership. ممنوع</p>"
    assert ("pta", "urdu") == find_marks(b"", text, marks)
    assert ("pta", "urdu") == find_marks(text.encode(), "", marks)
