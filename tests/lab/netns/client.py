"""A plain client in a place of the hard lab: sockets, ssl and DNS messages of the standard kind, no code of the agent.

What goes wrong is raised as the kernel or `ssl` says it: `TimeoutError` is silence.
"""

import itertools
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace

import dns.message
import dns.rcode

from lab.netns.lab import NetnsLab
from lab.netns.namespaces import inside
from lab.scenario import Scenario, Vantage

PATIENCE_S = 30.0  # for what comes, however busy the machine
SHORT_S = 1.2  # for what does not; a lost SYN is sent again after one second
WINDOW_S = 0.2  # for what else might come
FEW = 10


Find = Callable[..., Scenario]
"""Finds a scenario of the plain ISP by its censor, and by its scheme where that is not https."""


@dataclass(frozen=True, slots=True)
class Said:
    """One DNS response: its code, such as NOERROR, and the addresses in it."""

    code: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """An HTTP response."""

    status: int
    head: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """`roots` is a file of the certificates that it trusts."""

    namespace: str
    resolver: str
    roots: str
    patience_s: float = PATIENCE_S

    @property
    def hasty(self) -> "Client":
        """One that soon takes what does not come for silence."""
        return replace(self, patience_s=SHORT_S)

    def ask(self, name: str, type_: str = "A", *, resolver: str = "", count: int = 1) -> list[Said]:
        """Every response to a question, in order; so many are waited for, others a moment longer."""
        query = dns.message.make_query(name, type_)
        with self._socket(resolver or self.resolver, socket.SOCK_DGRAM) as asking:
            asking.connect((resolver or self.resolver, 53))
            asking.send(query.to_wire())
            heard: list[Said] = []
            while True:
                asking.settimeout(self.patience_s if len(heard) < count else WINDOW_S)
                try:
                    response = dns.message.from_wire(asking.recv(4096))
                except TimeoutError:
                    return heard
                values = (item.to_text() for answer in response.answer for item in answer)
                heard.append(Said(dns.rcode.to_text(response.rcode()), tuple(values)))

    def ask_often(self, name: str, times: int) -> int:
        """How many of so many questions are answered, asked a few at a time.

        Whoever answers does so in order: what was not answered before a later question was is lost, and not late.
        """
        answered = 0
        with self._socket(self.resolver, socket.SOCK_DGRAM) as asking:
            asking.connect((self.resolver, 53))
            asking.settimeout(WINDOW_S)
            numbers = itertools.cycle(range(1 << 16))
            for begin in range(0, times, FEW):
                asked = {_ask_by(asking, name, next(numbers)) for _ in range(min(FEW, times - begin))}
                while asked:
                    last = _ask_by(asking, name, next(numbers))
                    heard = _heard(asking, last)
                    answered += len(asked & heard)
                    asked = asked - heard if last not in heard else set()
        return answered

    def connect(self, address: str, port: int = 443) -> socket.socket:
        connection = self._socket(address, socket.SOCK_STREAM)
        try:
            connection.settimeout(self.patience_s)
            connection.connect((address, port))
        except BaseException:
            connection.close()
            raise
        return connection

    def handshake(self, address: str, name: str, *, verify: bool = True) -> bytes:
        """The certificate that a server shows, in DER; `verify` it for the name."""
        context = ssl.create_default_context(cafile=self.roots)
        if not verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with self.connect(address) as plain, context.wrap_socket(plain, server_hostname=name) as secured:
            shown = secured.getpeercert(binary_form=True)
        assert shown is not None
        return shown

    def get(self, address: str, host: str, path: str = "/") -> Page:
        """The page of a host at an address, over http."""
        with self.connect(address, 80) as connection:
            return self._get(connection, host, path)

    def get_tls(self, address: str, host: str, path: str = "/") -> Page:
        context = ssl.create_default_context(cafile=self.roots)
        with self.connect(address) as plain, context.wrap_socket(plain, server_hostname=host) as secured:
            return self._get(secured, host, path)

    def _get(self, connection: socket.socket, host: str, path: str) -> Page:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        received = b""
        while data := connection.recv(65_536):
            received += data
        head, end, body = received.partition(b"\r\n\r\n")
        if not end:
            raise EOFError("closed before a response")
        return Page(int(head.split(b" ")[1]), head.decode(), body.decode("utf-8", "replace"))

    def knock(self, address: str, port: int = 443) -> bytes:
        """What a QUIC server says to a version that nobody knows (RFC 9000 section 6): those that it knows."""
        unknown = bytes.fromhex("c0 1a2a3a4a 08 0102030405060708 08 1112131415161718").ljust(1200, b"\0")
        with self._socket(address, socket.SOCK_DGRAM) as asking:
            asking.settimeout(self.patience_s)
            asking.connect((address, port))
            asking.send(unknown)
            return asking.recv(4096)

    def source(self, towards: str) -> str:
        """The address that this place is seen with."""
        with self._socket(towards, socket.SOCK_DGRAM) as probe:
            probe.connect((towards, 53))
            return str(probe.getsockname()[0])

    def _socket(self, towards: str, kind: socket.SocketKind) -> socket.socket:
        with inside(self.namespace):
            return socket.socket(socket.AF_INET6 if ":" in towards else socket.AF_INET, kind)


def _ask_by(asking: socket.socket, name: str, number: int) -> int:
    asking.send(dns.message.make_query(name, "A", id=number).to_wire())
    return number


def _heard(asking: socket.socket, last: int) -> set[int]:
    """Numbers of the questions that are answered until this one is, or for a moment nothing comes."""
    heard: set[int] = set()
    while last not in heard:
        try:
            heard.add(dns.message.from_wire(asking.recv(4096)).id)
        except TimeoutError:
            break
    return heard


def at(lab: NetnsLab, vantage: Vantage, number: int = 1) -> Client:
    """In an agent's place."""
    world = lab.world
    network = world.network(vantage.value)
    return Client(
        namespace=world.home(network, number),
        resolver=network.resolver,
        roots=lab.agent(vantage, number).env["SSL_CERT_FILE"],
    )


def abroad(lab: NetnsLab, number: int) -> Client:
    """In a control's place."""
    world = lab.world
    network = world.network(f"control-{number}")
    return Client(
        namespace=world.home(network, 1), resolver=network.resolver, roots=lab.control(number).env["SSL_CERT_FILE"]
    )
