"""Has tasks end for certain."""

import asyncio
from typing import Any

AGAIN_S = 5.0  # what a task does at its end may take a while


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancels tasks and waits until they are over; what they raise is let go.

    Once may not do: before Python 3.12 `asyncio.wait_for` forgets a cancellation that comes together with its result.
    """
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
