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
FOLDED = grpc.Compression.Gzip


async def test_a_bomb_is_refused_while_it_unfolds(tmp_path: Path) -> None:
    async with rig(tmp_path) as system:
        await system.start()
        token = await run(COLLECTOR, "invite", f"--data={system.data}", "--isp=ptcl")
        agent = await Agent.join(f"127.0.0.1:{system.grpc}", token.split()[0])
        assert grpc.StatusCode.INVALID_ARGUMENT is await agent.end_of(bytes(MIB), compression=FOLDED)
        before = memory(system.collector.pid, "VmHWM")
        code = await agent.end_of(bytes(BOMB_BYTES), compression=FOLDED)
        moved = memory(system.collector.pid, "VmHWM") - before
        assert 200 == (await system.ask("metrics")).status
    tell("bomb", mib=BOMB_BYTES // MIB, moved_kib=moved // 1024, answer=code.name)
    assert grpc.StatusCode.RESOURCE_EXHAUSTED is code
    assert moved < MOST_BYTES
