"""A session as the simulated agents of the fault tests open it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from rabta_agent.channel import OPTIONS
from rabta_proto.v1 import collector_pb2 as wire

METHOD = "/rabta.v1.Collector/Session"
ANSWER_S = 30.0
"""For which an agent waits for any answer."""


@asynccontextmanager
async def greeted(port: int, credential: str) -> AsyncIterator[Any]:
    """A call over a connection of its own, welcomed. Raises `grpc.aio.AioRpcError` and `TimeoutError`."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as channel:
        call = channel.stream_stream(METHOD)(metadata=(("authorization", f"Bearer {credential}"),))
        async with asyncio.timeout(ANSWER_S):
            await call.write(wire.SessionRequest(hello=wire.Hello(agent_version="0")).SerializeToString())
            await call.read()
        yield call
