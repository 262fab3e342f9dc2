"""Servers on loopback that misbehave on purpose, one script each, with certificates of a throw-away authority.

    async with Peer(reset_after_hello) as peer:
        ... peer.host, peer.port ...

A script gets an accepted connection and does what it does; when it returns, the connection is closed (FIN). Scripts
that need something are made by a function: `serve_https(authority.server("site.example"))`, `drip(b"HTTP/1.1 200")`.
`peer.accepted` counts connections, `peer.heard` is what each of them said first, where the script listened, and
`peer.spoken_to` is set as soon as one did.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Self

import h11
import trustme

from support.dns_server import Answer, read_question, to_wire
from support.ports import hold


class Authority:
    """A certificate authority that a test may or may not trust."""

    def __init__(self) -> None:
        self.ca = trustme.CA(organization_name="Rabta tests")

    def trust(self, context: ssl.SSLContext) -> None:
        self.ca.configure_trust(context)

    def server(self, *names: str, days_ahead: int = 0) -> ssl.SSLContext:
        """A server's context; with `days_ahead` its certificate is from the future."""
        begin = datetime.now(UTC) + timedelta(days=days_ahead) - timedelta(hours=1)
        certificate = self.ca.issue_cert(*names, not_before=begin, not_after=begin + timedelta(days=30))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        certificate.configure_cert(context)
        return context


