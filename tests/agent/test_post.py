"""Calls by POST against servers that answer as told: what is reused, what an answer means, and what is too much."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
import pytest

from rabta_agent.endpoint import Endpoint, Way
from rabta_agent.line import Road
from rabta_agent.post import CONTENT_TYPE, MAX_ANSWER_BYTES, CallError, PostLink
from rabta_agent.traffic import Traffic
from support.ports import hold

GOOD = f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: 4\r\n\r\n\0\1\2\3".encode()


@dataclass(slots=True)
class Heard:
    """What a server was asked: heads and bodies, in order, and on how many connections."""

    endpoint: Endpoint
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def answering(answer: Callable[[int], bytes], *, hang_up: bool = False) -> AsyncIterator[Heard]:
    """A server that answers its nth request with these bytes."""
    heard = Heard(Endpoint(host="127.0.0.1", port=1, tls=False, way=Way.POST))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().partition("content-length: ")[2].partition("\r")[0])
                heard.heads.append(head)
                heard.bodies.append(await reader.readexactly(length))
                writer.write(answer(len(heard.heads)))
                if hang_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    heard.endpoint = Endpoint(host="127.0.0.1", port=port, tls=False, way=Way.POST)
    try:
        yield heard
    finally:
        server.close()


async def failure(answer: bytes, *, hang_up: bool = True) -> CallError:
    async with answering(lambda _: answer, hang_up=hang_up) as heard:
        link = PostLink(heard.endpoint, Road())
        with pytest.raises(CallError) as raised:
            await link.call("Exchange", b"message")
        link.close()
    assert "\n" not in str(raised.value)
    return raised.value


async def test_one_connection_bears_many_calls() -> None:
    traffic = Traffic()
    async with answering(lambda _: GOOD) as heard:
        link = PostLink(heard.endpoint, Road(), traffic)
        for _ in range(3):
            assert b"\0\1\2\3" == await link.call("Exchange", b"message", "Bearer a.s")
        link.close()
    assert (1, [b"message"] * 3) == (heard.connections, heard.bodies)
    assert heard.heads[0].startswith("POST /rabta.v1.Collector/Exchange HTTP/1.1\r\n")
    assert "authorization: bearer a.s" in heard.heads[0].lower()
    assert all(count > 3 * len(GOOD) for count in traffic.take())


async def test_a_large_message_goes_packed() -> None:
    async with answering(lambda _: GOOD) as heard:
        link = PostLink(heard.endpoint, Road())
        await link.call("Exchange", b"message" * 1000)
        link.close()
    assert "content-encoding: gzip" in heard.heads[0].lower()
    assert b"message" * 1000 == gzip.decompress(heard.bodies[0])


async def test_a_connection_that_was_closed_meanwhile_is_made_anew() -> None:
    async with answering(lambda _: GOOD, hang_up=True) as heard:
        link = PostLink(heard.endpoint, Road())
        await link.call("Exchange", b"one")
        async with asyncio.timeout(30):
            while not (link._open is None or link._open[0].at_eof()):  # noqa: ASYNC110 - the peer's FIN
                await asyncio.sleep(0.001)
        await link.call("Exchange", b"two")
        link.close()
    assert (2, [b"one", b"two"]) == (heard.connections, heard.bodies)


async def test_a_refusal_means_what_it_means_over_grpc() -> None:
    body = b'{"error": {"code": "unauthenticated", "message": "the credential\\nwas revoked"}}'
    head = f"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    refusal = await failure(head.encode() + body)
    assert (grpc.StatusCode.UNAUTHENTICATED, "the credential was revoked") == (refusal.code, str(refusal))


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
            "UNIMPLEMENTED",
            "HTTP status 200",
        ),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "UNIMPLEMENTED", "HTTP status 403"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", "UNIMPLEMENTED", "HTTP status 302"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "UNAVAILABLE", "HTTP status 502"),
        (b'HTTP/1.1 401 No\r\nContent-Length: 13\r\n\r\n{"error": []}', "UNIMPLEMENTED", "HTTP status 401"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 2000\r\n\r\n" + 2000 * b"[", "UNIMPLEMENTED", "HTTP status 401"),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "UNIMPLEMENTED", "does not speak HTTP"),
        (b"", "UNAVAILABLE", "closed in the midst"),
        (GOOD[:-1], "UNAVAILABLE", "closed in the midst"),
        (
            b"HTTP/1.0 200 OK\r\n\r\n" + bytes(MAX_ANSWER_BYTES + 1),
            "UNIMPLEMENTED",
            "sends more",
        ),
    ],
)
async def test_what_is_no_collectors_answer_is_trouble_and_no_refusal(answer: bytes, code: str, message: str) -> None:
    refusal = await failure(answer)
    assert (code, True) == (refusal.code.name, message in str(refusal))


async def test_nobody_there_is_trouble() -> None:
    link = PostLink(Endpoint(host="127.0.0.1", port=hold(), tls=False, way=Way.POST), Road())
    with pytest.raises(CallError, match="Connection refused") as raised:
        await link.call("Exchange", b"message")
    assert grpc.StatusCode.UNAVAILABLE is raised.value.code


async def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_a_call_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rabta_agent.post.CALL_S", 0.05)
    refusal = await failure(b"HTTP/1.1 100 Continue\r\n\r\n", hang_up=False)
    assert (grpc.StatusCode.UNAVAILABLE, "no answer within 0.05 s") == (refusal.code, str(refusal))
