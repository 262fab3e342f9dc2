"""Waiting for work in tasks of its own, of which none outlives whoever waits."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine


async def apart(work: Coroutine[None, None, None]) -> None:
    """Does the work in a task of its own, so that a cancellation of ours is never lost.

    Python's TaskGroup, up to 3.12, forgets one that comes at the moment at which a child fails.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
        await asyncio.wait({task})
        _ = task.cancelled() or task.exception()  # seen, whether or not anybody asks for it
    task.result()


async def set_or_slept(event: asyncio.Event, sleep: Callable[[float], Awaitable[None]], most_s: float | None) -> None:
    """Waits until the event is set, at most so many seconds; `None`: for the event alone."""
    if most_s is None:
        await event.wait()
        return
    waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(sleep(most_s))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