class Call:
    """One accepted connection, as a script sees it."""

    def __init__(self, peer: "Peer", accepted: socket.socket) -> None:
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self.socket = accepted
        self.client = str(accepted.getpeername()[0])
        self._ahead = b""

    async def receive(self) -> bytes:
        said, self._ahead = self._ahead, b""
        return said or await self._loop.sock_recv(self.socket, 65_536)

    async def peek(self) -> bytes:
        """What the next `receive` will give."""
        self._ahead = await self.receive()
        return self._ahead

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.socket, data)

    async def hear(self) -> bytes:
        """The client's first words: a ClientHello, or the head of a request."""
        said = await self.receive()
        self._peer.heard.append(said)
        self._peer.spoken_to.set()
        return said

    async def wait_for_end(self) -> None:
        """Reads until the client has gone."""
        while await self.receive():
            pass

    def reset(self) -> None:
        """Closes with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    async def secure(self, context: ssl.SSLContext) -> "SecureCall":
        """The same connection under TLS. Raises `EOFError` or `ssl.SSLError` where the client does not go along."""
        secure = SecureCall(self, context)
        await secure.shake()
        return secure


class SecureCall:
    """A connection under TLS, by `ssl.MemoryBIO`: no transport is left behind, whatever the client does."""

    def __init__(self, call: Call, context: ssl.SSLContext) -> None:
        self._call = call
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def shake(self) -> None:
        done = False
        while not done:
            try:
                self._tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            await self._call.send(self._outgoing.read())
            if not done:
                await self._take_in()

    async def receive(self) -> bytes:
        """What the client said; empty once it has gone."""
        while True:
            try:
                return self._tls.read(65_536)
            except ssl.SSLWantReadError:
                try:
                    await self._take_in()
                except EOFError:
                    return b""

    async def send(self, data: bytes) -> None:
        self._tls.write(data)
        await self._call.send(self._outgoing.read())

    async def _take_in(self) -> None:
        data = await self._call.receive()
        if not data:
            raise EOFError
        self._incoming.write(data)


Script = Callable[[Call], Awaitable[None]]


class Peer:
    """Listens within `async with`."""

    def __init__(self, script: Script, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.script = script
        self.host = host
        self.port = port
        self.accepted = 0
        self.heard: list[bytes] = []
        self.spoken_to = asyncio.Event()
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, self.port), family=family)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    def _start(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        # Scripts outlive one another and are all ended with the peer: a set of tasks, and no TaskGroup.
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self) -> None:
        assert self._listener is not None
        while True:
            accepted, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            # Without it an answer waits 40 ms for the client's delayed acknowledgement of what went before it.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            self._start(self._serve(accepted)).add_done_callback(partial(_close, accepted))

    async def _serve(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            await self.script(Call(self, accepted))


def _close(accepted: socket.socket, _: object) -> None:
    """In a callback and not in the script: a task that is cancelled before it began runs nothing of its own."""
    accepted.close()


async def silence(call: Call) -> None:
    """Takes everything and says nothing."""
    await call.hear()
    await call.wait_for_end()


async def close_after_hello(call: Call) -> None:
    """FIN after the first words."""
    await call.hear()


async def reset_after_hello(call: Call) -> None:
    """RST after the first words."""
    await call.hear()
    call.reset()


def say(data: bytes) -> Script:
    """These bytes in answer to the first words, then FIN once the client has gone."""

    async def script(call: Call) -> None:
        await call.hear()
        await call.send(data)
        call.socket.shutdown(socket.SHUT_WR)
        await call.wait_for_end()

    return script


def alert(number: int) -> Script:
    """A fatal TLS alert in plain text."""
    return say(bytes([21, 3, 3, 0, 2, 2, number]))


garbage = say(b"\x00\xff not TLS and not HTTP at all \r\n\r\n")


def flood(head: bytes) -> Script:
    """A head, and then bytes for as long as anybody takes them."""

    async def script(call: Call) -> None:
        await call.hear()
        await call.send(head)
        while True:
            await call.send(b"x" * 65_536)

    return script


def drip(data: bytes) -> Script:
    """These bytes at once, and then silence with the connection open."""

    async def script(call: Call) -> None:
        await call.hear()
        await call.send(data)
        await call.wait_for_end()

    return script


def by_name(name: str, otherwise: Script, honest: Script) -> Script:
    """A censor with one name: `otherwise` for first words that hold it, an honest server for all others."""

    async def script(call: Call) -> None:
        await (otherwise if name.encode() in await call.peek() else honest)(call)

    return script


Respond = Callable[[h11.Request, bytes], bytes]
"""A request and its body to the whole response, head and all."""


def response(body: bytes = b"", *, status: str = "200 OK", headers: Mapping[str, str] | None = None) -> bytes:
    """A response in full."""
    fields = {"Content-Type": "text/html", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


PAGE = response(b"<html><title>An honest site</title><body>All is well here.</body></html>", headers={"Server": "lab"})


def serve_http(respond: Respond | None = None) -> Script:
    """An honest server without TLS."""

    async def script(call: Call) -> None:
        await _serve_requests(call, respond or (lambda request, body: PAGE))

    return script


def serve_https(context: ssl.SSLContext, respond: Respond | None = None) -> Script:
    """An honest server with TLS."""

    async def script(call: Call) -> None:
        await _serve_requests(await call.secure(context), respond or (lambda request, body: PAGE))

    return script


async def _serve_requests(call: Call | SecureCall, respond: Respond) -> None:
    """Requests, one after another, until the client goes."""
    while True:
        connection, request, body = h11.Connection(h11.SERVER), None, b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                data = await call.receive()
                if not data:
                    return
                connection.receive_data(data)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
        assert request is not None
        await call.send(respond(request, body))


def serve_doh(context: ssl.SSLContext, answer: Answer) -> Script:
    """A resolver over HTTPS (POST) that says what a `DnsServer` would; a reply without any is HTTP 500."""

    async def script(call: Call) -> None:
        def respond(request: h11.Request, body: bytes) -> bytes:
            question = read_question(body)
            replies = answer(question, call.client) if question else ()
            if question is None or not replies:
                return response(b"", status="500 Internal Server Error")
            return response(to_wire(replies[0], question), headers={"Content-Type": "application/dns-message"})

        await serve_https(context, respond)(call)

    return script


def serve_dns(answer: Answer) -> Script:
    """A resolver over TCP (RFC 7766) that says what a `DnsServer` would, at the same port as one."""

    async def script(call: Call) -> None:
        buffer = b""
        while data := await call.receive():
            buffer += data
            while len(buffer) >= 2 and len(buffer) >= (end := 2 + int.from_bytes(buffer[:2])):
                question, buffer = read_question(buffer[2:end]), buffer[end:]
                for reply in answer(question, call.client) if question else ():
                    wire = to_wire(reply, question)
                    await call.send(len(wire).to_bytes(2) + wire)

    return script


def free_port(host: str = "127.0.0.1") -> int:
    """A port where nobody listens, nor will."""
    return hold(host)
