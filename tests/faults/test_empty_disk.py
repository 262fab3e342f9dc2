"""A NATS server comes back under its name with an empty disk, as a machine that was replaced: the others fill it."""

import asyncio
import shutil
from pathlib import Path

import pytest

from faults.asked import TIMEOUT_S, dice, rounds, tell
from faults.fleet import Fleet, fleet
from rabta_collector.jetstream.place import parse_place
from support.nats import Nats, Node

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

NODES = 3


async def replace(nats: Nats, node: Node, tmp_path: Path, system: Fleet) -> None:
    """Its machine is gone, and another one has its name; agents go on all the while."""
    node.kill()
    await system.until_rows(system.rows() + 20)
    shutil.rmtree(tmp_path / f"store{nats.nodes.index(node)}")
    node.start()


async def test_a_node_that_comes_back_empty_is_filled_and_carries_the_stream_from_then_on(tmp_path: Path) -> None:
    random, count = dice("empty-disk"), rounds(1, 30)
    loop, filled_s = asyncio.get_running_loop(), list[float]()
    async with Nats(tmp_path, nodes=NODES).running() as nats, fleet(tmp_path, parse_place(nats.url())) as system:
        await system.start()
        for number, part in enumerate(system.ingests):
            member = await system.join(f"producer{number}", url=part.url)
            await member.program.start()
        await system.until_rows(system.rows() + 50)
        for _ in range(count):
            led = random.random() < 0.5
            node = await nats.leader() if led else random.choice(nats.nodes)
            await replace(nats, node, tmp_path, system)
            began = loop.time()
            await nats.whole()
            filled_s.append(loop.time() - began)
            finding = await system.account()
            assert finding.good, f"{node.name} was filled: {finding}"
            other = random.choice([one for one in nats.nodes if one is not node])  # now two carry it, one of them new
            other.kill()
            await system.until_rows(system.rows() + 20)
            finding = await system.account()
            assert finding.good, f"{other.name} is gone, {node.name} was filled: {finding}"
            other.start()
            await nats.whole()
        await system.deliver()
        finding = await system.account()
    tell("empty-disk", rounds=count, longest_s=round(max(filled_s), 1), **finding.figures())
    assert finding.good, str(finding)
    assert 0 == finding.waiting
