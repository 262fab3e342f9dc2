"""A NATS server comes back under its name with an empty disk, as a machine that was replaced: the others fill it."""

import asyncio
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import nats as library
import pytest

from faults.asked import PATIENCE_S, TIMEOUT_S, dice, rounds, tell
from faults.fleet import Fleet, fleet
from lab.waiting import until
from rabta_collector.jetstream.place import parse_place
from support.nats import Nats, Node

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

NODES = 3


async def asked(nats: Nats, what: str) -> dict[str, Any]:
    async with nats.client() as client:
        with suppress(library.errors.Error, TimeoutError):
            answer: dict[str, Any] = json.loads((await client.request(f"$JS.API.{what}", b"", timeout=2)).data)
            return answer
    return {}


async def streams_of(nats: Nats) -> dict[str, dict[str, Any]]:
    found = (await asked(nats, "STREAM.LIST")).get("streams") or []
    return {one["config"]["name"]: one for one in found}


async def whole(nats: Nats, names: set[str]) -> bool:
    """Whether every node has all of every stream, and says so."""
    streams = await streams_of(nats)
    replicas = [one["cluster"].get("replicas") or [] for one in streams.values()]
    return streams.keys() >= names and all(
        len(found) == NODES - 1 and all(one["current"] and not one.get("lag") for one in found) for found in replicas
    )


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
        names = {*await streams_of(nats)}
        for _ in range(count):
            led = random.random() < 0.5
            node = await nats.leader() if led else random.choice(nats.nodes)
            await replace(nats, node, tmp_path, system)
            began = loop.time()
            await until(lambda: whole(nats, names), within=PATIENCE_S, beat=0.2)
            filled_s.append(loop.time() - began)
            finding = await system.account()
            assert finding.good, f"{node.name} was filled: {finding}"
            other = random.choice([one for one in nats.nodes if one is not node])  # now two carry it, one of them new
            other.kill()
            await system.until_rows(system.rows() + 20)
            finding = await system.account()
            assert finding.good, f"{other.name} is gone, {node.name} was filled: {finding}"
            other.start()
            await until(lambda: whole(nats, names), within=PATIENCE_S, beat=0.2)
        await system.deliver()
        finding = await system.account()
    tell("empty-disk", rounds=count, longest_s=round(max(filled_s), 1), **finding.figures())
    assert finding.good, str(finding)
    assert 0 == finding.waiting
