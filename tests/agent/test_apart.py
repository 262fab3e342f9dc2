"""Work apart: its end is ours, and a cancellation of ours is heeded even as it fails."""

import asyncio

import pytest

from rabta_agent.apart import apart


async def test_what_the_work_raises_is_raised() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await apart(work())


async def test_a_cancellation_ends_the_work_and_is_passed_on() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(apart(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_cancellation_at_the_moment_at_which_the_work_fails_is_heeded() -> None:
    async def work() -> None:
        task.cancel()
        raise ValueError("broken")

    task = asyncio.create_task(apart(work()))
    with pytest.raises(asyncio.CancelledError):
        await task
