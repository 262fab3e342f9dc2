"""The only way out: every socket of every probe is made here, checked against `addresses.py` and counted.

Invariant: no socket is connected to a special address, or to one of the machine's own network, unless the vantage is a
lab's, or the address is that of the resolver which the machine itself is set up to use. The check is made on the
address that is dialled, as it is dialled.

IPv6 gives every machine of a home a public address, and some offices have public IPv4 ones. What shares the first 64
bits of IPv6 (RFC 4291 section 2.5.1) or 24 of IPv4 with this machine's own counts as its network: `permission_denied`,
and no lie of a resolver, for a site may live there, too.

What a measurement costs, both ways together with headers: where the kernel tells (Linux `TCP_INFO`), payload and
segments of each TCP connection are the kernel's own counts, retransmissions and bytes never read included; elsewhere a
connection is reckoned as its payload in segments of 1,400 bytes, an acknowledgement for every second of them, and five
segments to open and close. Each TCP segment is reckoned with 52 bytes of headers (IPv4 20, TCP 20, timestamps 12), each
UDP datagram with 28; 20 more for IPv6.
"""

import asyncio
import errno
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from rabta_agent.addresses import canonical, find_special
from rabta_agent.failure import StepError
from rabta_agent.probes.packets import Ends
from rabta_agent.tcpinfo import TcpFacts, read_counts, read_facts
from rabta_proto.vocabulary import Failure

RECEIVE_BUFFER_BYTES = 8 * 1024
"""What a server can make the kernel take in beyond what is read (Linux doubles it for its own bookkeeping)."""

TCP_HEADERS = 52
UDP_HEADERS = 28
_V6_EXTRA = 20
_OWN_BITS = {socket.AF_INET: 24, socket.AF_INET6: 64}
_HOPS = {
    socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TTL),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}
_SEGMENT = 1400
_BAD_SOURCE = {errno.EINVAL, errno.EADDRNOTAVAIL, getattr(errno, "WSAEINVAL", errno.EINVAL)}
_BIND_ADDRESS_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24 if sys.platform == "linux" else -1)  # ip(7)
_MESSAGE_LIMIT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """How this machine measures; made from the agent's configuration.

    `system_resolvers` are written `address` or `address:port`; `None`: those that the machine is set up with.
    """

    lab: bool = False
    source_address: str | None = None
    system_resolvers: tuple[str, ...] | None = None


@dataclass(slots=True)
class Meter:
    """Bytes on the wire, as the volunteer pays for them."""

    sent: int = 0
    received: int = 0

    def add(self, *, sent: int = 0, received: int = 0) -> None:
        self.sent += sent
        self.received += received


class Network:
    """Opens the sockets of one vantage."""

    def __init__(self, vantage: Vantage) -> None:
        self.vantage = vantage

    async def connect(
        self,
        address: str,
        port: int,
        meter: Meter,
        *,
        trusted: bool = False,
        receive_buffer: int = RECEIVE_BUFFER_BYTES,
    ) -> "Connection":
        """One TCP connection to one address; closed by whoever gets it. `trusted`: it is the machine's own resolver."""
        if not trusted:
            self._check(address)
        connection = Connection(self._socket(address, socket.SOCK_STREAM, receive_buffer), meter)
        try:
            with self._blaming_source():
                await connection.open(address, port)
        except BaseException:
            connection.close()
            raise
        return connection

    async def open_datagrams(self, address: str, port: int, meter: Meter, *, trusted: bool = False) -> "Datagrams":
        """A UDP socket that hears this address and port alone. `trusted`: it is the machine's own resolver."""
        if not trusted:
            self._check(address)
        datagrams = Datagrams(self._socket(address, socket.SOCK_DGRAM), meter)
        try:
            with self._blaming_source():
                await datagrams.open(address, port)
        except BaseException:
            datagrams.close()
            raise
        return datagrams

    def _check(self, address: str) -> None:
        if self.vantage.lab:
            return
        special = find_special(address)
        if special is not None:
            raise StepError(Failure.SPECIAL_ADDRESS, special)
        if is_neighbour(address, source_towards(address)):
            raise StepError(Failure.PERMISSION_DENIED, "own network")

    @contextmanager
    def _blaming_source(self) -> Iterator[None]:
        """Holds the source address that was set to account, which may be none of the machine's or unfit for this way.

        Linux says EINVAL where a loopback address would leave the machine. Where no source address is set, EINVAL means
        something else.
        """
        try:
            yield
        except OSError as error:
            number = error.errno
            if self.vantage.source_address is None or number is None or number not in _BAD_SOURCE:
                raise
            raise StepError(Failure.ADDRESS_NOT_AVAILABLE, errno.errorcode.get(number, str(number))) from error

    def _socket(
        self, address: str, kind: socket.SocketKind, receive_buffer: int = RECEIVE_BUFFER_BYTES
    ) -> socket.socket:
        family = _family(address)
        opened = socket.socket(family, kind)
        try:
            opened.setblocking(False)
            if kind is socket.SOCK_STREAM:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            source = self.vantage.source_address
            if source is not None and _family(source) == family:
                with self._blaming_source():
                    bind_source(opened, source)
        except BaseException:
            opened.close()
            raise
        return opened


