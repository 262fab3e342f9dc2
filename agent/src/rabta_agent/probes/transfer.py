"""Step `transfer`: one timed read of an object over a connection of its own: TCP, TLS, one request, a part of the body.

How fast the body comes is what is measured, so running out of the read's time is no failure: what had come by then,
and when, stands in the observation. A throttled flow lets its first bytes through and is then held down, so the curve
is kept: the moment of each eighth of the bytes wanted, and what had come at random instants, which no pacing can step
aside for. Counted are bytes as they come over the wire, with the response's head and TLS's own: a record of TLS, up to
16 kB, is whole only with its last byte, and on a line that is held down that is a second. The server is asked for no
more than is wanted (RFC 9110 section 14); what one sends beyond, the receive buffer bounds.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import h11

from rabta_agent.network import Connection
from rabta_agent.probes.head import HEAD_LIMIT, MendedHead
from rabta_agent.probes.http import BROWSER, next_event
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.probes.tls import Engine, TlsStream, shake
from rabta_agent.probes.tlscontexts import TlsContexts
from rabta_agent.tcpinfo import TcpFacts
from rabta_agent.urls import URL_LIMIT, WebUrl
from rabta_proto.model import Transfer, TransferPoint
from rabta_proto.vocabulary import AddressSource, TransferKind

BUFFER_BYTES = 64 * 1024
"""What the kernel takes in ahead of us: so much may be paid for and not wanted; as a window it fills most lines."""

INSTANT_S = 0.25
POINTS_LIMIT = 60
WHOLE = (200, 206)
_EIGHTHS = 8
_RANGE = re.compile(r"bytes \d{1,18}-\d{1,18}/(\d{1,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be read, where, and under which name. `seconds` from the request are given to the body."""

    kind: TransferKind
    turn: int
    address: str
    source: AddressSource
    url: WebUrl
    server_name: str
    wanted: int
    seconds: float

    @property
    def verify(self) -> bool:
        """A certificate is asked for the target's own name: an innocuous one is not the server's."""
        return self.url.tls and self.kind is not TransferKind.CONTROL

    @property
    def authority(self) -> str:
        """Value of Host: over TLS nobody on the way reads it, so it is the object's own."""
        plain_control = self.kind is TransferKind.CONTROL and not self.url.tls
        return self.server_name if plain_control else self.url.authority


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What has come so far. Times are microseconds; those of the body count from the request."""

    wanted: int
    rng: Random
    elapsed_us: Callable[[], int]
    received: int = 0
    limit: int = 0
    connect_us: int | None = None
    handshake_us: int | None = None
    verified: bool = False
    asked_at: int | None = None
    first_byte_us: int | None = None
    status: int | None = None
    declared: int | None = None
    came: int = 0
    body: int = 0
    done: bool = False
    read_us: int | None = None
    curve: list[TransferPoint] = field(default_factory=list)
    facts: TcpFacts = field(default_factory=TcpFacts)
    _instant_us: float = 0.0
    _eighth: int = 1

    def begin(self) -> None:
        """The request is sent now."""
        self.asked_at = self.elapsed_us()
        self._instant_us = self._draw()

    def since_us(self) -> int:
        return self.elapsed_us() - (self.asked_at or 0)

    def hear(self) -> None:
        if self.first_byte_us is None:
            self.first_byte_us = self.since_us()

    def come(self, size: int) -> None:
        """Counts what came over the wire since the request."""
        if self.asked_at is None:
            return
        now = self.since_us()
        self._pass_instants(now)
        self.came = min(self.wanted, self.came + size)
        if self.came * _EIGHTHS >= self._eighth * self.wanted:
            self._eighth = self.came * _EIGHTHS // self.wanted + 1
            self._note(now)
        self.read_us = now

    def take(self, size: int) -> bool:
        """Counts a piece of the body; whether it is enough."""
        self.body = min(self.wanted, self.body + size)
        self.done = self.body >= self.wanted
        return self.done

    def end(self) -> None:
        """The read's time is over before all had come."""
        self.read_us = self.since_us()
        self._pass_instants(self.read_us)
        self._note(self.read_us)

    @property
    def bytes(self) -> int:
        """Of a body that came whole, its own; else what came of the response."""
        if self.status is not None and self.status not in WHOLE:
            return 0
        return self.body if self.done else min(self.came, self.wanted - 1)

    def _pass_instants(self, now: int) -> None:
        while self._instant_us <= now:
            self._note(round(self._instant_us))
            self._instant_us += self._draw()

    def _note(self, at_us: int) -> None:
        if len(self.curve) < POINTS_LIMIT:
            self.curve.append(TransferPoint(offset_us=at_us, bytes=self.came))

    def _draw(self) -> float:
        return self.rng.expovariate(1 / INSTANT_S) * 1e6


