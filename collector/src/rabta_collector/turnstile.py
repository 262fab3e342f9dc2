"""In which order batches of many agents go to the journal, and how many bytes of them at once.

One batch of each agent in turn: a new batch of an agent waits behind one of every other agent that waits. What is
between reading and commit stays within a room of bytes. Agents that send more than their share (`greedy`), and batches
that are bulky, get a part of the room, one batch at a time, so that nobody else ever waits for room that they have
filled. A batch larger than the room goes in alone. And so that readers are answered between batches, only a slice of
them goes in at each pass of the event loop: a batch is decoded as soon as it is in.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from rabta_collector.state import IngestStats

SLICE = 64 * 1024  # of weight at each pass of the loop, and one batch at least
BULKY = 256 * 1024  # of weight: several times what an honest agent sends at once
MEASUREMENT_WEIGHT = 1024  # bytes that a measurement weighs at least: small ones cost time and not room


@dataclass(slots=True, kw_only=True)
class Load:
    """A batch: its bytes, and what it weighs. `entered` is done when it goes in, and `None` where it need not wait."""

    agent: str
    size: int
    weight: int
    greedy: bool
    entered: "asyncio.Future[None] | None" = None

    @property
    def gone(self) -> bool:
        """Whether its session has ended while it waited."""
        return self.entered is not None and self.entered.done()


class _Lane:
    """Agents that wait, in the order of their turns, each with its batches."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Load]] = {}

    def add(self, load: Load) -> None:
        self._waiting.setdefault(load.agent, deque()).append(load)

    def next(self) -> Load | None:
        """The batch whose turn it is; `None` where nothing waits."""
        while self._waiting:
            agent = next(iter(self._waiting))
            batches = self._waiting[agent]
            while batches and batches[0].gone:
                batches.popleft()
            if batches:
                return batches[0]
            del self._waiting[agent]
        return None

    def pop(self, load: Load) -> None:
        """Takes out the batch whose turn it is; its agent goes to the end."""
        batches = self._waiting.pop(load.agent)
        batches.popleft()
        if batches:
            self._waiting[load.agent] = batches


class Turnstile:
    """Bounds and orders the bytes in flight, over all sessions."""

    def __init__(self, stats: IngestStats, room: int) -> None:
        self._stats, self._room = stats, room
        self._modest, self._greedy = _Lane(), _Lane()
        self._weight = 0
        self._greedy_inside = False
        self._slice = SLICE

    @property
    def load(self) -> float:
        """Share of the room that is taken."""
        return self._weight / self._room

    def turn(self, agent: str, size: int, *, measurements: int, greedy: bool) -> "Turn":
        """Waits for the agent's turn when it is entered, and holds the batch's bytes of the room inside."""
        weight = max(size, measurements * MEASUREMENT_WEIGHT)
        return Turn(self, Load(agent=agent, size=size, weight=weight, greedy=greedy or weight > BULKY))

    async def enter(self, load: Load) -> None:
        """Returns when it is in."""
        if self._slice > 0 and not load.greedy and self._fits(load) and self._modest.next() is None:
            self._take_in(load)
            return
        entered = load.entered = asyncio.get_running_loop().create_future()
        (self._greedy if load.greedy else self._modest).add(load)
        self._let_in()
        try:
            await entered
        except asyncio.CancelledError:
            if not entered.cancelled():  # its session ends as its turn comes
                self.leave(load)
            raise

    def leave(self, load: Load) -> None:
        """To be called when a batch that is in goes out."""
        self._stats.inflight_bytes -= load.size
        self._weight -= load.weight
        if load.greedy:
            self._greedy_inside = False
        self._let_in()

    def _let_in(self) -> None:
        while self._slice > 0 and (load := self._next()) is not None:
            (self._greedy if load.greedy else self._modest).pop(load)
            self._take_in(load)
            if load.entered is not None:
                load.entered.set_result(None)

    def _take_in(self, load: Load) -> None:
        if self._slice == SLICE:
            asyncio.get_running_loop().call_soon(self._renew)
        self._slice -= load.weight
        self._stats.inflight_bytes += load.size
        self._weight += load.weight
        self._greedy_inside |= load.greedy

    def _renew(self) -> None:
        self._slice = SLICE
        self._let_in()

    def _next(self) -> Load | None:
        """Whose turn it is, where there is room."""
        load = self._modest.next()
        if load is None and not self._greedy_inside:
            load = self._greedy.next()
        return load if load is not None and self._fits(load) else None

    def _fits(self, load: Load) -> bool:
        return not self._weight or self._weight + load.weight <= self._room


class Turn:
    """A batch's time in the room, to be entered."""

    __slots__ = ("_load", "_turnstile")

    def __init__(self, turnstile: Turnstile, load: Load) -> None:
        self._turnstile, self._load = turnstile, load

    async def __aenter__(self) -> None:
        await self._turnstile.enter(self._load)

    async def __aexit__(self, *_: object) -> None:
        self._turnstile.leave(self._load)
