"""Waits of tests for what must come."""

import asyncio
from collections.abc import Callable

PATIENCE_S = 60.0
"""So long that only what never comes is late, however busy the machine; less than pytest gives a test."""


async def until(condition: Callable[[], object]) -> None:
    """Returns once it holds, where there is no event to wait for. Raises `TimeoutError` where it never does."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
