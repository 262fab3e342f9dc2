"""A connection ends within its bound, whatever its server does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rabta_collector.jetstream import closing, link
from rabta_collector.jetstream.closing import close
from rabta_collector.jetstream.place import parse_place
from rabta_collector.jetstream.talk import Talk
from rabta_collector.jetstream.wire import Wire
from support.guarded import guarded
from support.nats import Nats
from support.waiting import PATIENCE_S

PIECE, PIECES = b"x" * 1_000_000, 12


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[Nats]:
    async with Nats(tmp_path).running() as running:
        yield running


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "CLOSE_S", 0.3)


async def test_a_wire_to_a_server_that_reads_nothing_closes_all_the_same(nats: Nats) -> None:
    wire, (node,) = Wire(parse_place(nats.url()), "test"), nats.nodes
    client = await wire.client()
    node.stand_still()
    try:
        for _ in range(PIECES):
            await client.publish("elsewhere", PIECE)
        async with asyncio.timeout(PATIENCE_S / 2):
            await wire.close()
    finally:
        node.go_on()
    assert client.is_closed
    assert not client._transport._io_writer.transport.get_write_buffer_size()  # type: ignore[union-attr] # nothing waits


async def test_who_talks_to_a_server_that_reads_nothing_ends_all_the_same(nats: Nats) -> None:
    talk, (node,) = Talk(parse_place(nats.url())), nats.nodes
    await talk.open({})
    node.stand_still()
    try:
        for _ in range(PIECES):
            await talk.say("word", text=PIECE)
        async with asyncio.timeout(PATIENCE_S / 2):
            await talk.close()
    finally:
        node.go_on()


async def test_so_does_a_line_with_tls(tmp_path: Path) -> None:
    with guarded(tmp_path) as servers:
        client = await link.connect(servers.place("collector"), name="test")
        for node in servers.nodes:
            node.stand_still()
        for _ in range(PIECES):
            await client.publish("elsewhere", PIECE)
        async with asyncio.timeout(PATIENCE_S / 2):
            await close(client)
        assert client.is_closed


async def test_what_was_published_before_is_there_where_the_server_reads(
    nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "CLOSE_S", PATIENCE_S)
    place = parse_place(nats.url())
    listening, speaking = await link.connect(place, name="listens"), await link.connect(place, name="speaks")
    heard = await listening.subscribe("word")
    await listening.flush()
    await speaking.publish("word", b"a")
    await close(speaking)
    assert b"a" == (await heard.next_msg(PATIENCE_S)).data
    await close(listening)
    await close(listening)  # once more is nothing