async def read(scene: Scene, contexts: TlsContexts, order: Order, rng: Random, deadline: float) -> Outcome[None]:
    """Reads once; the connection is closed whatever comes."""
    reading = _Reading(wanted=order.wanted, rng=rng, elapsed_us=scene.elapsed_us, limit=HEAD_LIMIT + 2 * order.wanted)
    return await scene.timed(_read(scene, contexts, order, reading), lambda: _describe(order, reading), deadline)


async def _read(scene: Scene, contexts: TlsContexts, order: Order, reading: _Reading) -> None:
    begun = scene.elapsed_us()
    connection = await scene.network.connect(order.address, order.url.port, scene.meter, receive_buffer=BUFFER_BYTES)
    try:
        reading.connect_us = scene.elapsed_us() - begun
        connection.heard = reading.come
        stream: Connection | TlsStream = connection
        if order.url.tls:
            stream = await _secure(scene, contexts, order, reading, connection)
        await _exchange(stream, order, reading)
    finally:
        reading.facts = connection.facts()
        connection.close()


async def _secure(
    scene: Scene, contexts: TlsContexts, order: Order, reading: _Reading, connection: Connection
) -> TlsStream:
    begun = scene.elapsed_us()
    engine = Engine(contexts.choose(verify=order.verify), order.server_name)
    await shake(connection, engine)
    reading.handshake_us = scene.elapsed_us() - begun
    reading.verified = order.verify
    return TlsStream(connection, engine)


class _Source:
    """A stream that says when the first byte came. Each piece is bounded: TLS may not hide an endless one."""

    def __init__(self, stream: Connection | TlsStream, reading: _Reading) -> None:
        self._stream = stream
        self._reading = reading

    async def receive(self) -> bytes:
        if isinstance(self._stream, TlsStream):
            self._stream.renew()
        data = await self._stream.receive()
        self._reading.hear()
        return data


async def _exchange(stream: Connection | TlsStream, order: Order, reading: _Reading) -> None:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
    fields = [("Host", order.authority), *_fields(order.wanted)]
    head = h11.Request(method="GET", target=order.url.path, headers=fields)
    said = (connection.send(head) or b"") + (connection.send(h11.EndOfMessage()) or b"")
    reading.begin()
    with suppress(TimeoutError):
        async with asyncio.timeout(order.seconds):
            await stream.send(said)
            await _take_body(connection, MendedHead(_Source(stream, reading)), reading)
            return
    reading.end()


def _fields(wanted: int) -> list[tuple[str, str]]:
    """As a browser asks, but for a part of the object, and as it is."""
    usual = [(name, value) for name, value in BROWSER if name != "Accept-Encoding"]
    return [*usual, ("Accept-Encoding", "identity"), ("Range", f"bytes=0-{wanted - 1}")]


async def _take_body(connection: h11.Connection, source: MendedHead, reading: _Reading) -> None:
    while True:
        event = await next_event(connection, source, reading)
        if isinstance(event, h11.Response):
            reading.status = event.status_code
            reading.declared = _declared(event)
            if event.status_code not in WHOLE:
                return
        elif isinstance(event, h11.Data):
            if reading.take(len(event.data)):
                return
        elif isinstance(event, h11.EndOfMessage):
            reading.done = True
            return


def _declared(response: h11.Response) -> int | None:
    """The length of the whole object."""
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
    if response.status_code == 206:
        found = _RANGE.fullmatch(fields.get("content-range", ""))
        return int(found[1]) if found else None
    text = fields.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _describe(order: Order, reading: _Reading) -> Transfer:
    return Transfer(
        kind=order.kind,
        turn=order.turn,
        address=order.address,
        port=order.url.port,
        source=order.source,
        url=order.url.public[:URL_LIMIT],
        server_name=order.server_name,
        verified=reading.verified,
        connect_us=reading.connect_us,
        handshake_us=reading.handshake_us,
        first_byte_us=reading.first_byte_us,
        status=reading.status,
        declared_bytes=reading.declared,
        wanted_bytes=order.wanted,
        body_bytes=reading.bytes,
        read_us=reading.read_us,
        curve=tuple(reading.curve),
        retransmits=reading.facts.retransmits,
        out_of_order=reading.facts.out_of_order,
        rtt_us=reading.facts.rtt_us,
    )
