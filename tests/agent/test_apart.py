"""Work apart: its end is ours, and a cancellation of ours is heeded even as it fails."""

import asyncio

import pytest

from rabta_agent.apart import apart, set_or_slept


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


async def test_an_event_ends_the_wait_and_so_does_the_time() -> None:
    event, never = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        assert 7.0 == seconds
        await never.wait()

    async def sleep_no_time(seconds: float) -> None:
        pass

    await set_or_slept(event, sleep_no_time, 7.0)
    for most_s in (7.0, None):
        waiting = asyncio.create_task(set_or_slept(event, sleep, most_s))
        await asyncio.sleep(0)
        assert not waiting.done()
        event.set()
        await waiting
        event.clear()
