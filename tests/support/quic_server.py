"""Real QUIC servers on loopback (RFC 9000, ALPN h3), and UDP peers that misbehave on purpose.

    leaf = authority.issue("site.example")
    async with open_quic_server("127.0.0.1", 0, *pem(leaf)) as server:
        ... server.address, server.port ...

A certificate and its key are PEM, as bytes or as the path of a file. The server answers whatever name it is asked for
with that certificate; `choose` picks another one by name, or none: then the handshake ends with unrecognized_name.
Connections are shaken hands with and nothing else: no stream is ever answered.
`server.names` is what was asked for (`None` where a client sent no name), the last thousand, and `server.goodbyes` a
queue of the codes with which clients closed, the first thousand that nobody took.

    async with open_udp_peer(silence) as peer: ...

A peer's script gets each datagram and returns those to send back: `silence`, `say(b"...")`, `negotiate(0x1a2a3a4a)`,
`close_with(0x178)`, `ping(100)`. `peer.heard` is what came, the last thousand, and `peer.spoken_to` is set as soon as
something did.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from aioquic import tls
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import QuicServer as _Endpoint
from aioquic.buffer import Buffer, encode_uint_var  # type: ignore[attr-defined] # exported without saying so
from aioquic.quic.configuration import SMALLEST_MAX_DATAGRAM_SIZE, QuicConfiguration
from aioquic.quic.connection import QuicConnection, QuicConnectionState
from aioquic.quic.crypto import CryptoPair
from aioquic.quic.packet import (
    QuicFrameType,
    QuicPacketType,
    QuicProtocolVersion,
    encode_quic_version_negotiation,
    pull_quic_header,
)
from aioquic.quic.packet_builder import QuicPacketBuilder

KEPT = 1000
_IDLE_S = 15.0
_CID_LENGTH = 8

Pem = bytes | Path
VERSION_1 = int(QuicProtocolVersion.VERSION_1)
VERSION_2 = int(QuicProtocolVersion.VERSION_2)

logging.getLogger("quic").setLevel(logging.CRITICAL)  # it warns of what these servers do on purpose


@dataclass(frozen=True, slots=True)
class Identity:
    """A chain of certificates and its key."""

    chain: tuple[Any, ...]
    key: Any

    @classmethod
    def read(cls, certificate: Pem, key: Pem) -> "Identity":
        """Raises `OSError` for files that cannot be read and `ValueError` for what is no PEM."""
        return cls(tuple(tls.load_pem_x509_certificates(_read(certificate))), tls.load_pem_private_key(_read(key)))


def pem(leaf: trustme.LeafCert) -> tuple[bytes, bytes]:
    """The certificate and the key of one that trustme issued."""
    return b"".join(blob.bytes() for blob in leaf.cert_chain_pems), leaf.private_key_pem.bytes()


def _read(source: Pem) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


Choose = Callable[[str | None], Identity | None]
"""A server name to what is shown for it; `None` refuses the name."""


def by_name(identities: Mapping[str, Identity], otherwise: Identity | None = None) -> Choose:
    """One certificate for each name; `otherwise` for all others, or a refusal."""
    return lambda name: identities.get(name or "", otherwise)


@dataclass(slots=True)
class QuicServer:
    """A server that listens."""

    address: str
    port: int
    names: deque[str | None] = field(default_factory=lambda: deque(maxlen=KEPT))
    goodbyes: "asyncio.Queue[int]" = field(default_factory=lambda: asyncio.Queue(KEPT))


class _Connection(QuicConnectionProtocol):
    """One client's; notes how it goes, at once and not when the draining period is over."""

    def __init__(self, quic: QuicConnection, server: QuicServer, **rest: Any) -> None:
        super().__init__(quic, **rest)
        self._server = server

    def datagram_received(self, data: bytes | str, addr: Any) -> None:
        was_open = self._quic._close_event is None
        super().datagram_received(data, addr)
        end = self._quic._close_event
        if was_open and end is not None and self._quic._state is QuicConnectionState.DRAINING:
            with contextlib.suppress(asyncio.QueueFull):
                self._server.goodbyes.put_nowait(end.error_code)


@contextlib.asynccontextmanager
async def open_quic_server(
    address: str,
    port: int,
    certificate: Pem,
    key: Pem,
    *,
    choose: Choose | None = None,
    versions: Sequence[int] = (VERSION_1, VERSION_2),
    retry: bool = False,
    protocols: Sequence[str] = ("h3",),
) -> AsyncIterator[QuicServer]:
    """Listens on UDP within `async with`; port 0 takes a free one. Raises `OSError` where the address is not free.

    With `retry` every client has to prove its address first; a version that is not one of `versions` is answered with
    Version Negotiation.
    """
    own = Identity.read(certificate, key)
    configuration = QuicConfiguration(
        is_client=False,
        alpn_protocols=list(protocols),
        certificate=own.chain[0],
        certificate_chain=list(own.chain[1:]),
        private_key=own.key,
        supported_versions=list(versions),
        connection_id_length=_CID_LENGTH,
        idle_timeout=_IDLE_S,
    )
    server = QuicServer(address, port)

    def accept(quic: QuicConnection, **rest: Any) -> QuicConnectionProtocol:
        _watch_names(quic, server, choose or (lambda _: own))
        return _Connection(quic, server, **rest)

    transport, endpoint = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Endpoint(configuration=configuration, create_protocol=accept, retry=retry), local_addr=(address, port)
    )
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        endpoint.close()
        await asyncio.sleep(0)  # the socket is closed by a callback


