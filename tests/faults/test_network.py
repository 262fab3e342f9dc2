"""The way between agent and collector breaks in every manner: everything arrives, once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from faults.asked import TIMEOUT_S, dice, rounds, tell
from faults.rig import Rig, rig
from faults.wires import COLLECTOR, Wires, wires
from support.programs import require, require_namespaces

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow, pytest.mark.root]

FLAPS = 6
MOST_ROWS = 15

Fault = Callable[[Rig, Wires, Random], Awaitable[None]]


@pytest.fixture
async def way() -> AsyncIterator[Wires]:
    require_namespaces("net")
    for program, package in (("ip", "iproute2"), ("tc", "iproute2"), ("iptables", "iptables")):
        require(program, package)
    async with wires() as laid:
        yield laid


async def cut(system: Rig, way: Wires, random: Random) -> None:
    await way.cut()
    await system.until_produced(random.randrange(1, 100))
    await way.mend()


async def half_open_down(system: Rig, way: Wires, random: Random) -> None:
    """What the agent sends arrives, and no acknowledgement comes back."""
    await way.drop(towards_agent=True)
    await system.until_produced(random.randrange(1, 600))
    await way.drop_no_more()


async def half_open_up(system: Rig, way: Wires, random: Random) -> None:
    await way.drop(towards_agent=False)
    await system.until_produced(random.randrange(1, 600))
    await way.drop_no_more()


async def slow(system: Rig, way: Wires, random: Random) -> None:
    await way.slow_down()
    await system.until_rows(system.rows() + 2)
    await system.until_produced(random.randrange(1, 200))
    await way.speed_up()


async def flapping(system: Rig, way: Wires, random: Random) -> None:
    for _ in range(FLAPS):
        await way.cut()
        await asyncio.sleep(random.uniform(0.0, 0.3))  # the length of the fault, not of a wait
        await way.mend()
        await asyncio.sleep(random.uniform(0.0, 0.6))


async def rebinding(system: Rig, way: Wires, random: Random) -> None:
    for _ in range(2):
        await way.rebind()
        await system.until_rows(system.rows() + random.randrange(1, MOST_ROWS))


FAULTS: tuple[Fault, ...] = (cut, half_open_down, half_open_up, slow, flapping, rebinding)


async def test_whatever_becomes_of_the_way_everything_arrives_once(tmp_path: Path, way: Wires) -> None:
    random, count = dice("network"), rounds(1, 30)
    async with rig(tmp_path, host=COLLECTOR, namespace=way.core) as system:
        await system.start()
        member = await system.join("producer", prefix=("ip", "netns", "exec", way.agent))
        await member.program.start()
        for _ in range(count):
            for fault in random.sample(FAULTS, len(FAULTS)):
                await system.until_rows(system.rows() + random.randrange(1, MOST_ROWS))
                await fault(system, way, random)
                finding = await system.account()
                assert finding.good, f"{fault.__name__}: {finding}"
        await system.deliver()
        finding = await system.account()
    tell("network", rounds=count, faults=count * len(FAULTS), **finding.figures())
    assert finding.good, str(finding)
    assert 0 == finding.waiting
