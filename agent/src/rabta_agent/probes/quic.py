"""Step `quic`: one handshake (RFC 9000, RFC 9001) with one address under one server name.

aioquic speaks the protocol without a socket, over our own datagrams: the address rule, the source address and the count
of bytes hold as for every other step. It needs the extra `[quic]`; `available` says whether it is there.
Silence is `generic_timeout_error`, an ICMP error what the kernel makes of it (port unreachable: `connection_refused`),
and CONNECTION_CLOSE, or datagrams that are not QUIC, `quic_failed_handshake`. Version Negotiation and Retry are
followed. A certificate is judged here and not by aioquic, which says the same of all that can be wrong with one.
All of it is loaded with the first handshake: some 6 MB in an agent at work (`make bench PART=agent`), and 30 ms.
"""

import asyncio
import logging
import ssl
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from rabta_agent.failure import StepError, describe_alert
from rabta_agent.network import UDP_HEADERS, Datagrams
from rabta_agent.probes.certificate import summarise
from rabta_agent.probes.datagrams import receive_until
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.probes.tls import Hello
from rabta_agent.probes.tlscontexts import TlsContexts
from rabta_agent.probes.trust import load_roots, verify
from rabta_proto.model import QuicHandshake
from rabta_proto.vocabulary import Failure

if TYPE_CHECKING:
    from aioquic.quic.events import ConnectionTerminated

RECEIVED_LIMIT = 64 * 1024
"""Bytes of a server's datagrams with their headers, past which no more is read; an honest handshake has a tenth."""
SENT_LIMIT = 40
"""Datagrams of ours, those said twice included, past which only the goodbye is sent; an honest handshake has four."""
_INITIAL_RTT_S = 0.333  # RFC 9002 section 6.2.2; aioquic's own 0.1 s says everything twice on a slow line
_PATIENCE_S = 1.0
"""How long an honest server may still answer after somebody has sent what is no QUIC."""
_GOODBYE_S = 0.2
_CRYPTO_ERROR = 0x100  # from here to 0x1ff it is a TLS alert: RFC 9001 section 4.8
_BAD_CERTIFICATE = _CRYPTO_ERROR + 42
_CERTIFICATE_ALERTS = range(_BAD_CERTIFICATE, _BAD_CERTIFICATE + 5)  # up to certificate_unknown: RFC 8446 section 6


def available() -> bool:
    """Whether the extra `[quic]` is installed."""
    return find_spec("aioquic") is not None