def _watch_names(quic: QuicConnection, server: QuicServer, choose: Choose) -> None:
    """Lets `choose` decide once the ClientHello has come. aioquic has no callback for names."""
    initialize = quic._initialize

    def initialize_and_watch(peer_cid: bytes) -> None:
        initialize(peer_cid)
        context = quic.tls
        handle = context._server_handle_hello

        def handle_hello(message: Buffer, *outputs: Buffer) -> None:
            name = tls.pull_client_hello(Buffer(data=message.data_slice(0, message.capacity))).server_name
            server.names.append(name)
            identity = choose(name)
            if identity is None:
                refusal = tls.Alert("no such name here")
                refusal.description = tls.AlertDescription.unrecognized_name
                raise refusal
            context.certificate, *context.certificate_chain = identity.chain
            context.certificate_private_key = identity.key
            handle(message, *outputs)

        context._server_handle_hello = handle_hello  # type: ignore[assignment, method-assign]

    quic._initialize = initialize_and_watch  # type: ignore[method-assign]


Script = Callable[[bytes], Sequence[bytes]]
"""A datagram to those that are sent back."""


def silence(_: bytes) -> Sequence[bytes]:
    """Takes everything and says nothing."""
    return ()


def say(*datagrams: bytes) -> Script:
    """These datagrams in answer to each."""
    return lambda _: datagrams


garbage = say(b"\x00\xff neither QUIC nor anything else")


def negotiate(*versions: int) -> Script:
    """Version Negotiation (RFC 9000 section 17.2.1), as if the server spoke these versions and no other."""

    def script(datagram: bytes) -> Sequence[bytes]:
        header = pull_quic_header(Buffer(data=datagram), host_cid_length=_CID_LENGTH)
        return [
            encode_quic_version_negotiation(
                source_cid=header.destination_cid,
                destination_cid=header.source_cid,
                supported_versions=list(versions),
            )
        ]

    return script


def seal(datagram: bytes, kind: int, body: bytes, *, number: int = 0) -> bytes:
    """An Initial packet with one frame in answer to a client's, as anybody can make it who sees that (RFC 9001 5.2)."""
    header = pull_quic_header(Buffer(data=datagram), host_cid_length=_CID_LENGTH)
    assert header.version is not None
    crypto = CryptoPair()
    crypto.setup_initial(cid=header.destination_cid, is_client=False, version=header.version)
    builder = QuicPacketBuilder(
        host_cid=header.destination_cid,
        is_client=False,
        max_datagram_size=SMALLEST_MAX_DATAGRAM_SIZE,
        packet_number=number,
        peer_cid=header.source_cid,
        version=header.version,
    )
    builder.start_packet(QuicPacketType.INITIAL, crypto)
    builder.start_frame(kind, capacity=len(body) + 8).push_bytes(body)
    ((wire, *more), _) = builder.flush()
    assert not more
    return bytes(wire)


def close_with(code: int) -> Script:
    """CONNECTION_CLOSE in the first packet, as a server or somebody in between would send it."""
    body = encode_uint_var(code) + encode_uint_var(QuicFrameType.CRYPTO) + encode_uint_var(0)
    return lambda datagram: [seal(datagram, QuicFrameType.TRANSPORT_CLOSE, body)]


def ping(count: int) -> Script:
    """That many packets in answer to each datagram, and every one wants to be acknowledged."""
    numbers = itertools.count()
    return lambda datagram: [seal(datagram, QuicFrameType.PING, b"", number=next(numbers)) for _ in range(count)]


@dataclass(slots=True)
class UdpPeer:
    """A UDP peer that listens."""

    address: str
    port: int
    heard: deque[bytes] = field(default_factory=lambda: deque(maxlen=KEPT))
    spoken_to: asyncio.Event = field(default_factory=asyncio.Event)


@contextlib.asynccontextmanager
async def open_udp_peer(script: Script, address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[UdpPeer]:
    """Plays a script on UDP within `async with`."""
    peer = UdpPeer(address, port)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Player(peer, script), local_addr=(address, port)
    )
    peer.port = transport.get_extra_info("sockname")[1]
    try:
        yield peer
    finally:
        transport.close()
        await asyncio.sleep(0)


class _Player(asyncio.DatagramProtocol):
    def __init__(self, peer: UdpPeer, script: Script) -> None:
        self._peer = peer
        self._script = script
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        assert self._transport is not None
        self._peer.heard.append(data)
        for datagram in self._script(data):
            self._transport.sendto(datagram, addr)
        self._peer.spoken_to.set()
