import asyncio
import gzip
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import h11
import pytest

from rabta_agent.digest import simhash
from rabta_agent.network import RECEIVE_BUFFER_BYTES, Connection
from rabta_agent.probes.http import BODY_CAP_BYTES, Request, Stream, get
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.probes.tls import Hello, TlsStream, handshake
from rabta_agent.urls import WebUrl, parse_url
from rabta_proto.model import HttpRoundTrip
from rabta_proto.vocabulary import AddressSource
from support.peers import (
    Authority,
    Call,
    Peer,
    Script,
    close_after_hello,
    drip,
    flood,
    garbage,
    reset_after_hello,
    response,
    say,
    serve_http,
    silence,
)
from support.scenes import make_contexts, make_scene, within
from support.waiting import PATIENCE_S

MARKS = (("pta", "prohibited for viewership"), ("other", "nothing of the kind"))
CAP = BODY_CAP_BYTES["http"]
HEAD_BYTES = 32 * 1024


async def fetch(
    script: Script, seconds: float = 5.0, marks: tuple[tuple[str, str], ...] = MARKS
) -> tuple[Outcome[WebUrl | None], HttpRoundTrip]:
    """One request to one peer."""
    scene = make_scene()
    async with Peer(script) as peer:
        connection = await scene.network.connect(peer.host, peer.port, scene.meter)
        url = parse_url(f"http://site.example:{peer.port}/path?query")
        outcome = await get(scene, connection, Request(address=peer.host, url=url, marks=marks), within(seconds))
    assert isinstance(outcome.observation.detail, HttpRoundTrip)
    return outcome, outcome.observation.detail


async def test_a_page_is_digested_and_not_kept() -> None:
    body = b"<title>Blocked</title>This content is prohibited for viewership."
    outcome, seen = await fetch(say(response(body, status="403 Forbidden", headers={"Server": "wall", "X-Odd": "1"})))
    assert None is outcome.observation.failure
    assert (403, len(body), len(body), False, "Blocked", "wall") == (
        seen.status,
        seen.body_bytes,
        seen.declared_bytes,
        seen.truncated,
        seen.title,
        seen.server,
    )
    assert ("content-type", "content-length", "server", "x-odd") == seen.header_names
    assert (sha256(body).digest(), simhash(body), ("pta",)) == (seen.body_sha256, seen.body_simhash, seen.marks)


async def test_the_request_names_the_site_and_not_the_program() -> None:
    requests: list[h11.Request] = []

    def respond(request: h11.Request, body: bytes) -> bytes:
        requests.append(request)
        return response()

    _, seen = await fetch(serve_http(respond))
    headers = {name: value.lower() for name, value in requests[0].headers}
    assert (b"GET", b"/path?query") == (requests[0].method, requests[0].target)
    assert f"site.example:{seen.port}".encode() == headers[b"host"]
    assert not any(b"rabta" in value or b"python" in value for value in headers.values())
    assert b"gzip, deflate" == headers[b"accept-encoding"]


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (reset_after_hello, "connection_reset"),
        (close_after_hello, "eof_error"),
        (garbage, "http_invalid_response"),
        (say(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000), "http_invalid_response"),
        (
            say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
            "http_invalid_response",
        ),
        (flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000), "http_invalid_response"),
    ],
    ids=["rst", "fin", "garbage", "endless head", "switch", "interim responses without end"],
)
async def test_ends_are_kept_apart(script: Script, failure: str) -> None:
    outcome, seen = await fetch(script)
    assert (failure, None) == (outcome.observation.failure, seen.status)


async def test_silence_is_our_deadline() -> None:
    outcome, seen = await fetch(silence, 0.05)
    assert ("generic_timeout_error", None) == (outcome.observation.failure, seen.status)


@pytest.mark.parametrize("end", ["silence", "fin"])
async def test_what_had_come_before_a_failure_is_kept(end: str) -> None:
    partial = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<title>half</title>"
    outcome, seen = await fetch(drip(partial) if end == "silence" else say(partial), 0.2)
    assert {"silence": "generic_timeout_error", "fin": "eof_error"}[end] == outcome.observation.failure
    assert (200, 19, "half", 100) == (seen.status, seen.body_bytes, seen.title, seen.declared_bytes)


LONG = 100_000_000
AUTHORITY = Authority()
CONTEXTS = make_contexts(AUTHORITY)


