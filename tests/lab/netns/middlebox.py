"""The transparent proxy in a router: takes connections that the kernel redirects to it, and reads their first words.

What a block is about it ends or answers; anything else it carries, byte for byte, to where it was going. It sees whole
ClientHellos and requests, however many segments they came in.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable

from lab.link import splice
from lab.listening import Listener, hold
from lab.netns.namespaces import inside
from lab.netns.rules import MIDDLEBOX_PORT, PROXIED_HTTP, PROXIED_TLS
from lab.netns.world import FORGER_HOST, TO_BLOCKPAGE_HOST, TO_NOTICE_HOST, Block, World
from lab.opening import OTHER, Opening, Speech, read_opening
from lab.scenario import CensorKind
from lab.sites.site import BLOCKPAGE_HOST, NOTICE_HOST

UNRECOGNIZED_NAME = bytes.fromhex("15 0303 0002 02 70")  # a fatal alert (RFC 8446 section 6)
_SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h
_PATIENCE_S = 30.0  # for a client that says nothing
_IN_ITS_PLACE = {
    CensorKind.TLS_FORGED: FORGER_HOST,
    CensorKind.HOST_BLOCKPAGE: BLOCKPAGE_HOST,
    CensorKind.HOST_BLOCKPAGE_UNKNOWN: NOTICE_HOST,
    CensorKind.HOST_REDIRECT: TO_BLOCKPAGE_HOST,
    CensorKind.HOST_REDIRECT_UNKNOWN: TO_NOTICE_HOST,
}

Endpoint = tuple[str, int]


def concerns(block: Block, opening: Opening) -> bool:
    """Whether what a client said is what a block is about."""
    if block.kind is CensorKind.TLS_CLOSE:
        return opening.speech is Speech.TLS
    speech = Speech.TLS if block.kind in PROXIED_TLS else Speech.HTTP
    return opening.speech is speech and opening.name == block.host


class Middlebox:
    """One network's; `blocks` of other kinds are not its business."""

    def __init__(self, world: World, namespace: str, blocks: Iterable[Block]) -> None:
        self._world = world
        self._namespace = namespace
        proxied = [block for block in blocks if block.kind in PROXIED_TLS | PROXIED_HTTP]
        self._blocks = {address: block for block in proxied for address in block.addresses}
        self.listener = Listener("0.0.0.0", self._serve, port=MIDDLEBOX_PORT)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, port = _destination(writer.get_extra_info("socket"))
        said, opening = await _first_words(reader)
        block = self._blocks.get(address)
        if block is None or not concerns(block, opening):
            return await self._carry((address, port), said, reader, writer)
        host = _IN_ITS_PLACE.get(block.kind)
        if host is not None:
            return await self._carry((self._world.address(host), port), said, reader, writer)
        if block.kind is CensorKind.SNI_ALERT:
            writer.write(UNRECOGNIZED_NAME)
            await hold(reader)
        # otherwise returning closes, with FIN

    async def _carry(
        self, to: Endpoint, said: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with inside(self._namespace):
            way = socket.socket()
        way.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(way, to)
        except BaseException:
            way.close()
            raise
        server = await asyncio.open_connection(sock=way)
        server[1].write(said)
        try:
            await splice((reader, writer), server, _open_gate())
        finally:
            server[1].close()


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


def _destination(connection: socket.socket) -> Endpoint:
    """Where a redirected connection was going (IPv4)."""
    port, address = struct.unpack("!2xH4s8x", connection.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16))
    return socket.inet_ntoa(address), port


async def _first_words(reader: asyncio.StreamReader) -> tuple[bytes, Opening]:
    """Reads until the opening can be told; a client that goes or stays silent has said nothing."""
    said = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            while (opening := read_opening(said)) is None:
                data = await reader.read(4096)
                if not data:
                    return said, OTHER
                said += data
            return said, opening
    return said, OTHER
