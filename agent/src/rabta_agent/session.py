"""One session with a collector: measurements up, acknowledgements and plans down, until it breaks.

A measurement is deleted from the spool only when an acknowledgement of this session names it. Newest first, and the
present never behind the past: lanes.py says what may go when.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import structlog

from rabta_agent.apart import apart, set_or_slept
from rabta_agent.ceilings import LINK_BYTES
from rabta_agent.clock import Clock
from rabta_agent.contacts import Contact
from rabta_agent.endpoint import Endpoint
from rabta_agent.inflight import to_batch
from rabta_agent.lanes import BACKLOG_BYTES_PER_S, FRESH_S, Lanes
from rabta_agent.spool import SpoolError
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.stream import Dial, RefusedError, SessionEndedError, Stream
from rabta_agent.timekeeping import Timekeeper
from rabta_agent.traffic import Traffic
from rabta_agent.words import tr
from rabta_proto.codec import to_timestamp
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.plan_pb2 import SignedPlan

BATCH_MEASUREMENTS = 50
BATCH_BYTES = 512 * 1024
HEARTBEAT_S = 15.0  # where the collector names no interval
COLLECTOR = "collector"  # purpose of a contact

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Patience, in seconds, and what waits for so long."""

    welcome_s: float = 15.0
    ack_s: float = 60.0  # without one for so long, the session counts as dead
    linger_s: float = 0.5  # measurements that end together go up together
    backoff_cap_s: float = 60.0
    steady_s: float = 10.0  # a session that lasted so long ends a row of failures
    backlog_bytes_per_s: int = BACKLOG_BYTES_PER_S
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @classmethod
    def of(cls, *, lab: bool, backlog_bytes_per_s: int | None = None) -> "Pace":
        """Of the lab: loopback's, which costs nobody anything. `backlog_bytes_per_s`: where somebody chose."""
        rate = backlog_bytes_per_s or (1_000_000 if lab else BACKLOG_BYTES_PER_S)
        if lab:
            return cls(welcome_s=3.0, ack_s=5.0, linger_s=0.02, backoff_cap_s=1.0, backlog_bytes_per_s=rate)
        return cls(backlog_bytes_per_s=rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, where, and who is told. `on_link` hears: connected, where, and the trouble when not."""

    authorization: Callable[[], str]
    endpoints: Sequence[Endpoint]
    hello: Callable[[], wire.Hello]
    on_plan: Callable[[SignedPlan], Awaitable[None]]
    on_request: Callable[[wire.MeasureNow], None]
    on_link: Callable[[bool, Endpoint, str], None]
    on_rotation: Callable[[wire.Rotation], Awaitable[None]]
    on_welcome: Callable[[wire.Welcome], None] = lambda _welcome: None
    on_standing: Callable[[wire.Standing], None] = lambda _standing: None
    most_bytes: int = LINK_BYTES  # that the collector may send in a day


class Session:
    """Made for one attempt. `greeted` and `acknowledged` say how far it came."""

    def __init__(
        self,
        caller: Caller,
        endpoint: Endpoint,
        spool: SpoolThread,
        *,
        dial: Dial,
        pace: Pace,
        clock: Clock,
        traffic: Traffic,
    ) -> None:
        self._caller, self._endpoint, self._spool = caller, endpoint, spool
        self._held = spool.hold()  # the rows that are on their way are of this file, and of no later one
        self._dial, self._pace = dial, pace
        self._clock, self._sleep, self._traffic = clock, pace.sleep, traffic
        self._stream: Stream | None = None
        self._lanes = Lanes(backlog_bytes_per_s=pace.backlog_bytes_per_s, now=clock.monotonic())
        self._backlog_waits = True  # as far as is known; of a session's backlog nothing ever comes anew
        self._news = asyncio.Event()  # something to send, or room to send it
        self._writing = asyncio.Lock()  # a stream takes one message at a time
        self._last_write, self._timekeeper = 0.0, Timekeeper(spool)
        self.mark = 0
        """Rows of the spool above it are this session's present."""
        self.greeted = self.acknowledged = False

    @property
    def swallowed(self) -> bool:
        """Whether measurements went out and not one was acknowledged: such a way lets greetings through alone."""
        return not self.acknowledged and self._lanes.oldest_sent_at is not None

    def wake(self) -> None:
        """Says that the spool has something new."""
        self._news.set()

    async def farewell(self) -> None:
        """Says that the agent goes of its own accord, upon which the collector ends the session."""
        if self._stream is not None:
            await self._write(self._stream, wire.SessionRequest(goodbye=wire.Goodbye()))

    async def run(self) -> NoReturn:
        """Raises `SessionEndedError`, or `RefusedError` when the collector does not want this agent."""
        endings: list[Exception] = []
        try:
            await apart(self._through())
        except* (SessionEndedError, RefusedError) as group:
            endings += group.exceptions
        except* SpoolError as group:
            endings += map(_without_spool, group.exceptions)
        # What ends the agent outranks what else ended at the same moment.
        raise min(endings, key=lambda ending: isinstance(ending, SessionEndedError))

    async def _through(self) -> None:
        """From the first byte to the end of the stream."""
        stream = self._stream = await self._dialled()
        try:
            await self._talk(stream, await self._greet(stream))
        finally:
            await stream.close()

    async def _dialled(self) -> Stream:
        try:
            async with asyncio.timeout(self._pace.welcome_s):
                return await self._dial(self._endpoint, self._caller.authorization(), self._traffic)
        except TimeoutError:
            raise SessionEndedError(tr("no connection within {seconds:g} s", seconds=self._pace.welcome_s)) from None

    async def _talk(self, stream: Stream, heartbeat_s: float) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(stream))
            tasks.create_task(self._send(stream))
            tasks.create_task(self._live(stream, heartbeat_s))
            tasks.create_task(self._watch())

    async def _greet(self, stream: Stream) -> float:
        """Says hello and waits for the welcome; seconds between heartbeats."""
        try:
            async with asyncio.timeout(self._pace.welcome_s):
                await self._write(stream, wire.SessionRequest(hello=self._caller.hello()))
                self._timekeeper.ask()  # the opening of the way is not part of the trip
                response = await stream.read()
        except TimeoutError:
            raise SessionEndedError(tr("no welcome within {seconds:g} s", seconds=self._pace.welcome_s)) from None
        if response.WhichOneof("message") != "welcome":
            raise SessionEndedError(tr("what answers there does not say welcome"))
        await self._timekeeper.hear_welcome(response.welcome)
        self.mark = await self._spool.mark(FRESH_S)
        self.greeted = True
        self._caller.on_link(True, self._endpoint, "")
        self._caller.on_welcome(response.welcome)
        logger.info("link.up", collector=str(self._endpoint), waiting=self._spool.counts.waiting)
        return min(300.0, max(0.5, float(response.welcome.heartbeat_interval_s or HEARTBEAT_S)))

    async def _hear(self, stream: Stream) -> None:
        while True:
            response = await stream.read()
            if self._traffic.exhausted:
                raise SessionEndedError(tr("the collector has sent more than it may in a day"))
            match response.WhichOneof("message"):
                case "ack":
                    await self._settle(response.ack)
                case "plan":
                    await self._caller.on_plan(response.plan)
                case "rotation":
                    await self._caller.on_rotation(response.rotation)
                case "heartbeat_answer":
                    await self._timekeeper.hear(response.heartbeat_answer)
                case "slow_down":
                    self._slow_down(response.slow_down)
                case "measure_now":
                    self._caller.on_request(response.measure_now)
                case "standing":
                    self._caller.on_standing(response.standing)
                case _:
                    pass  # another welcome, or a word of a newer collector

    def _slow_down(self, request: wire.SlowDown) -> None:
        self._lanes.slow_down(request, self._clock.monotonic())
        logger.info(
            "link.slow",
            for_s=request.for_s,
            backlog_bytes_per_s=request.backlog_bytes_per_s,
            live_pause_ms=request.live_pause_ms,
        )
        self._news.set()

    async def _settle(self, ack: wire.Ack) -> None:
        settled = self._lanes.settle(ack)
        for reason in settled.reasons:
            logger.warning("measurement.rejected", reason=reason)
        if settled.accepted or settled.rejected:
            await self._held.settle(settled, self._delivery())
            self.acknowledged = True
        self._news.set()

    async def _send(self, stream: Stream) -> None:
        while True:
            self._news.clear()
            if not await self._send_live(stream) and not await self._send_backlog(stream):
                await self._pause()

    async def _send_live(self, stream: Stream) -> bool:
        """Sends a batch of the present, where there is any and it may go."""
        flight, now = self._lanes.live, self._clock.monotonic()
        if flight.full or self._lanes.live_wait_s(now) > 0:
            return False
        batch = await self._held.newest(
            most=BATCH_MEASUREMENTS, most_bytes=BATCH_BYTES, skip=flight.rows(), above=self.mark
        )
        if batch:
            self._lanes.live_sent(now)
            flight.add(batch, sent_at=now)
            await self._write(stream, wire.SessionRequest(batch=to_batch(batch)))
        return bool(batch)

    async def _send_backlog(self, stream: Stream) -> bool:
        """Sends a batch of the past, where there is any and it may go."""
        flight, now = self._lanes.backlog, self._clock.monotonic()
        most_bytes = self._lanes.backlog_bytes(now)
        if flight.full or not most_bytes or not self._backlog_waits:
            return False
        batch = await self._held.newest(
            most=BATCH_MEASUREMENTS, most_bytes=most_bytes, skip=flight.rows(), upto=self.mark
        )
        self._backlog_waits = bool(batch)
        if batch:
            self._lanes.backlog_sent(sum(len(one.payload) for one in batch))
            flight.add(batch, sent_at=now)
            await self._write(stream, wire.SessionRequest(batch=to_batch(batch)))
        return bool(batch)

    async def _pause(self) -> None:
        """Until there is news, or a lane may go on. What is new waits a moment for others."""
        lanes, now = self._lanes, self._clock.monotonic()
        waits = [] if lanes.live.full else [lanes.live_wait_s(now)]
        if self._backlog_waits and not lanes.backlog.full:
            waits.append(lanes.backlog_wait_s(now))
        most_s = min((wait_s for wait_s in waits if wait_s > 0), default=None)
        await set_or_slept(self._news, self._sleep, most_s)
        if self._news.is_set():
            await self._sleep(self._pace.linger_s)

    async def _live(self, stream: Stream, interval_s: float) -> None:
        """Any message is a sign of life; a heartbeat goes out where there was none for an interval."""
        while True:
            silent_s = self._clock.monotonic() - self._last_write
            if silent_s >= interval_s:
                counts = self._spool.counts
                now = to_timestamp(self._clock.now())
                heartbeat = wire.Heartbeat(now=now, backlog=counts.waiting, **counts.drops)
                self._timekeeper.ask(now)
                await self._write(stream, wire.SessionRequest(heartbeat=heartbeat))
                silent_s = 0.0
            await self._sleep(interval_s - silent_s)

    async def _watch(self) -> None:
        """A stream that swallows measurements is dead, whatever TCP says of it."""
        while True:
            await self._sleep(self._pace.ack_s / 4)
            sent_at = self._lanes.oldest_sent_at
            if sent_at is not None and self._clock.monotonic() - sent_at > self._pace.ack_s:
                raise SessionEndedError(tr("no acknowledgement within {seconds:g} s", seconds=self._pace.ack_s))

    async def _write(self, stream: Stream, request: wire.SessionRequest) -> None:
        async with self._writing:
            await stream.write(request)
            self._last_write = self._clock.monotonic()

    def _delivery(self) -> Contact:
        """What the link cost since the last delivery, as a contact with the collector."""
        sent, received = self._traffic.take()
        return Contact(
            at=self._clock.now(),
            purpose=COLLECTOR,
            peers=(self._endpoint.authority,),
            bytes_sent=sent,
            bytes_received=received,
        )


def _without_spool(wrong: Exception) -> Exception:
    """A full disk may have room later; a damaged spool can only be opened anew."""
    return wrong if isinstance(wrong, SpoolError) and wrong.damaged else SessionEndedError(str(wrong))
