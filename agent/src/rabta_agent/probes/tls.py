"""Step `tls`: one handshake (RFC 8446) under one server name on a connection just made.

A pure engine around `ssl.MemoryBIO` and a small pump: asyncio's own TLS reports a peer that closes (FIN) as one that
resets, and telling these apart is what this program is for. FIN is `eof_error`, RST `connection_reset`, an alert or
bytes that are not TLS `ssl_failed_handshake`, silence `generic_timeout_error`.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rabta_agent.failure import StepError, describe_alert, read_alert
from rabta_agent.network import Connection
from rabta_agent.probes.certificate import read_chain, summarise, summarise_issuers
from rabta_agent.probes.clienthello import cut
from rabta_agent.probes.records import RecordWatch
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.probes.tlscontexts import TlsContexts
from rabta_proto.model import TlsHandshake
from rabta_proto.vocabulary import AddressSource, Failure

_HANDSHAKE_LIMIT = 64 * 1024
"""Bytes of a server's flight; the longest honest certificate chains have a quarter of it."""
_RECORDS_LIMIT = 64 * 1024
"""Bytes of records for one answer: padding, session tickets and crumbs cost, and are never seen above TLS."""


class Engine:
    """TLS without a socket: bytes in, bytes out. `protocols` are offered by ALPN.

    Python sets them for a whole context, and OpenSSL takes them over as a handshake is made: so each sets its own, and
    one context, with one copy of all the roots, does for all.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        server_name: str,
        session: ssl.SSLSession | None = None,
        *,
        protocols: tuple[str, ...] = ("http/1.1",),
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._watch = RecordWatch()
        self._fed = 0
        context.set_alpn_protocols(protocols)
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name, session=session)

    @property
    def answered(self) -> bool:
        """Whether any TLS record came back."""
        return self._watch.answered

    @property
    def plain_alert(self) -> int | None:
        return self._watch.alert

    def feed(self, data: bytes) -> None:
        self._watch.feed(data)
        self._incoming.write(data)
        self._fed += len(data)

    def take(self) -> bytes:
        """Bytes to be sent."""
        return self._outgoing.read()

    def advance(self) -> bool:
        """Goes on with the handshake; whether it is complete. Raises `ssl.SSLError`, and `StepError` past the limit."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            if self._fed > _HANDSHAKE_LIMIT:
                raise StepError(Failure.SSL_FAILED_HANDSHAKE, "endless handshake") from None
            return False
        return True

    def read(self, limit: int) -> bytes | None:
        """Plain bytes; empty after close_notify; `None` while more is needed."""
        try:
            return self.tls.read(limit)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            return b""


