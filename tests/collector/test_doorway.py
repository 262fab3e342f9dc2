"""Connections of the web side: bounded in number, in what they may say, and in time without getting anywhere."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from rabta_collector import doorway
from rabta_collector.config import Endpoint
from rabta_collector.doorway import Bounds, Doorway
from rabta_collector.listeners import HttpListener
from rabta_collector.web import make_app
from support.country import Country
from support.waiting import PATIENCE_S, until

NEVER_S = 1e9
STILL = Bounds(sweep_s=NEVER_S)  # the test sweeps
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Door:
    """A listener whose clock and broom the test holds."""

    listener: HttpListener
    seconds: float = 0.0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def doorway(self) -> Doorway:
        assert self.listener._doorway is not None
        return self.listener._doorway

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.listener.endpoint.port)

    async def held(self, count: int) -> None:
        await until(lambda: len(self.doorway._doors) == count)

    def pass_time(self, seconds: float) -> None:
        """In steps, as a broom that comes every second would see it."""
        self.doorway.sweep()
        self.seconds += seconds
        self.doorway.sweep()


@asynccontextmanager
async def opened(bounds: Bounds = STILL) -> AsyncIterator[Door]:
    app = make_app(Country())
    listener = HttpListener(app, bounds=bounds)
    door = Door(listener)

    async def slow(_: web.Request) -> web.Response:
        await door.released.wait()
        return web.Response(text="late")

    async def read(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=bytes(50_000_000))

    app.router.add_get("/slow", slow)
    app.router.add_post("/read", read)
    app.router.add_get("/large", large)
    await listener.start(Endpoint(host="127.0.0.1", port=0))
    door.doorway._now = lambda: door.seconds
    try:
        yield door
    finally:
        door.released.set()
        await listener.stop()


async def answer_to(door: Door, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what is said before the connection ends."""
    reader, writer = await door.connect()
    async with asyncio.timeout(PATIENCE_S):
        writer.write(request)
        said = await reader.read()
    writer.close()
    head, _, body = said.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


async def ended(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await reader.read() == b""
        except ConnectionError:
            return True


@pytest.mark.parametrize(
    "request_text",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n<script>: 1\r\n\r\n",
        b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(100)) + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_what_cannot_be_read_is_answered_in_the_one_form_and_with_none_of_its_words(request_text: bytes) -> None:
    async with opened() as door:
        status, headers, body = await answer_to(door, request_text)
    error = json.loads(body)["error"]
    assert (400, "bad_request", "the request cannot be read") == (status, error["code"], error["message"])
    assert ("rabta", "nosniff", "no-referrer", True) == (
        headers["Server"],
        headers["X-Content-Type-Options"],
        headers["Referrer-Policy"],
        "frame-ancestors 'none'" in headers["Content-Security-Policy"],
    )


async def test_a_body_larger_than_the_side_takes_is_refused_in_the_one_form() -> None:
    async with opened() as door:
        head = b"POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5000\r\n\r\n"
        status, _, body = await answer_to(door, head + bytes(5000))
        assert (413, "request_entity_too_large") == (status, json.loads(body)["error"]["code"])


async def test_a_head_that_drips_in_ends_in_time_however_it_drips() -> None:
    async with opened() as door:
        reader, writer = await door.connect()
        await door.held(1)
        for byte in b"GET / HTTP/1.1\r\nX: aaaaaaaaaaaa":
            writer.write(bytes((byte,)))
            await writer.drain()
            door.pass_time(doorway.HEAD_S / 20)
        assert await ended(reader)
        assert (1, 0) == (door.doorway.cut, len(door.doorway._doors))
        writer.close()


async def test_a_connection_that_says_nothing_ends_before_and_after_a_request() -> None:
    async with opened() as door:
        silent, silent_writer = await door.connect()
        served, served_writer = await door.connect()
        served_writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await served.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")
        await door.held(2)
        door.pass_time(doorway.HEAD_S + 1)
        assert await ended(silent)
        assert await ended(served)
        silent_writer.close()
        served_writer.close()


async def test_a_body_that_drips_in_ends_in_time() -> None:
    async with opened() as door:
        reader, writer = await door.connect()
        writer.write(b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nx")
        await until(lambda: any(one._current_request for one in door.doorway._doors))
        door.pass_time(doorway.BODY_S - 1)
        assert 0 == door.doorway.cut
        writer.write(b"x")
        door.pass_time(2)
        assert await ended(reader)
        writer.close()


async def test_an_answer_of_which_nothing_is_taken_ends_in_time() -> None:
    async with opened() as door:
        reader, writer = await door.connect()
        reader._transport.pause_reading()  # type: ignore[attr-defined] # nobody reads
        writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: any(one._unsent() for one in door.doorway._doors))

        def gone() -> bool:
            door.pass_time(doorway.STALL_S + 1)  # what the kernel still takes is progress
            return not door.doorway._doors

        await until(gone)
        assert 1 == door.doorway.cut
        writer.close()


async def test_an_answer_that_takes_long_to_make_is_waited_for() -> None:
    async with opened() as door:
        reader, writer = await door.connect()
        writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: any(one._current_request for one in door.doorway._doors))
        door.pass_time(1000)
        door.released.set()
        async with asyncio.timeout(PATIENCE_S):
            assert (await reader.readuntil(b"late")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_so_many_connections_and_no_more() -> None:
    async with opened(Bounds(connections=3, sweep_s=NEVER_S)) as door:
        held = [await door.connect() for _ in range(3)]
        await door.held(3)
        reader, writer = await door.connect()
        assert await ended(reader)
        assert 1 == door.doorway.turned_away
        held[0][1].close()
        await door.held(2)
        status, _, _ = await answer_to(door, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert 200 == status
        for _, other in (*held, (reader, writer)):
            other.close()


async def test_one_prefix_cannot_have_all_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway.Prefixes, "of", lambda self, address, now: b"198.51.100.0/24, hashed")
    async with opened(Bounds(per_prefix=2, sweep_s=NEVER_S)) as door:
        held = [await door.connect() for _ in range(2)]
        await door.held(2)
        reader, writer = await door.connect()
        assert await ended(reader)
        for _, other in (*held, (reader, writer)):
            other.close()
        await door.held(0)
        assert {} == dict(door.doorway._held)  # nobody is remembered


async def test_the_broom_comes_by_itself() -> None:
    async with opened(Bounds(sweep_s=0.01)) as door:
        reader, writer = await door.connect()
        await door.held(1)
        door.doorway.sweep()
        door.seconds += doorway.HEAD_S + 1
        assert await ended(reader)
        writer.close()


async def test_this_machine_itself_may_have_as_many_as_there_are_for_a_proxy_stands_there() -> None:
    async with opened(Bounds(per_prefix=1, sweep_s=NEVER_S)) as door:
        held = [await door.connect() for _ in range(3)]
        await door.held(3)
        for _, writer in held:
            writer.close()
