"""The way to the collector: one session at a time, for ever, with a growing pause after each that broke.

What was on its way when a session broke is sent again in the next one: an acknowledgement that was lost costs a
duplicate, which the collector knows for one, and never a measurement.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import structlog

from rabta_agent.backoff import delay_s
from rabta_agent.clock import Clock
from rabta_agent.endpoint import Endpoint
from rabta_agent.ladder import Ladder
from rabta_agent.session import Caller, Pace, Session
from rabta_agent.spool import LOWEST_ROW
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.stream import Dial, RefusedError, SessionEndedError
from rabta_agent.traffic import Traffic

DAY_S, LOOK_S = 86_400, 60.0
FAREWELL_S = 0.5
logger = structlog.get_logger()


class Uplink:
    """Keeps a session open while `run` runs. `trouble` is why the last one ended."""

    def __init__(
        self,
        caller: Caller,
        spool: SpoolThread,
        *,
        dial: Dial,
        pace: Pace,
        clock: Clock,
        draw: Callable[[], float],
        worked: str = "",
    ) -> None:
        """`worked`: the way that led to the collector last time, as text."""
        self._caller = caller
        self._spool = spool
        self._dial = dial
        self._pace = pace
        self._clock = clock
        self._draw = draw
        self._ladder = Ladder(ways=caller.endpoints, worked=worked)
        self._session: Session | None = None
        self.traffic = self._traffic = Traffic(
            most=caller.most_bytes, today=lambda: int(clock.now().timestamp() // DAY_S)
        )
        self.trouble = ""
        self._leaving, self._gone = False, asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._session is not None and self._session.greeted

    async def run(self) -> NoReturn:
        """Raises `RefusedError` when the collector does not want this agent. Ways are tried as ladder.py says."""
        failures, told = 0, ""
        self._leaving = False
        while True:
            await self._affordable()
            endpoint, stay_s = self._ladder.current, self._ladder.stay_s
            began = self._clock.monotonic()
            try:
                async with asyncio.timeout(stay_s):
                    session = await self._attempt(endpoint)
            except TimeoutError:
                logger.info("link.better", left=str(endpoint))
                self._ladder.look_up()
                continue
            if self._leaving:
                await asyncio.Event().wait()  # for whoever wished it, who now ends this
            failures = 1 if self._learn(session, self._clock.monotonic() - began) else failures + 1
            told = "" if session.greeted else told
            pause_s = delay_s(failures, self._draw(), cap_s=self._pace.backoff_cap_s)
            # Said once for each cause: a night without a collector is no night of lines.
            say = logger.debug if self.trouble == told else logger.warning
            say("link.lost", collector=str(endpoint), reason=self.trouble, retry_in_s=round(pause_s, 1))
            told = self.trouble
            await asyncio.sleep(pause_s)

    async def _affordable(self) -> None:
        """Waits for the next UTC day where the collector has sent more than a day's bytes."""
        if self._traffic.exhausted:
            logger.warning("link.too_dear", most=self._traffic.most)
        while True:
            if not self._traffic.exhausted:
                return
            await asyncio.sleep(LOOK_S)

    def _learn(self, session: Session, lasted_s: float) -> bool:
        """Whether a session was a good one; which way is next follows from it."""
        steady = session.acknowledged or (session.greeted and lasted_s > self._pace.steady_s and not session.swallowed)
        if steady:
            self._ladder.held()
        elif session.greeted:
            self._ladder.slipped()
        else:
            self._ladder.failed()
        return steady

    async def _attempt(self, endpoint: Endpoint) -> Session:
        session = Session(
            self._caller,
            endpoint,
            self._spool,
            dial=self._dial,
            pace=self._pace,
            clock=self._clock,
            traffic=self._traffic,
        )
        self._session = session
        self._gone.clear()
        try:
            await session.run()
        except (SessionEndedError, RefusedError) as ended:
            self.trouble = "" if self._leaving else str(ended)
            if isinstance(ended, RefusedError):
                raise
        except asyncio.CancelledError:  # the agent stops: what ended an earlier session is no trouble of this one
            self.trouble = "" if session.greeted else self.trouble
            raise
        finally:
            self._session = None
            self._gone.set()
            self._caller.on_link(False, endpoint, self.trouble)
        return session

    async def farewell(self) -> None:
        """Tells the collector, where it hears us, that we go of our own accord. To be called before `run` is ended."""
        session = self._session
        if session is None or not session.greeted:
            return
        self._leaving = True
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await session.farewell()
                await self._gone.wait()

    def wake(self) -> None:
        """Says that the spool has something new to send."""
        if self._session is not None:
            self._session.wake()

    @property
    def mark(self) -> int:
        """Rows of the spool above it are the present of the session that stands; without one, every row is."""
        return self._session.mark if self._session is not None and self._session.greeted else LOWEST_ROW

    async def drained(self, above: int = LOWEST_ROW) -> None:
        """Returns when nothing waits in rows of the spool above this one."""
        await self._spool.drained(above)
