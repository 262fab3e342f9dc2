"""The spool for the event loop: every call goes to one thread, so that a slow disk never delays a measurement's timing.

A call that was begun ends, whatever becomes of the task that awaits it: a measurement handed over is on disk.
"""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from rabta_agent.contacts import Contact, contact_of
from rabta_agent.inflight import Settled, Waiting
from rabta_agent.spool import Counts, Spool
from rabta_proto.model import Measurement

P = ParamSpec("P")
T = TypeVar("T")


class SpoolThread:
    """Owns a spool. `counts` are as of the last call; `changed` is set by every call that changed something."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
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
        await self._look()
        return sequence

    async def newest(self, *, most: int, most_bytes: int, skip: Collection[int]) -> list[Waiting]:
        return await self._do(self._spool.newest, most=most, most_bytes=most_bytes, skip=skip)

    async def settle(self, settled: Settled, contact: Contact) -> None:
        await self._do(self._spool.settle, settled, contact)
        await self._look()

    async def close(self) -> None:
        """Waits for what was begun."""
        await self._do(self._spool.close)
        self._thread.shutdown()

    async def _look(self) -> None:
        self.counts = await self._do(self._spool.counts)
        self.changed.set()

    async def _do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(self._thread.submit(work, *args, **kwargs))
