"""A listening socket that can be closed, opened again at the same place and made deaf to some networks.

Closing it refuses newcomers and leaves the connections that stand; `end` takes those too.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network

from lab.silence import drop_from

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Listener:
    """Serves each connection in a task of its own; what a client does to its connection ends only that task."""

    def __init__(self, host: str, serve: Serve, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = port
        self._serve = serve
        self._tls = tls
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listens, unless it does already; the first time at any free port where none was given."""
        if self._server is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        self._socket = listener
        self._server = await asyncio.start_server(self._accept, sock=listener, ssl=self._tls, backlog=256)

    def close(self) -> None:
        """Refuses newcomers from now on."""
        if self._server is not None:
            self._server.close()
        self._server = self._socket = None

    def drop_from(self, sources: Sequence[IPv4Network]) -> None:
        """Leaves SYNs from these networks unanswered, and those of all others no more."""
        if self._socket is not None:
            drop_from(self._socket, sources)

    async def end(self) -> None:
        self.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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


def source_of(writer: asyncio.StreamWriter) -> str:
    """Address that a connection came from."""
    return str(writer.get_extra_info("peername")[0])


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
