"""A DoH resolver that is against us: whatever it sends costs little, ends in time, and is no answer."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Callable

import pytest
from h2.connection import H2Connection

from rabta_agent.probes.dnswire import Question
from rabta_agent.probes.doh import DohClient
from rabta_agent.probes.step import Outcome, Scene
from support.dns_server import addresses, read_question, to_wire
from support.http2 import http2_context, reply, serve_http2
from support.peers import Authority, Call, Peer, Script, SecureCall, response, serve_https
from support.scenes import make_contexts, make_scene, within

AUTHORITY = Authority()
CONTEXTS = make_contexts(AUTHORITY)
HTTP_1, HTTP_2 = AUTHORITY.server("127.0.0.1"), http2_context(AUTHORITY, "127.0.0.1")
X = Question(hostname="x.com", type="A")
MOST_BYTES = 64 * 1024  # of traffic, for one query
MOST_MEMORY = 4 * 1024 * 1024
SOON_S, SLACK_S = 0.3, 10.0  # slack: of a machine that does other work, too
BOMB = gzip.compress(bytes(32 * 1024 * 1024))


def to(query: bytes, *, identifier: int = 0, name: bytes = b"\x01x\x03com\x00") -> bytes:
    """An honest answer, but for what the test says."""
    question = read_question(query)
    assert question is not None
    wire = to_wire(addresses("104.244.42.1"), question).replace(b"\x01x\x03com\x00", name)
    return identifier.to_bytes(2, "big") + wire[2:]


def answers(make: Callable[[bytes], bytes]) -> Script:
    return serve_https(HTTP_1, lambda request, body: response(make(body)))


def answers_2(make: Callable[[bytes], bytes]) -> Script:
    return serve_http2(HTTP_2, lambda connection, stream, body: reply(connection, stream, make(body)))


def bomb(connection: H2Connection, stream: int, _: bytes) -> None:
    connection.send_headers(stream, [(":status", "200"), ("content-encoding", "gzip")])
    connection.send_data(stream, BOMB[:16_000], end_stream=True)


async def unfolding_head(call: Call) -> None:
    """A field of 3,000 bytes that HPACK keeps in its table, and names 12,000 times again in a byte (RFC 7541)."""
    secure = await call.secure(HTTP_2)
    await secure.receive()
    block = b"\x88" + b"\x40\x06x-bomb" + b"\x7f\xb9\x16" + b"b" * 3000 + b"\xbe" * 12_000
    frame = len(block).to_bytes(3, "big") + b"\x01\x04\x00\x00\x00\x01" + block
    await secure.send(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + frame)
    await secure.receive()


def with_records(count: int) -> Callable[[bytes], bytes]:
    """Of a head that promises 65,535 records, with so many behind it."""

    def make(query: bytes) -> bytes:
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x68\xf4\x2a\x01"
        return query[:2] + b"\x81\x80\x00\x01\xff\xff\x00\x00\x00\x00" + query[12:] + record * count

    return make


def says_for_ever(head: bytes, more: bytes, pause_s: float = 0.0) -> Script:
    async def script(call: Call) -> None:
        secure: SecureCall = await call.secure(HTTP_1)
        await secure.receive()
        await secure.send(head)
        while True:
            await secure.send(more)
            await asyncio.sleep(pause_s)

    return script


SCRIPTS: dict[str, Script] = {
    "wrong id": answers(lambda query: to(query, identifier=7)),
    "wrong id, HTTP/2": answers_2(lambda query: to(query, identifier=7)),
    "wrong name": answers(lambda query: to(query, name=b"\x01y\x03com\x00")),
    "wrong name, HTTP/2": answers_2(lambda query: to(query, name=b"\x01y\x03com\x00")),
    "a query": answers(lambda query: query),
    "more records than there are": answers(with_records(3)),
    "many records, and more promised": answers_2(with_records(500)),
    "names that name themselves": answers(lambda query: query[:2] + b"\x81\x80\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"),
    "gzip bomb": serve_https(HTTP_1, lambda request, body: response(BOMB, headers={"Content-Encoding": "gzip"})),
    "gzip bomb, HTTP/2": serve_http2(HTTP_2, bomb),
    "head bomb, HTTP/2": unfolding_head,
    "head without end": says_for_ever(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 50),
    "line without end": says_for_ever(b"HTTP/1.1 200 ", b"O" * 1000),
    "one interim answer after the other": says_for_ever(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20),
    "settings without end, HTTP/2": serve_http2(
        HTTP_2, lambda connection, stream, body: [connection.update_settings({4: n + 70_000}) for n in range(3000)][:0]
    ),
}


async def ask(script: Script, seconds: float) -> tuple[Outcome[tuple[str, ...]], Scene, float]:
    """One query; what came of it, what it cost, and how long it took."""
    scene, client = make_scene(), DohClient(CONTEXTS, look_up)
    async with Peer(script) as peer:
        began = asyncio.get_running_loop().time()
        outcome = await client.query(scene, f"https://127.0.0.1:{peer.port}/dns-query", X, within(seconds))
        took_s = asyncio.get_running_loop().time() - began
        await client.close()
    return outcome, scene, took_s


async def look_up(scene: Scene, host: str, deadline: float) -> tuple[str, ...]:
    return ()


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def test_what_a_hostile_resolver_says_is_no_answer_and_costs_little(script: Script) -> None:
    tracemalloc.start()
    try:
        outcome, scene, _ = await ask(script, 30.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert outcome.value is None
    assert outcome.observation.failure in ("dns_server_misbehaving", "http_invalid_response")
    assert scene.meter.received < MOST_BYTES
    assert peak < MOST_MEMORY


async def dripping_2(call: Call) -> None:
    """HTTP/2, a byte at a time, of a frame that never ends."""
    secure = await call.secure(HTTP_2)
    await secure.receive()
    await secure.send(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\x00\x3f\xff\x00\x00\x00\x00\x00\x01")
    while True:
        await secure.send(b"d")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "script",
    [
        says_for_ever(b"HTTP/1.1 200 OK\r\n", b"x", 0.01),
        says_for_ever(b"HTTP/1.1 200 OK\r\nContent-Length: 16000\r\n\r\n", b"x", 0.01),
        dripping_2,
    ],
    ids=["head", "body", "frame"],
)
async def test_one_that_drips_is_waited_for_until_the_deadline_and_no_longer(script: Script) -> None:
    outcome, scene, took_s = await ask(script, SOON_S)
    assert "generic_timeout_error" == outcome.observation.failure
    assert took_s < SOON_S + SLACK_S
    assert scene.meter.received < MOST_BYTES


async def test_the_same_server_is_believed_where_it_is_honest() -> None:
    """So that what is refused above is refused for what is wrong with it."""
    for script in (answers(to), answers_2(to)):
        assert ("104.244.42.1",) == (await ask(script, 30.0))[0].value
