import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.probes.body import Body

PAGE = b"<title>Blocked</title>" + b"This content is prohibited for viewership. " * 20
CAP = 4096


def deflate_raw(data: bytes) -> bytes:
    """A bare DEFLATE stream (RFC 1951)."""
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


ENCODERS = {"gzip": gzip.compress, "zlib": zlib.compress, "raw": deflate_raw, "plain": bytes}
CODINGS = {"gzip": "gzip", "zlib": "deflate", "raw": "deflate", "plain": ""}


def read(coding: str, data: bytes, cap: int = CAP, piece: int = 4096) -> Body:
    """A body that comes in pieces of one size, until it is enough."""
    body = Body(coding, cap)
    for start in range(0, len(data), piece):
        if body.add(data[start : start + piece]):
            break
    return body


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_a_body_is_decoded_in_whatever_pieces_it_comes(name: str, piece: int) -> None:
    body = read(CODINGS[name], ENCODERS[name](PAGE), piece=piece)
    assert (PAGE, False, True) == (bytes(body.decoded), body.truncated, body.legible)


@given(st.sampled_from(sorted(ENCODERS)), st.binary(max_size=3000), st.integers(1, 2000), st.integers(1, 500))
def test_what_is_read_is_the_beginning_of_the_page_up_to_the_cap(name: str, page: bytes, cap: int, piece: int) -> None:
    coded = ENCODERS[name](page)
    body = read(CODINGS[name], coded, cap, piece)
    assert page.startswith(bytes(body.decoded))
    assert len(body.decoded) <= cap
    assert body.truncated == (len(body.decoded) >= cap or len(coded) >= cap)
    assert body.truncated or page == bytes(body.decoded)


@given(st.sampled_from(["gzip", "x-gzip", "deflate", "", "br", "gzip, gzip"]), st.binary(max_size=500))
def test_any_bytes_under_any_coding_are_no_more_than_the_cap(coding: str, data: bytes) -> None:
    assert len(read(coding, data * 3, 100, 30).decoded) <= 100


@pytest.mark.parametrize("coding", ["gzip", "GZIP", " x-gzip "])
def test_a_coding_is_known_by_each_of_its_names(coding: str) -> None:
    assert PAGE == bytes(read(coding, gzip.compress(PAGE)).decoded)


@pytest.mark.parametrize("name", ["gzip", "zlib", "raw"])
def test_a_bomb_takes_no_more_memory_than_the_cap(name: str) -> None:
    bomb = ENCODERS[name](bytes(50_000_000))
    tracemalloc.start()
    body = read(CODINGS[name], bomb, piece=500)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (CAP, True) == (len(body.decoded), body.truncated)
    assert peak < 40 * CAP  # zlib's own window is 32 kB


def test_bytes_that_decode_to_nothing_are_read_up_to_the_cap_all_the_same() -> None:
    """A header of gzip without an end: its comment goes on for as long as it likes (RFC 1952 section 2.3)."""
    body = Body("gzip", CAP)
    pieces = 0
    while not body.add((b"" if pieces else b"\x1f\x8b\x08\x10" + bytes(6)) + b"x" * 100):
        pieces += 1
    assert (b"", True) == (bytes(body.decoded), body.truncated)
    assert 100 * pieces < CAP


@pytest.mark.parametrize("name", ["gzip", "zlib", "raw"])
@pytest.mark.parametrize("piece", [50, 4096])
def test_of_a_stream_that_breaks_is_kept_what_was_decoded(name: str, piece: int) -> None:
    """Text that cannot be compressed far, so that it breaks in its middle, with a block of a type that is none."""
    page = "".join(f"{number * 7919 % 10_007} " for number in range(400)).encode()
    stream = zlib.compressobj(wbits={"gzip": 31, "zlib": 15, "raw": -15}[name])
    sound = stream.compress(page) + stream.flush(zlib.Z_SYNC_FLUSH)
    body = read(CODINGS[name], sound + b"\xff" * 100, piece=piece)
    assert (page, False, True) == (bytes(body.decoded), body.truncated, body.legible)


def test_a_stream_that_breaks_behind_a_bomb_is_still_no_more_than_the_cap() -> None:
    stream = zlib.compressobj(wbits=31)
    sound = stream.compress(bytes(1_000_000)) + stream.flush(zlib.Z_SYNC_FLUSH)
    assert CAP == len(read("gzip", sound + b"\xff" * 100).decoded)


def test_a_stream_that_is_cut_gives_what_had_come() -> None:
    coded = gzip.compress(PAGE)
    decoded = bytes(read("gzip", coded[: len(coded) // 2]).decoded)
    assert decoded
    assert PAGE.startswith(decoded)


@pytest.mark.parametrize("piece", [1, 4096])
def test_what_is_called_gzip_and_is_none_is_taken_as_it_is(piece: int) -> None:
    assert PAGE == bytes(read("gzip", PAGE, piece=piece).decoded)


@pytest.mark.parametrize("after", [b"more" * 100, gzip.compress(b"more", mtime=0)])
def test_what_comes_after_the_end_of_a_stream_is_passed_over(after: bytes) -> None:
    assert PAGE == bytes(read("gzip", gzip.compress(PAGE) + after, piece=64).decoded)


def test_what_comes_after_a_break_is_passed_over() -> None:
    stream = zlib.compressobj(wbits=31)
    sound = stream.compress(PAGE) + stream.flush(zlib.Z_SYNC_FLUSH)
    assert PAGE == bytes(read("gzip", sound + b"\xff" * 10 + sound + gzip.compress(PAGE), piece=10).decoded)


@pytest.mark.parametrize(
    ("coding", "encoded", "legible"),
    [
        ("", False, True),
        ("identity", False, True),
        ("gzip", True, True),
        ("deflate", True, True),
        ("br", True, False),
        ("zstd", True, False),
        ("gzip, br", True, False),
        ("gzip, gzip", True, False),
        ("utf-8", False, True),
        ("none", False, True),
        ("identity, gzip", True, True),
    ],
)
def test_a_body_is_legible_in_the_codings_that_were_asked_for(coding: str, encoded: bool, legible: bool) -> None:
    body = read(coding, b"noise")
    assert (encoded, legible) == (body.encoded, body.legible)


@pytest.mark.parametrize("coding", ["identity, gzip", "gzip,", "utf-8, gzip"])
def test_a_word_that_is_no_coding_hides_none(coding: str) -> None:
    assert PAGE == bytes(read(coding, gzip.compress(PAGE)).decoded)


def test_bytes_of_an_unknown_coding_are_kept_as_they_are() -> None:
    assert b"noise" == bytes(read("br", b"noise").decoded)


def test_nothing_is_taken_once_the_cap_is_reached() -> None:
    stream = zlib.compressobj(wbits=31)
    first, second = (stream.compress(bytes(CAP)) + stream.flush(zlib.Z_SYNC_FLUSH) for _ in range(2))
    body = Body("gzip", CAP)
    assert body.add(first)
    assert body.add(second)
    assert CAP == len(body.decoded)
