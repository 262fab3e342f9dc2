import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.probes.head import HEAD_LIMIT, MendedHead, mend


class Pieces:
    """A source that gives these, and then has ended."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    async def receive(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


async def read(*pieces: bytes) -> bytes:
    """All that comes."""
    mended, said = MendedHead(Pieces(*pieces)), b""
    while data := await mended.receive():
        said += data
    return said


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[place : place + size] for place in range(0, len(data), size)]


SOUND = b"HTTP/1.1 200 OK\r\nServer: wall\r\nX-Empty: \r\nContent-Length: 5\r\n\r\n"


def test_a_head_without_mistakes_stays_as_it_is() -> None:
    assert SOUND == mend(SOUND)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"Server : wall", b"Server: wall"),
        (b"Server:wall", b"Server: wall"),
        (b"Server: a\r\n wall", b"Server: a wall"),
        (b"Content-Length: 5, 5", b"Content-Length: 5, 5"),
        (b"Transfer-Encoding: gzip, Chunked", b"Transfer-Encoding: chunked"),
        (b"Bad Name: x", b""),
        (b"a line of prose", b""),
        (b": x", b""),
        (b"Content-Length: abc", b""),
        (b"Content-Length: -1", b""),
        (b"Content-Length: " + b"9" * 30, b""),
        (b"Transfer-Encoding: identity", b""),
        (b" Server: goes on from nothing", b""),
    ],
)
def test_a_field_is_read_as_it_was_meant_or_left_out(written: bytes, meant: bytes) -> None:
    kept = meant + b"\r\n" if meant else b""
    assert b"HTTP/1.1 200 OK\r\n" + kept + b"X: y\r\n\r\n" == mend(
        b"HTTP/1.1 200 OK\r\n" + written + b"\r\nX: y\r\n\r\n"
    )


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_heads_are_mended_in_whatever_pieces_they_come_and_bodies_never(size: int) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nno field\r\n\r\n"
    head = b"HTTP/1.1 200 OK\nno field\nServer: wall\n\n"
    body = b"no field\r\n\r\nHTTP/1.1 200 OK\r\nno field\r\n\r\n"
    said = await read(*cut(interim * 2 + head + body, size))
    assert b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2 + b"HTTP/1.1 200 OK\r\nServer: wall\r\n\r\n" + body == said


async def test_what_comes_after_another_protocol_was_agreed_on_is_no_head() -> None:
    said = b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\nno field\r\n\r\n"
    assert said == await read(said)


async def test_bytes_that_are_no_http_are_handed_on_at_once() -> None:
    mended = MendedHead(Pieces(b"SSH-2.0-x", b"more"))
    assert b"SSH-2.0-x" == await mended.receive()


async def test_a_head_without_end_is_handed_on_for_what_it_is() -> None:
    pieces = [b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"y" * 1_000 + b"\r\n"] * 100]
    first = await MendedHead(Pieces(*pieces)).receive()
    assert HEAD_LIMIT < len(first) < HEAD_LIMIT + 2_000


async def test_a_head_that_is_cut_off_is_handed_on() -> None:
    assert b"HTTP/1.1 200 OK\r\nServ" == await read(b"HTTP/1.1 200 OK\r\n", b"Serv")


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=5), st.booleans())
async def test_any_bytes_are_borne(pieces: list[bytes], like_http: bool) -> None:
    said = await read(*([b"HTTP/1.1 200 OK\r\n"] if like_http else []), *pieces)
    assert bool(said) is bool(pieces or like_http)
