"""Both clocks of a machine that stand still until a test turns them, and what sleeps by them."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

TURNS = 60  # of the event loop, after which whatever was ready has run


class FakeTime:
    """Wall clock and monotonic clock, in step unless the wall clock is set."""

    def __init__(self, start: datetime = datetime(2026, 1, 2, tzinfo=UTC)) -> None:
        self._wall, self._monotonic = start, 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def now(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def set_wall(self, moment: datetime) -> None:
        """Somebody sets the clock."""
        self._wall = moment

    def advance(self, seconds: float) -> None:
        self._wall += timedelta(seconds=seconds)
        self._monotonic += seconds
        while self._sleepers and self._sleepers[0][0] <= self._monotonic:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """In place of `asyncio.sleep`."""
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._numbers), sleeper))
        await sleeper

    async def settle(self) -> None:
        """Lets everything run that is ready."""
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def run(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Goes from one sleeper's end to the next, for so long or until a condition holds."""
        end = self._monotonic + seconds
        await self.settle()
        while self._monotonic < end and not until():
            self._sleepers = [entry for entry in self._sleepers if not entry[2].done()]
            heapq.heapify(self._sleepers)
            due = self._sleepers[0][0] if self._sleepers else end
            self.advance(max(0.0, min(due, end) - self._monotonic))
            await self.settle()
