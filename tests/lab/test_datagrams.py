import asyncio
import socket

import pytest

from lab.datagrams import UdpRelay
from support.quic_server import open_udp_peer, say, silence
from support.waiting import PATIENCE_S

HOST, HERE, ELSEWHERE = "127.34.0.1", "127.35.0.1", "127.36.0.1"
SOON_S = 0.3


async def ask(port: int, source: str, *, within: float = PATIENCE_S) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.bind((source, 0))
        await loop.sock_connect(client, (HOST, port))
        await loop.sock_sendall(client, b"?")
        async with asyncio.timeout(within):
            return await loop.sock_recv(client, 2048)


async def test_datagrams_go_both_ways_for_each_client() -> None:
    async with open_udp_peer(say(b"!")) as server:
        relay = UdpRelay(HOST, (server.address, server.port), lambda _: True)
        port = await relay.open()
        assert [b"!", b"!"] == await asyncio.gather(ask(port, HERE), ask(port, ELSEWHERE))
        assert [b"?", b"?"] == list(server.heard)
        relay.end()


async def test_what_is_not_carried_never_reaches_the_server() -> None:
    async with open_udp_peer(say(b"!")) as server:
        relay = UdpRelay(HOST, (server.address, server.port), lambda source: source != HERE)
        port = await relay.open()
        with pytest.raises(TimeoutError):
            await ask(port, HERE, within=SOON_S)
        assert not server.heard
        assert b"!" == await ask(port, ELSEWHERE)
        relay.end()


async def test_a_way_that_stands_can_be_cut() -> None:
    open_ = True
    async with open_udp_peer(silence) as server:
        relay = UdpRelay(HOST, (server.address, server.port), lambda _: open_)
        port = await relay.open()
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect((HOST, port))
            await loop.sock_sendall(client, b"?")
            async with asyncio.timeout(PATIENCE_S):
                await server.spoken_to.wait()
            open_ = False
            await loop.sock_sendall(client, b"?")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SOON_S):
                    await loop.sock_recv(client, 2048)
        assert [b"?"] == list(server.heard)
        relay.end()
