"""The spool for the event loop: every call goes to one thread, so that a slow disk never delays a measurement's timing.

A call that was begun ends, whatever becomes of the task that awaits it: a measurement handed over is on disk. A file
that is damaged while it is open is moved aside and opened anew, as at a start, with what can still be read of it. Its
rows have other numbers then: whoever holds on to the old ones is told so, and nothing is deleted by mistake.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog

from rabta_agent.clockwatch import Clocks, Offset
from rabta_agent.contacts import Contact, contact_of
from rabta_agent.inflight import Settled, Waiting
from rabta_agent.spool import HIGHEST_ROW, LOWEST_ROW, Counts, Damage, Spool, SpoolError
from rabta_agent.words import tr
from rabta_proto.model import Measurement

logger = structlog.get_logger()
P = ParamSpec("P")
T = TypeVar("T")
DROPS_TOLD = 100  # one line for so many: a full spool drops one for each that comes
RECENT = 1000  # measurements of which is remembered when they came: more than come in the time that is asked for
MOST_DAMAGED = 3  # files in one run: a disk that goes on damaging them shall not be filled with what is kept aside


class SpoolThread:
    """Owns a spool. `counts` are as of the last call; `changed` is set by every call that changed something."""

    def __init__(
        self,
        spool: Spool,
        *,
        anew: Callable[[], Spool] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`anew` opens it again where it is damaged; without it, and after MOST_DAMAGED times, calls raise then."""
        self._spool, self._anew = spool, anew
        self._broken = False
        self._monotonic = monotonic
        self._recent: deque[tuple[float, int, int]] = deque(maxlen=RECENT)  # when, of which age, and which row
        self._thread = ThreadPoolExecutor(1, "spool")
        self.age = 0
        """How often it was opened anew: rows of another age are other measurements."""
        self.counts: Counts = spool.counts()
        self.changed = asyncio.Event()

    @property
    def bytes_today(self) -> int:
        """Bytes that were noted since the UTC day began."""
        return self.counts.bytes_today if self.counts.day == self._spool.today() else 0

    def hold(self) -> "Hold":
        """The spool as it is opened now, for whoever remembers its rows."""
        return Hold(self, self.age)

    async def append(self, measurement: Measurement) -> int:
        """Syncs a measurement; its sequence number. Raises `SpoolError`."""
        sequence = await self.ask(None, Spool.append, measurement, contact_of(measurement))
        self._recent.append((self._monotonic(), self.age, sequence))
        await self.look()
        return sequence

    async def mark(self, within_s: float) -> int:
        """The row above which are those that came within so many seconds, by the monotonic clock of this process."""
        since = self._monotonic() - within_s
        fresh = [row for at, age, row in self._recent if at >= since and age == self.age]
        return min(fresh) - 1 if fresh else await self.last_row()

    def clocks(self) -> Clocks:
        """Both clocks of this machine now."""
        return self._spool.clocks()

    async def learn(self, offset: Offset) -> None:
        """Takes in how far the clock is off."""
        await self.ask(None, Spool.learn, offset)

    async def last_row(self) -> int:
        """The last row that was ever given out."""
        return await self.ask(None, Spool.last_row)

    async def newest(
        self, *, most: int, most_bytes: int, skip: Collection[int], above: int = LOWEST_ROW, upto: int = HIGHEST_ROW
    ) -> list[Waiting]:
        """As `Spool.newest`."""
        return await Hold(self, None).newest(most=most, most_bytes=most_bytes, skip=skip, above=above, upto=upto)

    async def drained(self, above: int = LOWEST_ROW) -> None:
        """Returns when nothing waits in rows above this one; where it is opened anew meanwhile, in any."""
        age = self.age
        while True:
            self.changed.clear()
            if not await self.ask(None, Spool.waiting_above, above if self.age == age else LOWEST_ROW):
                return
            await self.changed.wait()

    async def settle(self, settled: Settled, contact: Contact) -> None:
        """As `Spool.settle`, for whoever holds no rows."""
        await Hold(self, None).settle(settled, contact)

    async def close(self) -> None:
        """Waits for what was begun."""
        await self._do(self._spool.close)
        self._thread.shutdown()

    async def look(self) -> None:
        """Takes in what was changed."""
        before, self.counts = self.counts, await self.ask(None, Spool.counts)
        if self.counts.dropped // DROPS_TOLD > before.dropped // DROPS_TOLD or (
            self.counts.dropped and not before.dropped
        ):
            logger.warning("spool.dropped", total=self.counts.dropped, old=self.counts.dropped_old)
        self.changed.set()

    async def ask(
        self, age: int | None, work: Callable[Concatenate[Spool, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `work` makes of the spool, where it is still of this age. Raises `SpoolError`."""
        return await self._do(self._with_spool, age, work, args, kwargs)

    def _with_spool(self, age: int | None, work: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        if self._broken:
            self._open_anew(work)
        self._check(age)
        try:
            return work(self._spool, *args, **kwargs)
        except SpoolError as wrong:
            if not wrong.damaged or self._anew is None or self.age >= MOST_DAMAGED:
                raise
        self._open_anew(work)
        self._check(age)
        return work(self._spool, *args, **kwargs)

    def _open_anew(self, work: Callable[..., object]) -> None:
        assert self._anew is not None
        self._broken = True
        self._spool.close()
        try:
            fresh = self._anew()
        except SpoolError:
            self._spool.unkept += work is Spool.append  # it comes to no file that would count it
            raise
        fresh.unkept = self._spool.unkept
        self._spool = fresh
        self.age += 1
        self._broken = False
        if (damage := self._spool.damage) is not None:
            tell(damage)

    def _check(self, age: int | None) -> None:
        if age is not None and age != self.age:
            raise SpoolError(self._spool.path, RuntimeError(tr("it was damaged, and opened anew")))

    async def _do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What was handed over is done, whoever is cancelled that waits: else what waits its turn would be dropped."""
        return await asyncio.shield(asyncio.wrap_future(self._thread.submit(work, *args, **kwargs)))


class Hold:
    """A spool as it was opened once. Its calls raise `SpoolError` after it was opened anew."""

    def __init__(self, thread: SpoolThread, age: int | None) -> None:
        self._thread, self._age = thread, age

    async def newest(
        self, *, most: int, most_bytes: int, skip: Collection[int], above: int = LOWEST_ROW, upto: int = HIGHEST_ROW
    ) -> list[Waiting]:
        """As `Spool.newest`."""
        limits = {"most": most, "most_bytes": most_bytes, "skip": skip, "above": above, "upto": upto}
        return await self._thread.ask(self._age, Spool.newest, **limits)  # type: ignore[arg-type] # as it takes them

    async def settle(self, settled: Settled, contact: Contact) -> None:
        """As `Spool.settle`."""
        await self._thread.ask(self._age, Spool.settle, settled, contact)
        await self._thread.look()


def tell(damage: Damage) -> None:
    """A line in the log for whoever may want to look at what was moved aside."""
    logger.error(
        "spool.damaged", cause=damage.cause, moved_to=str(damage.moved_to), saved=damage.saved, lost=damage.lost
    )
