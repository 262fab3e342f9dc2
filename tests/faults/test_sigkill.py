"""Either end is killed at random moments, again and again: nothing acknowledged is lost, nothing counted twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from pathlib import Path
from random import Random

import pytest

from faults.asked import TIMEOUT_S, dice, rounds, tell
from faults.rig import Rig, rig

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

MOST_ROWS = 30  # that the journal grows by before the next kill


class Victim(StrEnum):
    """Who is killed."""

    COLLECTOR = "collector"
    AGENT = "agent"
    BOTH = "both"


async def kill(system: Rig, victim: Victim) -> None:
    """SIGKILL, and then nobody of them is left."""
    killed = [system.collector] if victim is not Victim.AGENT else []
    killed += [member.program for member in system.members] if victim is not Victim.COLLECTOR else []
    for program in killed:
        program.kill()
    assert {-9} == set(await asyncio.gather(*(program.ended() for program in killed)))


async def start_again(system: Rig, victim: Victim) -> None:
    if victim is not Victim.COLLECTOR:
        await asyncio.gather(*(member.program.start() for member in system.members))
    if victim is not Victim.AGENT:
        await system.start()


async def killing(system: Rig, random: Random, count: int) -> int:
    """Rounds of killing; how many processes that cost."""
    kills = 0
    for number in range(count):
        await system.until_rows(system.rows() + random.randrange(1, MOST_ROWS))
        victim = random.choice(list(Victim))
        await kill(system, victim)
        kills += 2 if victim is Victim.BOTH else 1
        finding = await system.account()
        assert finding.good, f"round {number}, {victim} killed: {finding}"
        await start_again(system, victim)
    return kills


async def test_sigkill_of_either_end_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    random, count = dice("sigkill"), rounds(3)
    async with rig(tmp_path) as system:
        await system.start()
        member = await system.join("producer")
        await member.program.start()
        kills = await killing(system, random, count)
        await system.deliver()
        finding = await system.account()
    tell("sigkill", rounds=count, kills=kills, **finding.figures())
    assert finding.good, str(finding)
    assert 0 == finding.waiting
    assert finding.records > count


@asynccontextmanager
async def site() -> AsyncIterator[int]:
    """A site on loopback that answers; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_the_whole_agent_measures_and_is_killed_as_well(tmp_path: Path) -> None:
    """No diary: what its own spool gave numbers to is what must be there."""
    random, count = dice("sigkill-whole"), rounds(1)
    async with site() as port, rig(tmp_path, site=port) as system:
        await system.start()
        member = await system.join("agent", whole=True)
        await member.program.start()
        kills = await killing(system, random, count)
        await system.deliver()
        finding = await system.account()
    tell("sigkill-whole", rounds=count, kills=kills, **finding.figures())
    assert finding.good, str(finding)
    assert 0 == finding.waiting
    assert finding.records > 0
