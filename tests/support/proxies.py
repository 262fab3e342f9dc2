"""Proxies on loopback that note what they were asked: HTTP CONNECT, and SOCKS5 with and without a password.

Names are looked up in `names` alone, as a proxy abroad would with a resolver of its own: no test asks a real one.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from lab.closing import close_server


@dataclass(slots=True, kw_only=True)
class FakeProxy:
    """What it does, and what it was asked: HOST:PORT, in order."""

    names: Mapping[str, str]
    user: str = ""
    password: str = ""
    refusal: str = ""  # of CONNECT: a status line's rest; of SOCKS5: a reply's number
    port: int = 0
    asked: list[str] = field(default_factory=list)

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split(" ")[1]
        self.asked.append(target)
        wanted = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if self.refusal or (self.user and f"Basic {wanted}" not in head):
            writer.write(f"HTTP/1.1 {self.refusal or '407 Proxy Authentication Required'}\r\n\r\n".encode())
            return
        host, _, port = target.rpartition(":")
        await self._join(reader, writer, host, int(port), b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if self.user and 2 not in methods:
            writer.write(b"\x05\xff")
            return
        writer.write(b"\x05\x02" if self.user else b"\x05\x00")
        if self.user:
            _, length = await reader.readexactly(2)
            user = await reader.readexactly(length)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            good = (user.decode(), password.decode()) == (self.user, self.password)
            writer.write(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        _, _, _, kind = await reader.readexactly(4)
        assert 3 == kind  # a name, for the proxy to resolve
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.asked.append(f"{host}:{port}")
        if self.refusal:
            writer.write(bytes([5, int(self.refusal), 0, 1]) + bytes(6))
            return
        await self._join(reader, writer, host, port, b"\x05\x00\x00\x01" + bytes(6))

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int, answer: bytes
    ) -> None:
        beyond, towards = await asyncio.open_connection(self.names[host], port)
        writer.write(answer)
        try:
            await asyncio.gather(copy(reader, towards), copy(beyond, writer))
        finally:
            towards.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(speak: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """A server on loopback that is gone at the end with all that it had open; its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                if server.is_serving():  # else it came as we went
                    await speak(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()  # what is not sent yet will not be
            raise
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await close_server(server)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def proxying(proxy: FakeProxy, *, socks: bool = False) -> AsyncIterator[FakeProxy]:
    """The proxy on a loopback port."""
    async with serving(proxy.socks if socks else proxy.http) as proxy.port:
        yield proxy
