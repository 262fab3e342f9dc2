"""Work in a task of its own, so that whoever awaits it never loses a cancellation that is meant for itself."""

import asyncio
from collections.abc import Coroutine


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
