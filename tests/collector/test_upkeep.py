"""What is looked after again and again."""

import asyncio
import json
from pathlib import Path

import pytest

from rabta_collector import upkeep
from rabta_collector.accounts import Accounts
from rabta_collector.outliers import SCORES
from rabta_collector.registry import Registry


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