class Engine:
    """QUIC without a socket: datagrams in, datagrams out. `now` and `deadline` are seconds of one monotonic clock.

    All that the program knows of aioquic is here. Its own event for an end comes only once the draining period is over,
    and it gives no access to certificates: hence the underscores.
    """

    def __init__(self, hello: Hello, now: float, deadline: float) -> None:
        from aioquic.quic.configuration import QuicConfiguration
        from aioquic.quic.connection import QuicConnection

        settings = QuicConfiguration(
            alpn_protocols=["h3"],
            server_name=hello.server_name,
            verify_mode=ssl.CERT_NONE,
            initial_rtt=_INITIAL_RTT_S,
        )
        self._id_length = settings.connection_id_length
        self._peer = (hello.address, hello.port)
        self._deadline = deadline
        self._received = self._sent = 0
        self._patience_ends: float | None = None
        self.answered = False
        self.complete = False
        self.close_code: int | None = None
        self.quic = QuicConnection(configuration=settings)
        self.quic.connect(self._peer, now)

    def take(self, now: float) -> list[bytes]:
        """Datagrams to be sent."""
        # A server may name an address that it prefers (RFC 9000 section 9.6): it is not the one that we were given.
        datagrams = [data for data, peer in self.quic.datagrams_to_send(now) if peer == self._peer]
        self._sent += len(datagrams)
        return datagrams

    def feed(self, data: bytes, now: float) -> None:
        """A datagram that came."""
        self._received += len(data) + UDP_HEADERS
        if self._is_ours(data):
            self.answered, self._patience_ends = True, None
            self.quic.receive_datagram(data, self._peer, now)
        elif not self.answered and self._patience_ends is None:
            self._patience_ends = now + min(_PATIENCE_S, (self._deadline - now) / 2)

    def _is_ours(self, data: bytes) -> bool:
        """Whether it begins with a packet of this connection."""
        from aioquic.buffer import Buffer  # type: ignore[attr-defined] # exported without saying so
        from aioquic.quic.packet import pull_quic_header

        try:
            header = pull_quic_header(Buffer(data=data), host_cid_length=self._id_length)
        except ValueError:
            return False
        return header.destination_cid == self.quic.host_cid

    def advance(self) -> bool:
        """Whether the handshake is complete. Raises `StepError` where it has ended, or goes past a limit."""
        from aioquic.quic.events import HandshakeCompleted

        while (event := self.quic.next_event()) is not None:
            self.complete |= isinstance(event, HandshakeCompleted)
        if self.quic._close_event is not None:
            raise self._explain(self.quic._close_event)
        if self._received > RECEIVED_LIMIT or self._sent > SENT_LIMIT:
            raise StepError(Failure.QUIC_FAILED_HANDSHAKE, "endless handshake")
        return self.complete

    def _explain(self, end: "ConnectionTerminated") -> StepError:
        from aioquic.quic.connection import QuicConnectionState

        if self.quic._state is QuicConnectionState.TERMINATED:  # at once, without a packet: a Version Negotiation
            return StepError(Failure.QUIC_FAILED_HANDSHAKE, "no common version")
        if self.quic._state is QuicConnectionState.DRAINING:
            self.close_code = end.error_code
            cause = describe_close(end.error_code, application=end.frame_type is None)
            return StepError(Failure.QUIC_FAILED_HANDSHAKE, cause)
        is_certificate = end.error_code in _CERTIFICATE_ALERTS
        failure = Failure.SSL_INVALID_CERTIFICATE if is_certificate else Failure.QUIC_FAILED_HANDSHAKE
        return StepError(failure, f"by us: {describe_close(end.error_code, application=False)}")

    @property
    def wakes_at(self) -> float:
        """When `tick` wants to be called."""
        times = (self.quic.get_timer(), self._patience_ends)
        return min(time for time in times if time is not None)

    def tick(self, now: float) -> None:
        """Time has passed. Raises `StepError` where only garbage came, `TimeoutError` where nothing comes any more."""
        if self._patience_ends is not None and now >= self._patience_ends:
            raise StepError(Failure.QUIC_FAILED_HANDSHAKE, "not QUIC")
        self.quic.handle_timer(now)
        if self.quic.get_timer() is None:  # it is idle for longer than the server wants to wait
            raise TimeoutError

    def close(self, code: int) -> None:
        """Makes `take` give a CONNECTION_CLOSE."""
        self.quic.close(error_code=code)

    def amend(self, seen: QuicHandshake) -> QuicHandshake:
        """The observation of a handshake with what was heard of the server."""
        tls = self.quic.tls
        certificate = tls._peer_certificate
        schedule = tls.key_schedule if self.complete else None
        return replace(
            seen,
            server_answered=self.answered,
            quic_version=self.quic._version if self.complete else None,
            cipher_suite=f"TLS_{schedule.cipher_suite.name}" if schedule else "",
            negotiated_protocol=(tls.alpn_negotiated or "") if self.complete else "",
            certificate=summarise(certificate.public_bytes(Encoding.DER)) if certificate else None,
            close_code=self.close_code,
        )

    def verify(self, context: ssl.SSLContext, server_name: str) -> None:
        """Raises `ssl.SSLCertVerificationError` unless the server's certificate is good for the name."""
        certificate = self.quic.tls._peer_certificate
        if certificate is None:
            raise StepError(Failure.QUIC_FAILED_HANDSHAKE, "no certificate")
        verify(context, certificate, self.quic.tls._peer_certificate_chain, server_name)


