"""What is looked after again and again."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from rabta_collector import upkeep
from rabta_collector.accounts import Accounts
from rabta_collector.outliers import SCORES
from rabta_collector.registry import Registry
from support.collector_server import Server


class Watched(Accounts):
    """Says so whenever a fact was kept."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self.kept: asyncio.Queue[str] = asyncio.Queue()

    async def keep_fact(self, key: str, value: str) -> None:
        await super().keep_fact(key, value)
        self.kept.put_nowait(key)


async def test_scores_are_noted_to_the_hundredth_whenever_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "SCORES_S", 0.0)
    accounts, registry = Watched(Registry(tmp_path / "state.sqlite")), Registry(tmp_path / "state.sqlite")
    scores = {"a": 0.12345}
    keeping = asyncio.create_task(upkeep.keep_scores(accounts, lambda: scores))
    for expected in ({"a": 0.12}, {"a": 0.12, "b": 1.0}):
        assert SCORES == await asyncio.wait_for(accounts.kept.get(), 30)
        assert expected == json.loads(registry.fact(SCORES) or "")
        scores["b"] = 1.0
    keeping.cancel()
    await accounts.close()
    registry.close()


async def test_an_agent_that_left_by_a_call_that_was_cut_off_is_put_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "REVOCATION_S", 0.01)
    async with Server(tmp_path / "data").running() as server:
        agent = await server.join()
        async with agent.session() as session:
            await server.accounts.leave(agent.id, forget=True)  # and nobody is there to end its session
            watching = asyncio.create_task(upkeep.watch_registry(server.accounts, server.service))
            assert grpc.StatusCode.UNAUTHENTICATED == await session.status()
            watching.cancel()


class Offers:
    """Plans that take a while each, as a planner makes them."""

    def __init__(self, each_s: float, count: int) -> None:
        self.each_s, self.count = each_s, count

    def offers(self, _sessions: object, _others: object) -> Iterator[bool]:
        for number in range(self.count):
            end = time.thread_time() + self.each_s
            while time.thread_time() < end:
                pass
            yield number % 2 == 0


async def test_plans_are_made_in_slices_between_which_others_are_served() -> None:
    served = 0

    async def others() -> None:
        nonlocal served
        while True:
            served += 1
            await asyncio.sleep(0)

    serving = asyncio.create_task(others())
    planner = Offers(upkeep.SLICE_S / 2, 40)
    assert 20 == await upkeep.share_out(planner, {})  # type: ignore[arg-type] # what it needs of a planner
    serving.cancel()
    assert served >= 10  # were it one slice, they would have been served once
