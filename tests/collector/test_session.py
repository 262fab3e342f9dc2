"""What an agent is told while the journal keeps its batch waiting."""

import asyncio
from typing import cast

import pytest

from rabta_collector import session
from rabta_collector.ingest import Ingest
from rabta_collector.session import Session
from rabta_proto.v1 import collector_pb2 as link
from support.collector_server import batch
from support.journaling import MEMBER


class Slow:
    """An ingest whose journal takes its time."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()

    def now(self) -> float:
        return 0.0

    async def take(self, *_: object, **__: object) -> link.Ack:
        await self.goes_on.wait()
        return link.Ack(epoch=7)


class Wire:
    """A stream that brings these messages, and says when something was written."""

    def __init__(self, *messages: bytes) -> None:
        self._messages, self.closes = list(messages), asyncio.Event()
        self.written: asyncio.Queue[link.SessionResponse] = asyncio.Queue()

    async def read(self) -> bytes | None:
        if self._messages:
            return self._messages.pop(0)
        await self.closes.wait()
        return None

    async def write(self, message: bytes) -> None:
        self.written.put_nowait(link.SessionResponse.FromString(message))


async def test_an_agent_whose_batch_waits_is_asked_to_slow_down_and_acknowledged_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "STALLED_S", 0.01)
    slow, wire = Slow(), Wire(link.SessionRequest(batch=batch(1)).SerializeToString())
    one = Session(member=MEMBER, stream=wire, ingest=cast(Ingest, slow), heartbeat_s=60)
    running = asyncio.create_task(one.run())
    told = await wire.written.get()
    assert (0, True) == (told.slow_down.backlog_bytes_per_s, told.slow_down.for_s > 0)
    slow.goes_on.set()
    assert 7 == (await wire.written.get()).ack.epoch
    wire.closes.set()
    await running


async def test_an_agent_whose_batch_is_kept_at_once_is_told_nothing_else() -> None:
    slow, wire = Slow(), Wire(link.SessionRequest(batch=batch(1)).SerializeToString())
    slow.goes_on.set()
    one = Session(member=MEMBER, stream=wire, ingest=cast(Ingest, slow), heartbeat_s=60)
    running = asyncio.create_task(one.run())
    assert 7 == (await wire.written.get()).ack.epoch
    wire.closes.set()
    await running
    assert wire.written.empty()