def describe_close(code: int, *, application: bool) -> str:
    """A CONNECTION_CLOSE as a detail names it. What it says in words is left out: it may hold our address."""
    from aioquic.quic.packet import QuicErrorCode

    if application:
        return f"application close 0x{code:x}"
    if _CRYPTO_ERROR <= code < _CRYPTO_ERROR + 256:
        return describe_alert(code - _CRYPTO_ERROR)
    name = QuicErrorCode(code).name.lower() if code in set(QuicErrorCode) else "unassigned"
    return f"close 0x{code:x} {name}"


async def handshake(scene: Scene, contexts: TlsContexts, hello: Hello, deadline: float) -> Outcome[None]:
    """Shakes hands once, and says goodbye; nothing stays open. Without the extra `[quic]` it is an unknown failure."""
    with suppress(ImportError):
        await asyncio.to_thread(_prepare, contexts)
    attempt = _Attempt(scene, contexts, hello)
    return await scene.timed(attempt.run(deadline), attempt.describe, deadline)


def _prepare(contexts: TlsContexts) -> None:
    """Loads the code and the roots, which takes a while the first time. Raises `ImportError` without the extra."""
    import_module("aioquic.quic.connection")
    # It warns of what a stranger sends, in his words.
    logging.getLogger("quic").disabled = True
    load_roots(contexts.verified)


class _Attempt:
    """One handshake on its way."""

    def __init__(self, scene: Scene, contexts: TlsContexts, hello: Hello) -> None:
        self._scene = scene
        self._contexts = contexts
        self._hello = hello
        self._verify = hello.verify and not hello.isolation
        self._verified = False
        self._first_byte_us: int | None = None
        self._engine: Engine | None = None

    async def run(self, deadline: float) -> None:
        scene, hello = self._scene, self._hello
        begun_us = scene.elapsed_us()
        datagrams = await scene.network.open_datagrams(hello.address, hello.port, scene.meter)
        try:
            self._engine = Engine(hello, asyncio.get_running_loop().time(), deadline)
            await self._shake(self._engine, datagrams, begun_us)
        finally:
            datagrams.close()

    async def _shake(self, engine: Engine, datagrams: Datagrams, begun_us: int) -> None:
        code = 0
        try:
            await self._pump(engine, datagrams, begun_us)
            if self._verify:
                code = _BAD_CERTIFICATE
                engine.verify(self._contexts.verified, self._hello.server_name)
                code, self._verified = 0, True
        finally:
            if engine.answered:
                await _say_goodbye(engine, datagrams, code)

    async def _pump(self, engine: Engine, datagrams: Datagrams, begun_us: int) -> None:
        """Carries datagrams until the handshake is complete."""
        now = asyncio.get_running_loop().time
        while True:
            for datagram in engine.take(now()):
                await datagrams.send(datagram)
            if engine.advance():
                return
            data = await receive_until(datagrams, engine.wakes_at)
            if data is None:
                engine.tick(now())
                continue
            if self._first_byte_us is None:
                self._first_byte_us = self._scene.elapsed_us() - begun_us
            engine.feed(data, now())

    def describe(self) -> QuicHandshake:
        hello, engine = self._hello, self._engine
        seen = QuicHandshake(
            address=hello.address,
            port=hello.port,
            server_name=hello.server_name,
            source=hello.source,
            isolation=hello.isolation,
            verified=self._verified,
            first_byte_us=self._first_byte_us,
        )
        return engine.amend(seen) if engine is not None else seen


async def _say_goodbye(engine: Engine, datagrams: Datagrams, code: int) -> None:
    """Tells the server that we go; that it does not hear it changes nothing."""
    engine.close(code)
    with suppress(OSError):
        async with asyncio.timeout(_GOODBYE_S):
            for datagram in engine.take(asyncio.get_running_loop().time()):
                await datagrams.send(datagram)
