"""Carries datagrams between clients and a server, or loses them: UDP's part of the path."""

import asyncio
from collections.abc import Callable
from typing import Any

Carries = Callable[[str], bool]
"""Whether a datagram from a source address gets through."""

Address = tuple[str, int]


class UdpRelay(asyncio.DatagramProtocol):
    """Listens at one address, and speaks to the server from a socket of its own for each client."""

    def __init__(self, host: str, server: Address, carries: Carries) -> None:
        self.host = host
        self._server = server
        self._carries = carries
        self._transport: asyncio.DatagramTransport | None = None
        self._ways: dict[Address, asyncio.Future[asyncio.DatagramTransport]] = {}

    async def open(self, port: int = 0) -> int:
        """The port, any that is free where none is given. Raises `OSError` where it is taken."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, port))
        return int(self._transport.get_extra_info("sockname")[1])

    def end(self) -> None:
        for way in self._ways.values():
            if way.done() and not way.exception():
                way.result().close()
            way.cancel()
        self._ways.clear()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self._carries(addr[0]):
            return
        way = self._ways.get(addr)
        if way is None:
            way = self._ways[addr] = asyncio.ensure_future(self._make_way(addr))
        if way.done():
            way.result().sendto(data)
        else:
            way.add_done_callback(lambda made: None if made.cancelled() else made.result().sendto(data))

    async def _make_way(self, client: Address) -> asyncio.DatagramTransport:
        def back(data: bytes) -> None:
            if self._transport is not None and self._carries(client[0]):
                self._transport.sendto(data, client)

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Way(back), remote_addr=self._server)
        return transport


class _Way(asyncio.DatagramProtocol):
    def __init__(self, back: Callable[[bytes], None]) -> None:
        self._back = back

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._back(data)