class TlsStream:
    """Plain bytes over a handshake that is done, for one answer. Closing it closes the connection."""

    def __init__(self, connection: Connection, engine: Engine) -> None:
        self.connection = connection
        self._engine = engine
        self._left = _RECORDS_LIMIT

    @property
    def session(self) -> ssl.SSLSession | None:
        """For a cheaper handshake next time."""
        return self._engine.tls.session

    def renew(self) -> None:
        """Lets another answer come, with bytes of its own."""
        self._left = _RECORDS_LIMIT

    async def send(self, data: bytes) -> None:
        self._engine.tls.write(data)
        await self.connection.send(self._engine.take())

    async def receive(self, limit: int = 4096) -> bytes:
        """What has come; empty once the peer has closed, with close_notify or without.

        Raises `StepError` where it takes more records than an answer may.
        """
        while (plain := self._engine.read(limit)) is None:
            if self._left <= 0:
                raise StepError(Failure.HTTP_INVALID_RESPONSE, "endless records")
            data = await self.connection.receive()
            if not data:
                return b""
            self._left -= len(data)
            self._engine.feed(data)
            if pending := self._engine.take():  # an answer to a key update
                await self.connection.send(pending)
        return plain

    def close(self) -> None:
        self.connection.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a handshake is to be. `isolation` says that the name is an innocuous one, which is never verified.

    `split`: the ClientHello goes in two segments, cut within the name (clienthello.py). `authority`: as in `choose`.
    """

    address: str
    port: int
    server_name: str
    source: AddressSource
    verify: bool = True
    isolation: bool = False
    split: bool = False
    authority: bytes = b""


class _Line:
    """A connection as a handshake uses it: sends the ClientHello in pieces where told to, and hears the first byte."""

    def __init__(self, connection: Connection, hello: Hello, elapsed_us: Callable[[], int]) -> None:
        self._connection = connection
        self._hello = hello
        self._elapsed_us = elapsed_us
        self._begun_us = elapsed_us()
        self.first_byte_us: int | None = None
        self.split = False

    async def send(self, data: bytes) -> None:
        """A piece is with the kernel before the next one is, and TCP_NODELAY makes it leave at once: two segments."""
        pieces = cut(data, self._hello.server_name) if self._hello.split else (data,)
        self.split |= len(pieces) > 1
        for piece in pieces:
            await self._connection.send(piece)

    async def receive(self) -> bytes:
        data = await self._connection.receive()
        if data and self.first_byte_us is None:
            self.first_byte_us = self._elapsed_us() - self._begun_us
        return data


@dataclass(slots=True)
class _Seen:
    """What there is to tell of a handshake, however it ends."""

    line: _Line | None = None
    engine: Engine | None = None
    alert: int | None = None


async def handshake(
    scene: Scene, contexts: TlsContexts, connection: Connection, hello: Hello, deadline: float
) -> Outcome[TlsStream]:
    """Shakes hands on a connection, which is closed on failure."""
    seen = _Seen()

    async def work() -> TlsStream:
        seen.line = _Line(connection, hello, scene.elapsed_us)
        context = contexts.choose(verify=hello.verify and not hello.isolation, authority=hello.authority)
        seen.engine = Engine(context, hello.server_name)
        try:
            await shake(seen.line, seen.engine)
        except ssl.SSLError as error:
            seen.alert = read_alert(error)
            raise _name_alert(error, seen.engine) from error
        return TlsStream(connection, seen.engine)

    outcome: Outcome[TlsStream] | None = None
    try:
        outcome = await scene.timed(work(), lambda: _describe(hello, seen), deadline)
    finally:
        if outcome is None or outcome.value is None:
            connection.close()
    return outcome


def _name_alert(error: ssl.SSLError, engine: Engine) -> Exception:
    """An alert without a name in this version of Python gives an error without a reason: the bytes tell its number."""
    if getattr(error, "reason", None) is None and engine.plain_alert is not None:
        return StepError(Failure.SSL_FAILED_HANDSHAKE, describe_alert(engine.plain_alert))
    return error


class Pipe(Protocol):
    """What a handshake goes over."""

    async def send(self, data: bytes) -> None: ...

    async def receive(self) -> bytes: ...


async def shake(connection: Pipe, engine: Engine) -> None:
    """Pumps a handshake through. Raises `ssl.SSLError`, `OSError`, or `EOFError` where the peer closes."""
    done = False
    while not done:
        done = engine.advance()
        if pending := engine.take():
            await connection.send(pending)
        if not done:
            data = await connection.receive()
            if not data:
                raise _closed(engine)
            engine.feed(data)


def _closed(engine: Engine) -> Exception:
    """What a FIN in mid-handshake means: after an alert that OpenSSL passed over, the alert is the reason."""
    if engine.plain_alert is not None:
        return StepError(Failure.SSL_FAILED_HANDSHAKE, describe_alert(engine.plain_alert))
    return EOFError()


def _describe(hello: Hello, seen: _Seen) -> TlsHandshake:
    engine, line = seen.engine, seen.line
    tls = engine.tls if engine else None
    cipher = tls.cipher() if tls else None
    done = tls is not None and cipher is not None and tls.version() is not None and bool(_read_peer(tls))
    chain = read_chain(tls) or _read_peer(tls) if tls else ()
    return TlsHandshake(
        address=hello.address,
        port=hello.port,
        server_name=hello.server_name,
        source=hello.source,
        isolation=hello.isolation,
        verified=done and hello.verify and not hello.isolation,
        server_answered=engine is not None and engine.answered,
        tls_version=(tls.version() or "") if tls and done else "",
        cipher_suite=cipher[0] if cipher and done else "",
        negotiated_protocol=(tls.selected_alpn_protocol() or "") if tls and done else "",
        certificate=summarise(chain[0]) if chain else None,
        alert=seen.alert if seen.alert is not None or engine is None else engine.plain_alert,
        chain=summarise_issuers(chain[1:]),
        first_byte_us=line.first_byte_us if line else None,
        split=line is not None and line.split,
    )


def _read_peer(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """The server's certificate in DER form; empty before the handshake is done, or without one."""
    try:
        der = tls.getpeercert(binary_form=True)
    except ValueError:
        return ()
    return (der,) if der else ()
