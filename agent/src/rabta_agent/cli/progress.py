"""Says that something is going on, where it takes more than a second and a person looks at it."""

import asyncio
import sys
from collections.abc import Awaitable
from typing import TypeVar

from rabta_agent.words import tr

T = TypeVar("T")
PATIENCE_S = 1.0
TICK_S = 1.0


async def showing(work: Awaitable[T], what: str) -> T:
    """Awaits the work; on a terminal a line on standard error counts the seconds, and is gone at the end."""
    if not sys.stderr.isatty():
        return await work
    ticking = asyncio.create_task(_tick(what))
    try:
        return await work
    finally:
        ticking.cancel()
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


async def _tick(what: str) -> None:
    await asyncio.sleep(PATIENCE_S)
    seconds = int(PATIENCE_S)
    while True:
        sys.stderr.write("\r\x1b[K" + tr("{what} … {seconds} s", what=what, seconds=seconds))
        sys.stderr.flush()
        await asyncio.sleep(TICK_S)
        seconds += int(TICK_S)
