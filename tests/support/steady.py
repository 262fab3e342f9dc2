"""An event loop whose time does not pass while the machine keeps this process from running.

A process that gets no processor for two seconds finds every deadline of its loop expired when it goes on, though nobody
was slow. Here what passes is what the loop waited, and no more than it meant to wait; of what it worked between two
waits a millisecond at the most counts. Where both ends of a connection are in this process, what takes how long, and
which of two deadlines comes first, is then as the test says, however busy the machine.

What other processes and threads do in the meantime takes the time that it takes: for those a test has to be patient.
"""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rabta_agent.clock import SystemClock

WORKED_S = 0.001
EARLY = 0.9
"""What is ready was so before the wait was over, however late this process hears of it."""


class Steady:
    """The time of one loop, from now on."""

    def __init__(self, loop: Any) -> None:
        self._now: float = loop.time()
        self._at = time.monotonic()
        self._selector, self._select = loop._selector, loop._selector.select
        self._loop = loop
        loop.time, loop._selector.select = self.time, self.select

    def time(self) -> float:
        return self._now + min(time.monotonic() - self._at, WORKED_S)

    def select(self, timeout: float | None = None) -> Any:
        self._now, began = self.time(), time.monotonic()
        ready = self._select(timeout)
        self._at = time.monotonic()
        waited = self._at - began
        if timeout is not None:
            waited = min(waited, max(0.0, timeout) * (EARLY if ready else 1.0))
        self._now += waited
        return ready

    def leap(self, seconds: float) -> None:
        """So much passes at once: whoever waits for no longer than that has waited long enough."""
        self._now += seconds

    def end(self) -> None:
        del self._loop.time
        del self._selector.select


class LoopClock(SystemClock):
    """A clock whose seconds are those of the loop that runs."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


@pytest.fixture
async def steady() -> AsyncIterator[Steady]:
    made = Steady(asyncio.get_running_loop())
    yield made
    made.end()


@pytest.fixture(autouse=True)
def steadily(request: pytest.FixtureRequest) -> None:
    """Every test that is a coroutine on a loop of its own, where a `conftest.py` has this."""
    asked = request.node.get_closest_marker("asyncio")
    of_many = asked is not None and asked.kwargs.get("loop_scope", "function") != "function"
    if inspect.iscoroutinefunction(getattr(request, "function", None)) and not of_many:
        request.getfixturevalue("steady")
