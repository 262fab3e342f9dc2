"""The spool for the event loop: every call goes to one thread, so that a slow disk never delays a measurement's timing.

A call that was begun ends, whatever becomes of the task that awaits it: a measurement handed over is on disk.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import structlog

from rabta_agent.clockwatch import Clocks, Offset
from rabta_agent.contacts import Contact, contact_of
from rabta_agent.inflight import Settled, Waiting
from rabta_agent.spool import HIGHEST_ROW, LOWEST_ROW, Counts, Spool
from rabta_proto.model import Measurement

logger = structlog.get_logger()
P = ParamSpec("P")
T = TypeVar("T")
DROPS_TOLD = 100  # one line for so many: a full spool drops one for each that comes
RECENT = 1000  # measurements of which is remembered when they came: more than come in the time that is asked for


class SpoolThread:
    """Owns a spool. `counts` are as of the last call; `changed` is set by every call that changed something."""

    def __init__(self, spool: Spool, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._spool = spool
        self._monotonic = monotonic
        self._recent: deque[tuple[float, int]] = deque(maxlen=RECENT)  # when, and which row
        self._thread = ThreadPoolExecutor(1, "spool")
        self.counts: Counts = spool.counts()
        self.changed = asyncio.Event()

    @property
    def bytes_today(self) -> int:
        """Bytes that were noted since the UTC day began."""
        return self.counts.bytes_today if self.counts.day == self._spool.today() else 0

    async def append(self, measurement: Measurement) -> int:
        """Syncs a measurement; its sequence number."""
        sequence = await self._do(self._spool.append, measurement, contact_of(measurement))
        self._recent.append((self._monotonic(), sequence))
        await self._look()
        return sequence

    async def mark(self, within_s: float) -> int:
        """The row above which are those that came within so many seconds, by the monotonic clock of this process."""
        since = self._monotonic() - within_s
        fresh = [row for at, row in self._recent if at >= since]
        return min(fresh) - 1 if fresh else await self.last_row()

    def clocks(self) -> Clocks:
        """Both clocks of this machine now."""
        return self._spool.clocks()

    async def learn(self, offset: Offset) -> None:
        """Takes in how far the clock is off."""
        await self._do(self._spool.learn, offset)

    async def last_row(self) -> int:
        """The last row that was ever given out."""
        return await self._do(self._spool.last_row)

    async def newest(
        self, *, most: int, most_bytes: int, skip: Collection[int], above: int = LOWEST_ROW, upto: int = HIGHEST_ROW
    ) -> list[Waiting]:
        return await self._do(self._spool.newest, most=most, most_bytes=most_bytes, skip=skip, above=above, upto=upto)

    async def drained(self, above: int = LOWEST_ROW) -> None:
        """Returns when nothing waits in rows above this one."""
        while True:
            self.changed.clear()
            if not await self._do(self._spool.waiting_above, above):
                return
            await self.changed.wait()

    async def settle(self, settled: Settled, contact: Contact) -> None:
        await self._do(self._spool.settle, settled, contact)
        await self._look()

    async def close(self) -> None:
        """Waits for what was begun."""
        await self._do(self._spool.close)
        self._thread.shutdown()

    async def _look(self) -> None:
        before, self.counts = self.counts, await self._do(self._spool.counts)
        if self.counts.dropped // DROPS_TOLD > before.dropped // DROPS_TOLD or (
            self.counts.dropped and not before.dropped
        ):
            logger.warning("spool.dropped", total=self.counts.dropped, old=self.counts.dropped_old)
        self.changed.set()

    async def _do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(self._thread.submit(work, *args, **kwargs))
