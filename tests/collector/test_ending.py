"""A task that misses one cancellation ends all the same."""

import asyncio

import pytest

from rabta_collector import ending


async def test_a_task_that_misses_a_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "AGAIN_S", 0.01)
    missed, began = 0, asyncio.Event()

    async def work() -> None:
        nonlocal missed
        while True:
            try:
                began.set()
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                missed += 1
                if missed == 2:
                    raise

    task = asyncio.create_task(work())
    await began.wait()
    await ending.end(task)
    assert task.cancelled()
    assert missed == 2


async def test_what_a_task_raises_at_its_end_is_let_go() -> None:
    async def work() -> None:
        raise ValueError

    await ending.end(asyncio.create_task(work()))
