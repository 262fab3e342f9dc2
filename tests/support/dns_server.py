"""A DNS server on loopback that says what it is told to: honest answers, lies, silence, races, and garbage.

    def answer(question: DnsQuestion, client: str) -> Sequence[DnsReply]:
        return [nxdomain()] if question.name == "x.com" else [addresses("127.0.0.7")]

    async with DnsServer(answer, host="127.11.0.53") as server:
        host, port = server.address

`answer` is called once for each query, with the client's address, and returns every datagram that goes back:
none is silence, two are an injection race (`addresses("10.0.0.1"), addresses("127.0.0.7", delay_s=0.05)`),
`cut_short()` sends the client to TCP (`serve_dns` of the peers, at the same port), `raw(b"...")` is garbage and
`message(m)` a response of your own making. `server.questions` is what was asked for, the last thousand.
Names are lower case without the final dot; a record that is not of the type asked for is left out, as in real life.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from support.ports import held


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsQuestion:
    """One query; `query` is the message as it came."""

    name: str
    type: str
    query: dns.message.Message


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsReply:
    """One datagram to send back; `records` are (type, value) pairs, `wire` goes before everything else."""

    rcode: int = dns.rcode.NOERROR
    records: tuple[tuple[str, str], ...] = ()
    ttl_s: int = 60
    delay_s: float = 0.0
    wire: bytes | None = None
    truncated: bool = False


Answer = Callable[[DnsQuestion, str], Sequence[DnsReply]]


def addresses(*values: str, delay_s: float = 0.0) -> DnsReply:
    """An answer with these addresses of either family."""
    records = tuple(("AAAA" if ":" in value else "A", value) for value in values)
    return DnsReply(records=records, delay_s=delay_s)


def nxdomain(*, delay_s: float = 0.0) -> DnsReply:
    return DnsReply(rcode=dns.rcode.NXDOMAIN, delay_s=delay_s)


def refused(*, delay_s: float = 0.0) -> DnsReply:
    return DnsReply(rcode=dns.rcode.REFUSED, delay_s=delay_s)


def cut_short(*values: str, delay_s: float = 0.0) -> DnsReply:
    """An answer with the TC bit, and those of its addresses that fitted."""
    return replace(addresses(*values, delay_s=delay_s), truncated=True)


def message(response: dns.message.Message, *, delay_s: float = 0.0) -> DnsReply:
    """A response made elsewhere."""
    return DnsReply(wire=response.to_wire(), delay_s=delay_s)


def raw(wire: bytes, *, delay_s: float = 0.0) -> DnsReply:
    """Bytes as they are."""
    return DnsReply(wire=wire, delay_s=delay_s)


def to_wire(reply: DnsReply, question: DnsQuestion) -> bytes:
    """The datagram of a reply; the DoH server of the peers uses it too."""
    if reply.wire is not None:
        return reply.wire
    response = dns.message.make_response(question.query)
    response.flags |= dns.flags.RA | (dns.flags.TC if reply.truncated else 0)
    response.set_rcode(dns.rcode.Rcode(reply.rcode))
    owner = question.query.question[0].name
    for type_, value in reply.records:
        if type_ not in (question.type, "CNAME"):
            continue
        response.answer.append(dns.rrset.from_text(owner, reply.ttl_s, dns.rdataclass.IN, type_, value))
        if type_ == "CNAME":
            owner = dns.name.from_text(value)
    return response.to_wire()


def read_question(wire: bytes) -> DnsQuestion | None:
    """The question of a query; `None` for what is no query."""
    try:
        query = dns.message.from_wire(wire)
        asked = query.question[0]
    except (dns.exception.DNSException, IndexError):
        return None
    name = asked.name.to_text(omit_final_dot=True).lower()
    return DnsQuestion(name=name, type=dns.rdatatype.to_text(asked.rdtype), query=query)


class DnsServer(asyncio.DatagramProtocol):
    """Listens between `start` and `end`, or within `async with`. `answer` may be set anew at any time."""

    def __init__(self, answer: Answer, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.answer = answer
        self.host = host
        self.port = port
        self.questions: deque[DnsQuestion] = deque(maxlen=1000)
        self._transport: asyncio.DatagramTransport | None = None
        self._twin: socket.socket | None = None
        self._delayed: set[asyncio.TimerHandle] = set()

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def text(self) -> str:
        """Address as an agent's configuration and a plan write it."""
        return f"{self.host}:{self.port}"

    async def start(self) -> None:
        """Where any port will do, on one whose number is held for TCP: a test may answer there what was cut short."""
        for last in (False,) * 9 + (True,):
            twin = held(self.host)
            try:
                await self._listen(self.port or twin.getsockname()[1])
            except OSError:
                twin.close()
                if last or self.port:
                    raise
            else:
                self._twin = twin
                return

    async def _listen(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, port))
        self.port = port

    async def end(self) -> None:
        for handle in self._delayed:
            handle.cancel()
        self._delayed.clear()
        if self._transport is not None:
            self._transport.close()
        self._transport = None
        if self._twin is not None:
            self._twin.close()
        self._twin = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = read_question(data)
        if question is None:
            return
        self.questions.append(question)
        for reply in self.answer(question, addr[0]):
            wire = to_wire(reply, question)
            if reply.delay_s <= 0:
                self._send(wire, addr)
            else:
                self._send_later(reply.delay_s, wire, addr)

    def _send_later(self, delay_s: float, wire: bytes, addr: tuple[str, int]) -> None:
        def send() -> None:
            self._delayed.discard(handle)
            self._send(wire, addr)

        handle = asyncio.get_running_loop().call_later(delay_s, send)
        self._delayed.add(handle)

    def _send(self, wire: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(wire, addr)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