def in_one_piece() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LONG
    for _ in range(LONG // 50_000):
        yield b"word " * 10_000


def in_chunks() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(LONG // 50_000):
        yield b"c350\r\n" + b"word " * 10_000 + b"\r\n"
    yield b"0\r\n\r\n"


def in_crumbs() -> Iterator[bytes]:
    """Chunks of one byte: six bytes on the wire for each that counts."""
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(LONG // 60_000):
        yield b"1\r\nx\r\n" * 10_000


def as_a_bomb() -> Iterator[bytes]:
    """A hundred bytes that decode to 100 kB, over and over."""
    stream = zlib.compressobj(wbits=31)
    yield b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    for _ in range(LONG // 100_000):
        yield stream.compress(bytes(100_000)) + stream.flush(zlib.Z_SYNC_FLUSH)


def of_nothing() -> Iterator[bytes]:
    """Compressed blocks without content, which decode to nothing however many come."""
    stream = zlib.compressobj(wbits=31)
    yield b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + stream.compress(b"")
    for _ in range(LONG // 50_000):
        yield b"\0\0\0\xff\xff" * 10_000


def count_sent(accepted: socket.socket) -> int:
    """Bytes of payload that have left a socket: tcpi_bytes_sent less tcpi_bytes_retrans of tcp_info (linux/tcp.h).

    A client that gets no processor for 200 ms makes the kernel say again what lies in its buffer already.
    """
    sent, again = struct.unpack_from("=QQ", accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 216), 200)
    return int(sent - again)


@dataclass(frozen=True)
class Cost:
    """What an answer came to: bytes that left the server, bytes on the volunteer's bill, and what was seen."""

    left: int
    billed: int
    seen: HttpRoundTrip
    failure: str | None


async def be_answered(scheme: str, answer: Callable[[], Iterator[bytes]]) -> Cost:
    """One request to a server that answers at length, for as long as anybody takes it."""
    left: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def script(call: Call) -> None:
        to = await call.secure(AUTHORITY.server("site.example")) if scheme == "https" else call
        await to.receive()
        before = count_sent(call.socket)
        try:
            for piece in answer():
                await to.send(piece)
            await call.wait_for_end()
        finally:
            left.set_result(count_sent(call.socket) - before)

    scene = make_scene()
    async with Peer(script) as peer:
        stream: Stream = await scene.network.connect(peer.host, peer.port, scene.meter)
        if scheme == "https":
            stream = await secure(scene, stream, peer.port)
        url = parse_url(f"{scheme}://site.example:{peer.port}/")
        before = scene.meter.received
        outcome = await get(scene, stream, Request(address=peer.host, url=url), within(PATIENCE_S))
        await asyncio.wait_for(left, PATIENCE_S)
    seen = outcome.observation.detail
    assert isinstance(seen, HttpRoundTrip)
    return Cost(
        left=left.result(), billed=scene.meter.received - before, seen=seen, failure=outcome.observation.failure
    )


async def secure(scene: Scene, connection: Connection, port: int) -> TlsStream:
    """A connection under TLS, for which everything so far is paid."""
    hello = Hello(address="127.0.0.1", port=port, server_name="site.example", source=AddressSource.SYSTEM)
    stream = (await handshake(scene, CONTEXTS, connection, hello, within())).value
    assert stream is not None
    connection.settle()
    return stream


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux counts what has left a socket")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("answer", [in_one_piece, in_chunks, in_crumbs, as_a_bomb, of_nothing])
async def test_a_hundred_megabytes_cost_no_more_than_the_cap_and_a_socket_buffer(
    scheme: str, answer: Callable[[], Iterator[bytes]]
) -> None:
    """Linux doubles the buffer; what is read under TLS is read in whole records; the last segment is on its way."""
    cost = await be_answered(scheme, answer)
    cap = BODY_CAP_BYTES[scheme]
    bound = cap * (2 if answer is in_crumbs else 1) + 2 * RECEIVE_BUFFER_BYTES + 8 * 1024
    bound += 16 * 1024 if scheme == "https" else 0
    assert (None, True) == (cost.failure, cost.seen.truncated)
    assert cost.seen.body_bytes <= cap
    assert cost.left <= bound
    assert cost.billed <= 1.1 * bound  # with headers


def of_interim_heads() -> Iterator[bytes]:
    """Interim responses (RFC 9110 section 15.2), of which any number may come before the one that counts."""
    for _ in range(LONG // 60_000):
        yield b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1_400


def of_one_head() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    for _ in range(LONG // 50_000):
        yield b"X-Word: word\r\n" * 3_500


def of_trailers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    for _ in range(LONG // 50_000):
        yield b"X-Word: word\r\n" * 3_500


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux counts what has left a socket")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("answer", [of_interim_heads, of_one_head, of_trailers])
async def test_what_stands_around_a_body_costs_no_more_than_a_head_and_two_bodies(
    scheme: str, answer: Callable[[], Iterator[bytes]]
) -> None:
    cost = await be_answered(scheme, answer)
    bound = HEAD_BYTES + 2 * BODY_CAP_BYTES[scheme] + 2 * RECEIVE_BUFFER_BYTES + 8 * 1024
    bound += 16 * 1024 if scheme == "https" else 0
    assert "http_invalid_response" == cost.failure
    assert cost.left <= bound
    assert cost.billed <= 1.1 * bound


async def test_a_body_that_never_quite_stops_is_our_deadline() -> None:
    """Each byte in time, and all of them never."""

    async def script(call: Call) -> None:
        await call.hear()
        await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await call.send(b"x")
            await asyncio.sleep(0.02)

    outcome, seen = await fetch(script, seconds=0.3)
    assert ("generic_timeout_error", 200) == (outcome.observation.failure, seen.status)
    assert 0 < seen.body_bytes < 1000


async def test_a_body_that_ends_with_the_connection_is_whole() -> None:
    outcome, seen = await fetch(say(b"HTTP/1.0 200 OK\r\n\r\nhello"))
    assert (None, 5, None, False) == (
        outcome.observation.failure,
        seen.body_bytes,
        seen.declared_bytes,
        seen.truncated,
    )


async def test_a_body_in_chunks_is_put_together() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    _, seen = await fetch(say(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
    assert sha256(b"abcde").digest() == seen.body_sha256


DEFLATED = {"gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("coding", DEFLATED)
async def test_a_compressed_page_is_the_same_page(coding: str) -> None:
    body = b"<title>Blocked</title>This content is prohibited for viewership. " * 20
    _, plain = await fetch(say(response(body)))
    _, seen = await fetch(say(response(DEFLATED[coding](body), headers={"Content-Encoding": coding})))
    assert (coding, "", None, len(body)) == (
        seen.content_encoding,
        plain.content_encoding,
        seen.declared_bytes,
        plain.declared_bytes,
    )
    for one in (plain, seen):
        assert (len(body), sha256(body).digest(), simhash(body), "Blocked", ("pta",)) == (
            one.body_bytes,
            one.body_sha256,
            one.body_simhash,
            one.title,
            one.marks,
        )


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
async def test_a_page_has_one_digest_whatever_way_it_was_sent(compress: Callable[[bytes], bytes]) -> None:
    """Its first bytes up to the cap, decoded."""
    body = " ".join(f"word{number * 7919 % 1009}" for number in range(9000)).encode()
    headers = {"Content-Encoding": "gzip"} if compress is gzip.compress else {}
    _, seen = await fetch(say(response(compress(body), headers=headers)))
    assert (CAP, True, sha256(body[:CAP]).digest()) == (seen.body_bytes, seen.truncated, seen.body_sha256)


async def test_a_compressed_body_that_breaks_is_no_failure_and_kept_as_far_as_it_goes() -> None:
    stream = zlib.compressobj(wbits=31)
    broken = stream.compress(b"<title>half</title>") + stream.flush(zlib.Z_SYNC_FLUSH) + b"\xff" * 50
    outcome, seen = await fetch(say(response(broken, headers={"Content-Encoding": "gzip"})))
    assert (None, 200, "half", 19) == (outcome.observation.failure, seen.status, seen.title, seen.body_bytes)


async def test_of_a_body_in_an_unknown_coding_only_the_length_is_told() -> None:
    body = b"<title>noise</title>prohibited for viewership"
    _, seen = await fetch(say(response(body, headers={"Content-Encoding": "BR"})))
    assert ("br", len(body), None, "", b"", None, ()) == (
        seen.content_encoding,
        seen.body_bytes,
        seen.declared_bytes,
        seen.title,
        seen.body_sha256,
        seen.body_simhash,
        seen.marks,
    )


async def test_a_word_that_is_no_coding_hides_no_page() -> None:
    body = b"<title>Blocked</title>prohibited for viewership"
    _, seen = await fetch(say(response(body, headers={"Content-Encoding": "UTF-8"})))
    assert ("utf-8", len(body), "Blocked", ("pta",)) == (
        seen.content_encoding,
        seen.declared_bytes,
        seen.title,
        seen.marks,
    )


async def test_two_codings_are_told_in_one_piece() -> None:
    _, seen = await fetch(say(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\ncontent-encoding: gzip\r\n\r\nnoise"))
    assert ("br, gzip", b"") == (seen.content_encoding, seen.body_sha256)


@pytest.mark.parametrize(
    ("value", "charset"),
    [
        ("text/html; charset=UTF-8", "utf-8"),
        ('text/html; Charset="windows-1256"; x=y', "windows-1256"),
        ("text/html", ""),
        ("text/html; charset=" + "x" * 100, "x" * 40),
        ("text/html; charset=39.45.1.2", "[address]"),
    ],
)
async def test_the_charset_is_what_the_header_declares(value: str, charset: str) -> None:
    _, seen = await fetch(say(response(b"<meta charset=koi8-r>", headers={"Content-Type": value})))
    assert charset == seen.charset


@pytest.mark.parametrize(
    ("encoding", "value"),
    [
        ("utf-16-le", "text/html; charset=utf-16le"),
        ("cp1256", "text/html; charset=windows-1256"),
        ("iso8859-6", "text/html; charset=iso-8859-6"),
        ("cp1256", "text/html"),
    ],
)
async def test_title_and_marks_are_found_where_the_charset_is_declared(encoding: str, value: str) -> None:
    meta = "<meta charset=windows-1256>" if "charset" not in value else ""
    page = f"{meta}<title>محجوب</title> هذا الموقع محجوب".encode(encoding)
    _, seen = await fetch(say(response(page, headers={"Content-Type": value})), marks=(("wall", "هذا الموقع"),))
    assert ("محجوب", ("wall",)) == (seen.title, seen.marks)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_the_version_is_the_responses(version: str) -> None:
    _, seen = await fetch(say(f"HTTP/{version} 200 OK\r\n\r\n".encode()))
    assert version == seen.http_version


async def test_without_a_response_there_is_no_version_and_no_body() -> None:
    _, seen = await fetch(garbage)
    assert ("", "", "", False, False) == (
        seen.http_version,
        seen.charset,
        seen.content_encoding,
        seen.chunked,
        seen.truncated,
    )


@pytest.mark.parametrize("coding", ["chunked", "Chunked"])
async def test_chunks_are_told(coding: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n".encode()
    _, chunked = await fetch(say(head + b"3\r\nabc\r\n0\r\n\r\n"))
    _, whole = await fetch(say(response(b"abc")))
    assert (True, False) == (chunked.chunked, whole.chunked)
    assert chunked.body_sha256 == whole.body_sha256


async def test_compressed_chunks_of_any_size_are_put_together() -> None:
    coded = gzip.compress(b"<title>in crumbs</title>")
    chunks = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in coded) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    outcome, seen = await fetch(say(head + chunks))
    assert (None, "in crumbs", True, False) == (
        outcome.observation.failure,
        seen.title,
        seen.chunked,
        seen.truncated,
    )


@pytest.mark.parametrize(
    "line", ["Server : wall", "a line of prose", "Bad Name: x", "Transfer-Encoding: identity", "Content-Length: none"]
)
async def test_a_block_page_with_a_careless_head_is_read_as_browsers_read_it(line: str) -> None:
    page = b"<title>Blocked</title>prohibited for viewership"
    outcome, seen = await fetch(say(f"HTTP/1.1 403 Forbidden\r\n{line}\r\nX-Odd: 1\r\n\r\n".encode() + page))
    assert (None, 403, "Blocked", ("pta",)) == (outcome.observation.failure, seen.status, seen.title, seen.marks)
    assert "x-odd" in seen.header_names


async def test_interim_responses_are_no_part_of_the_body() -> None:
    outcome, seen = await fetch(say(b"HTTP/1.1 100 Continue\r\n\r\n" * 3000 + response(b"hello")))
    assert (None, 5, False) == (outcome.observation.failure, seen.body_bytes, seen.truncated)


async def test_strict_transport_security_is_kept_up_to_a_length() -> None:
    policy = "max-age=31536000; includeSubDomains"
    _, seen = await fetch(say(response(headers={"Strict-Transport-Security": policy})))
    _, long = await fetch(say(response(headers={"Strict-Transport-Security": "x" * 1000})))
    assert (policy, "x" * 200) == (seen.strict_transport_security, long.strict_transport_security)


async def test_of_a_field_that_comes_twice_the_first_counts() -> None:
    _, seen = await fetch(say(b"HTTP/1.1 200 OK\r\nServer: first\r\nServer: second\r\n\r\n"))
    assert ("first", ("server", "server")) == (seen.server, seen.header_names)


async def test_no_name_and_no_value_of_a_header_shows_the_visitors_address() -> None:
    fields = {"X-39.45.1.2": "1", "Server": "39.45.1.2", "Strict-Transport-Security": "39.45.1.2"}
    _, seen = await fetch(say(response(headers={**fields, "Content-Encoding": "39.45.1.2"})))
    assert not any("39.45" in str(value) for value in (seen, *seen.header_names))
    assert "[address]" == seen.server == seen.content_encoding == seen.strict_transport_security


async def test_a_response_without_body_has_no_digest() -> None:
    _, seen = await fetch(say(response(status="204 No Content")))
    assert (204, b"", None) == (seen.status, seen.body_sha256, seen.body_simhash)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_leads_on_and_its_body_is_not_read(status: int) -> None:
    outcome, seen = await fetch(flood(f"HTTP/1.1 {status} Go\r\nLocation: /login\r\n\r\n".encode()))
    assert outcome.value is not None
    assert (f"http://site.example:{seen.port}/login", 0) == (str(outcome.value), seen.body_bytes)
    assert str(outcome.value) == seen.location


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/خبریں".encode(), "/%D8%AE%D8%A8%D8%B1%DB%8C%DA%BA"),
        ("/\xfc".encode("latin-1"), "/%FC"),
        (b"/%D8%AE", "/%D8%AE"),
    ],
    ids=["utf-8", "latin-1", "escaped"],
)
async def test_a_redirect_in_letters_beyond_ascii_leads_where_browsers_go(location: bytes, path: str) -> None:
    outcome, seen = await fetch(say(b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\n\r\n"))
    assert outcome.value is not None
    assert path == outcome.value.path
    assert seen.location.endswith(path)


@pytest.mark.parametrize("status", [200, 300, 304, 404])
async def test_only_a_redirect_leads_on(status: int) -> None:
    outcome, seen = await fetch(say(response(status=f"{status} x", headers={"Location": "/login"})))
    assert (None, "") == (outcome.value, seen.location)


async def test_a_redirect_that_names_nothing_is_the_page_that_browsers_show() -> None:
    outcome, seen = await fetch(say(response(b"<title>Moved</title>", status="302 Found", headers={"Location": ""})))
    assert (None, None, 302, "Moved") == (outcome.observation.failure, outcome.value, seen.status, seen.title)


async def test_a_redirect_to_nowhere_is_a_failure_with_its_status() -> None:
    outcome, seen = await fetch(say(response(status="302 Found", headers={"Location": "intent://x"})))
    assert ("http_invalid_redirect_location_host", 302) == (outcome.observation.failure, seen.status)
    assert (None, "intent://x") == (outcome.value, seen.location)


async def test_the_visitors_address_is_followed_but_not_recorded() -> None:
    location = "http://block.example/?ip=39.45.1.2"
    body = b"<title>39.45.1.2 is blocked</title>"
    outcome, seen = await fetch(say(response(body, status="302 Found", headers={"Location": location})))
    assert (location, "http://block.example/?ip=[address]") == (str(outcome.value), seen.location)
    _, page = await fetch(say(response(body)))
    assert "[address] is blocked" == page.title
    assert sha256(b"<title>[address] is blocked</title>").digest() == page.body_sha256


async def test_names_of_headers_are_bounded() -> None:
    headers = {f"X-{number}-{'x' * 100}": "1" for number in range(100)}
    _, seen = await fetch(say(response(headers=headers)))
    assert (64, 64) == (len(seen.header_names), max(map(len, seen.header_names)))


@pytest.mark.parametrize("length", ["abc", "-1", "9" * 30, "١"])
async def test_an_absurd_length_is_not_declared(length: str) -> None:
    _, seen = await fetch(say(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()))
    assert None is seen.declared_bytes
