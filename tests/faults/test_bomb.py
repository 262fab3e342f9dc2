"""A compressed message that unfolds to much more than it may is refused, and costs the collector nothing."""

from pathlib import Path

import grpc
import pytest

from faults.asked import TIMEOUT_S, tell
from faults.rig import rig
from faults.test_flood import MIB, memory
from lab.programs import COLLECTOR, run
from support.collector_server import Agent

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

BOMB_BYTES = 128 * MIB
MOST_BYTES = 8 * MIB


async def answer(agent: Agent, target: str, message: bytes) -> grpc.StatusCode:
    """What a session says to one compressed message."""
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        call = channel.stream_stream("/rabta.v1.Collector/Session")(
            metadata=agent.credential, compression=grpc.Compression.Gzip
        )
        try:
            await call.write(message)
            await call.read()
        except grpc.aio.AioRpcError as ended:
            return ended.code()
        return await call.code()


async def test_a_bomb_is_refused_while_it_unfolds(tmp_path: Path) -> None:
    async with rig(tmp_path) as system:
        await system.start()
        target = f"127.0.0.1:{system.grpc}"
        token = await run(COLLECTOR, "invite", f"--data={system.data}", "--isp=ptcl")
        agent = await Agent.join(target, token.split()[0])
        assert grpc.StatusCode.INVALID_ARGUMENT is await answer(agent, target, bytes(MIB))
        before = memory(system.collector.pid, "VmHWM")
        code = await answer(agent, target, bytes(BOMB_BYTES))
        moved = memory(system.collector.pid, "VmHWM") - before
        assert 200 == (await system.ask("metrics")).status
    tell("bomb", mib=BOMB_BYTES // MIB, moved_kib=moved // 1024, answer=code.name)
    assert grpc.StatusCode.RESOURCE_EXHAUSTED is code
    assert moved < MOST_BYTES