def bind_source(opened: socket.socket, source: str) -> None:
    """Binds to an address of this machine, to a port only with the connection that follows.

    A datagram socket that has a port and no peer hears everybody, were it for an instant.
    """
    with suppress(OSError):  # not on this platform
        opened.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    opened.bind((source, 0))


def source_towards(address: str) -> str | None:
    """The machine's address that the kernel would send from to this one; `None` without a way. Sends nothing."""
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
            probe.connect((address, 53))
            return canonical(str(probe.getsockname()[0]))
    except OSError:
        return None


def is_neighbour(address: str, own: str | None) -> bool:
    """Whether an address is, as far as its first bits tell, on the network of one of the machine's own."""
    if own is None:
        return False
    return ip_address(address) in ip_network((own, _OWN_BITS[_family(own)]), strict=False)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6


probe_sockets: set[int] = set()
"""Descriptors of TCP sockets that are counted here; others of the process lead to the collector."""


class Connection:
    """A TCP connection that counts what it costs. `meter` may be changed between two users, after `settle`.

    `heard` is told of each piece that comes, of its bytes.
    """

    def __init__(self, opened: socket.socket, meter: Meter) -> None:
        self._socket = opened
        self._extra = _V6_EXTRA if opened.family == socket.AF_INET6 else 0
        self._payload = Meter()
        self._charged = Meter()
        self._closed = False
        self.meter = meter
        self.heard: Callable[[int], None] = lambda _count: None
        self._descriptor = opened.fileno()
        probe_sockets.add(self._descriptor)

    async def open(self, address: str, port: int) -> None:
        await asyncio.get_running_loop().sock_connect(self._socket, (address, port))

    async def send(self, data: bytes) -> None:
        self._payload.sent += len(data)
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def receive(self, limit: int = 4096) -> bytes:
        """What has come, at most `limit` bytes; empty once the peer has closed (FIN)."""
        data = await asyncio.get_running_loop().sock_recv(self._socket, limit)
        self._payload.received += len(data)
        self.heard(len(data))
        return data

    def facts(self) -> TcpFacts:
        """What the kernel has seen of the way so far."""
        return read_facts(self._socket)

    def ends(self) -> Ends:
        """This machine's end of it, and the server's."""
        (own, own_port), (server, port) = self._socket.getsockname()[:2], self._socket.getpeername()[:2]
        return Ends(own=own, own_port=own_port, server=server, server_port=port)

    def let_pass(self, routers: int | None) -> None:
        """How many routers what is sent from now on may pass, again and again what was lost; `None`: as ever."""
        self._socket.setsockopt(*_HOPS[self._socket.family], -1 if routers is None else routers)

    def abort(self) -> None:
        """Closes with RST, which passes all routers: the server is to wait for nothing that was lost on the way."""
        with suppress(OSError):  # it may be gone, or closed
            self.let_pass(None)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def settle(self) -> None:
        """Charges to the meter what was not charged yet."""
        cost = self._cost()
        self.meter.add(sent=cost.sent - self._charged.sent, received=cost.received - self._charged.received)
        self._charged = cost

    def close(self) -> None:
        """Charges and closes; bytes that nobody read make the kernel reset the connection, which stops the peer."""
        if not self._closed:
            self._closed = True
            self.settle()
            probe_sockets.discard(self._descriptor)
            self._socket.close()

    def _cost(self) -> Meter:
        headers = TCP_HEADERS + self._extra
        counts = read_counts(self._socket)
        if counts is None:
            return _estimate(self._payload, headers)
        received, segments_out, segments_in = counts
        # The FIN or RST of closing is still to come, one each way.
        return Meter(
            sent=self._payload.sent + (segments_out + 1) * headers, received=received + (segments_in + 1) * headers
        )


def _estimate(payload: Meter, headers: int) -> Meter:
    out, in_ = -(-payload.sent // _SEGMENT), -(-payload.received // _SEGMENT)
    return Meter(
        sent=payload.sent + (out + in_ // 2 + 3) * headers,
        received=payload.received + (in_ + out // 2 + 2) * headers,
    )


class Datagrams:
    """A UDP socket bound to one peer."""

    def __init__(self, opened: socket.socket, meter: Meter) -> None:
        self._socket = opened
        self._headers = UDP_HEADERS + (_V6_EXTRA if opened.family == socket.AF_INET6 else 0)
        self._meter = meter

    async def open(self, address: str, port: int) -> None:
        await asyncio.get_running_loop().sock_connect(self._socket, (address, port))

    async def send(self, data: bytes) -> None:
        self._meter.add(sent=len(data) + self._headers)
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def receive(self) -> bytes:
        data = await asyncio.get_running_loop().sock_recv(self._socket, _MESSAGE_LIMIT)
        self._meter.add(received=len(data) + self._headers)
        return data

    def close(self) -> None:
        self._socket.close()
