"""A listening socket that accepts, refuses or says nothing, and can change its manner at the same place.

Silence is what a listener falls into whose queue of connections is full (tcp(7), listen(2)): Linux drops a SYN that
would not fit, as a firewall would. So a silent listener is one with a queue of one that nobody ever takes from, and a
connection of our own that fills it. To be silent to some networks alone, a listener has the kernel drop what comes
from them (a socket's own packet filter, SO_ATTACH_FILTER). Neither needs a privilege. Connections that stand are left
alone by every change.
"""

import asyncio
import contextlib
import ctypes
import select
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Collection
from enum import StrEnum
from ipaddress import IPv4Network

from lab.closing import close_server

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Manner(StrEnum):
    """What becomes of a SYN."""

    ACCEPTS = "accepts"
    REFUSES = "refuses"
    SILENT = "silent"


class Listener:
    """Serves each connection in a task of its own; what a client does to its connection ends only that task."""

    def __init__(self, host: str, serve: Serve, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = port
        self._serve = serve
        self._tls = tls
        self._manner = Manner.REFUSES
        self._server: asyncio.Server | None = None
        self._silent: list[socket.socket] = []
        self._deaf_to: frozenset[IPv4Network] = frozenset()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listens; the first time at any free port where none was given."""
        await self.be(Manner.ACCEPTS)

    async def be(self, manner: Manner, *, deaf_to: Collection[IPv4Network] = ()) -> None:
        """Changes what becomes of newcomers; those of some networks are not heard at all."""
        if manner is self._manner and self._deaf_to == frozenset(deaf_to):
            return
        await self._close()
        self._deaf_to = frozenset(deaf_to)
        if manner is not Manner.REFUSES:
            listener = self._bind(backlog=256 if manner is Manner.ACCEPTS else 0)
            if manner is Manner.ACCEPTS:
                self._server = await asyncio.start_server(self._accept, sock=listener, ssl=self._tls, backlog=256)
            else:
                self._silent = [listener, _fill(listener)]
        self._manner = manner

    async def end(self) -> None:
        await self._close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _bind(self, *, backlog: int) -> socket.socket:
        listener = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if self._deaf_to:
                _drop(listener, self._deaf_to)
            listener.bind((self.host, self.port))
            listener.listen(backlog)
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        return listener

    async def _close(self) -> None:
        if self._server is not None:
            await close_server(self._server)
        for silent in self._silent:
            silent.close()
        self._server, self._silent, self._manner = None, [], Manner.REFUSES

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A server outlives its connections and must survive each of them: a set of tasks, and no TaskGroup.
        task = asyncio.get_running_loop().create_task(self._run(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._serve(reader, writer)
        finally:
            writer.close()


_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_SOURCE_ADDRESS = 0xFFF0_000C  # SKF_NET_OFF + 12: in the IPv4 header of the packet
_LOAD, _AND, _UNLESS_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06  # linux/bpf_common.h: ld, and, jeq, ret


def _drop(listener: socket.socket, networks: Collection[IPv4Network]) -> None:
    """Lets the kernel drop what comes from these networks, for the listener and the connections that it accepts."""
    code = []
    for network in networks:
        code += [
            (_LOAD, 0, 0, _SOURCE_ADDRESS),
            (_AND, 0, 0, int(network.netmask)),
            (_UNLESS_EQUAL, 0, 1, int(network.network_address)),
            (_RETURN, 0, 0, 0),
        ]
    code.append((_RETURN, 0, 0, 0xFFFF_FFFF))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(code), ctypes.addressof(program)))


_HANDSHAKE_MS = 10_000


def _fill(listener: socket.socket) -> socket.socket:
    """The one connection that a queue of none has room for."""
    filler = socket.socket(listener.family)
    filler.connect(listener.getsockname())
    queue = select.poll()  # select(2) knows no descriptor beyond 1023, and a country has more
    queue.register(listener, select.POLLIN)
    queue.poll(_HANDSHAKE_MS)  # it is full once the last packet of the handshake is there
    return filler


async def hold(reader: asyncio.StreamReader) -> None:
    """Hears a client out without a word until it goes."""
    while await reader.read(4096):
        pass


def source_of(writer: asyncio.StreamWriter) -> str:
    """Address that a connection came from."""
    return str(writer.get_extra_info("peername")[0])


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
