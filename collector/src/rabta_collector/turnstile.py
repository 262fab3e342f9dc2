"""In which order batches of many agents go to the journal, and how many bytes of them at once.

One batch of each agent in turn: a new batch of an agent waits behind one of every other agent that waits. What is
between reading and commit stays within a room of bytes. Agents that send more than their share (`greedy`) get a part of
the room, one batch at a time, so that nobody else ever waits for room that they have filled. A batch larger than the
room goes in alone.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rabta_collector.state import IngestStats


class _Lane:
    """Agents that wait, in the order of their turns, each with its batches."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[tuple[int, asyncio.Future[None]]]] = {}

    def add(self, agent: str, size: int, future: "asyncio.Future[None]") -> None:
        self._waiting.setdefault(agent, deque()).append((size, future))

    def next_size(self) -> int | None:
        """Bytes of the batch whose turn it is; `None` where nothing waits."""
        while self._waiting:
            agent = next(iter(self._waiting))
            batches = self._waiting[agent]
            while batches and batches[0][1].done():  # its session has ended meanwhile
                batches.popleft()
            if batches:
                return batches[0][0]
            del self._waiting[agent]
        return None

    def pop(self) -> None:
        """Lets the batch in whose turn it is; its agent goes to the end."""
        agent = next(iter(self._waiting))
        batches = self._waiting.pop(agent)
        _, future = batches.popleft()
        future.set_result(None)
        if batches:
            self._waiting[agent] = batches


class Turnstile:
    """Bounds and orders the bytes in flight, over all sessions."""

    def __init__(self, stats: IngestStats, room: int) -> None:
        self._stats, self._room = stats, room
        self._lanes = {False: _Lane(), True: _Lane()}  # by greed
        self._greedy_inside = False

    @property
    def load(self) -> float:
        """Share of the room that is taken."""
        return self._stats.inflight_bytes / self._room

    @asynccontextmanager
    async def turn(self, agent: str, size: int, *, greedy: bool) -> AsyncIterator[None]:
        """Waits for the agent's turn, and holds `size` bytes of the room inside."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lanes[greedy].add(agent, size, future)
        self._let_in()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._leave(size, greedy=greedy)  # let in at the moment at which its session ended
            raise
        try:
            yield
        finally:
            self._leave(size, greedy=greedy)

    def _leave(self, size: int, *, greedy: bool) -> None:
        self._stats.inflight_bytes -= size
        if greedy:
            self._greedy_inside = False
        self._let_in()

    def _let_in(self) -> None:
        modest, greedy = self._lanes[False], self._lanes[True]
        while (size := modest.next_size()) is not None and self._fits(size):
            self._stats.inflight_bytes += size
            modest.pop()
        while not self._greedy_inside and (size := greedy.next_size()) is not None and self._fits(size):
            self._greedy_inside = True
            self._stats.inflight_bytes += size
            greedy.pop()

    def _fits(self, size: int) -> bool:
        taken = self._stats.inflight_bytes
        return taken == 0 or taken + size <= self._room
