"""Whether a lab whose servers run in this event loop answered in time.

On a machine that is too busy they do not, and agents then rightly find a resolver that is silent and an address that
does not answer: a fault of the instrument, which must not count for or against anybody.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab.programs import ProgramError

MOST_S = 2.0  # the shortest deadline of a step: what is less late is still in time
_BEAT_S = 0.1


@asynccontextmanager
async def punctual(*, most_s: float = MOST_S) -> AsyncIterator[None]:
    """Raises ProgramError at the end of what runs within where the event loop was late by more than `most_s`."""
    watch = asyncio.create_task(_watch())
    await asyncio.sleep(0)  # lets it begin
    try:
        yield
    finally:
        watch.cancel()
        (late_s,) = await asyncio.gather(watch, return_exceptions=True)  # one cancelled before it began says nothing
    if isinstance(late_s, float) and late_s > most_s:
        raise ProgramError(f"the machine is too busy: the lab's servers answered up to {late_s:.1f} s late")


async def _watch() -> float:
    """The worst delay, in seconds, until it is cancelled."""
    loop, late_s = asyncio.get_running_loop(), 0.0
    begin = loop.time()
    try:
        while True:
            await asyncio.sleep(_BEAT_S)
            late_s, begin = max(late_s, loop.time() - begin - _BEAT_S), loop.time()
    except asyncio.CancelledError:
        return max(late_s, loop.time() - begin - _BEAT_S)
