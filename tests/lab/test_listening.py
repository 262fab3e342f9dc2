import asyncio
import socket
from ipaddress import IPv4Network

import pytest

from lab.listening import Listener, Manner, hold
from support.waiting import PATIENCE_S

HERE, ELSEWHERE = "127.31.0.1", "127.32.0.1"
SOON_S = 0.3


async def connect(listener: Listener, source: str, *, within: float = PATIENCE_S) -> None:
    with socket.socket() as client:
        client.setblocking(False)
        client.bind((source, 0))
        async with asyncio.timeout(within):
            await asyncio.get_running_loop().sock_connect(client, (listener.host, listener.port))


async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await hold(reader)


async def test_a_listener_is_deaf_to_some_networks_and_hears_them_again() -> None:
    listener = Listener("127.33.0.1", serve)
    await listener.be(Manner.ACCEPTS, deaf_to=[IPv4Network("127.31.0.0/16"), IPv4Network("127.40.0.0/16")])
    with pytest.raises(TimeoutError):
        await connect(listener, HERE, within=SOON_S)
    await connect(listener, ELSEWHERE)
    await listener.be(Manner.ACCEPTS)
    await connect(listener, HERE)
    await listener.end()


async def test_what_is_cut_off_later_keeps_the_connections_that_stand() -> None:
    spoken: list[bytes] = []
    heard = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        spoken.append(await reader.readexactly(5))
        heard.set()

    listener = Listener("127.33.0.2", listen)
    await listener.open()
    _, writer = await asyncio.open_connection(listener.host, listener.port, local_addr=(HERE, 0))
    await listener.be(Manner.ACCEPTS, deaf_to=[IPv4Network("127.31.0.0/16")])
    writer.write(b"still")
    async with asyncio.timeout(PATIENCE_S):
        await heard.wait()
    assert [b"still"] == spoken
    writer.close()
    await listener.end()


async def test_a_listener_on_an_ipv6_address_can_be_silent() -> None:
    listener = Listener("::1", serve)
    await listener.open()
    await listener.be(Manner.SILENT)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON_S):
            await asyncio.open_connection(listener.host, listener.port)
    await listener.end()


async def test_who_was_accepted_a_moment_before_a_change_is_served() -> None:
    """asyncio accepts in one turn of the loop and serves in the next; between the two the server must not be gone."""
    heard = asyncio.Event()

    async def note(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heard.set()
        await hold(reader)

    listener = Listener("127.33.0.3", note)
    await listener.open()
    with socket.create_connection((listener.host, listener.port)):
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # accepted by now, and not served yet
        await listener.be(Manner.REFUSES)
        async with asyncio.timeout(PATIENCE_S):
            await heard.wait()
    await listener.end()
