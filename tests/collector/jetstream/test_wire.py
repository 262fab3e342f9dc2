"""A connection to a server that lost the others is left for another one."""

import asyncio
from pathlib import Path

import pytest

from rabta_collector.jetstream import link
from rabta_collector.jetstream.link import NoAnswerError
from rabta_collector.jetstream.place import parse_place
from rabta_collector.jetstream.wire import Wire
from support.guarded import guarded
from support.nats import Nats, Node
from support.ports import hold
from support.waiting import PATIENCE_S, until


async def answers(wire: Wire) -> bool:
    try:
        await link.ask(await wire.client(), "INFO")
    except NoAnswerError:
        return False
    return True


async def test_a_server_that_takes_connections_and_does_not_answer_is_left(tmp_path: Path) -> None:
    """It has no JetStream, which is what a server beyond a cut looks like to who reaches it."""
    alone, other = Node(tmp_path, "alone", hold(), "debug: false\n"), Nats(tmp_path)
    wire = Wire(parse_place(f"nats://127.0.0.1:{alone.port},{other.servers}/rabta"), "test")
    alone.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    before = await wire.client()
                    break
                except NoAnswerError:
                    await asyncio.sleep(0.05)
            assert not await answers(wire)
            async with other.running():
                while not await answers(wire):  # noqa: ASYNC110 - of a server, no event
                    await asyncio.sleep(0.05)
                assert before is not await wire.client()
                assert await wire.client() is await wire.client()
    finally:
        await wire.close()
        alone.kill()
    assert before.is_closed


async def test_a_server_that_hangs_up_is_nothing_that_asyncio_complains_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its own complaint would stand among what a command prints (of TLS that was put on a stream)."""
    with guarded(tmp_path) as servers:
        client = await link.connect(servers.place("operator"), name="test")
        for node in servers.nodes:
            node.kill()
        await until(lambda: not client.is_connected)
        await client.close()
    assert [] == [record.getMessage() for record in caplog.records if record.name == "asyncio"]
