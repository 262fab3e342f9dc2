"""One session with a collector: measurements up, acknowledgements and plans down, until it breaks.

A measurement is deleted from the spool only when an acknowledgement of this session names it. Newest first, so that
after an outage the present goes up before the past.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import NoReturn

import structlog

from rabta_agent.clock import Clock
from rabta_agent.contacts import Contact
from rabta_agent.endpoint import Endpoint
from rabta_agent.inflight import InFlight, Waiting
from rabta_agent.spool import SpoolError
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.stream import Dial, RefusedError, SessionEndedError, Stream
from rabta_agent.traffic import Traffic
from rabta_proto.codec import to_timestamp
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.plan_pb2 import SignedPlan

BATCH_MEASUREMENTS = 50
BATCH_BYTES = 512 * 1024
BATCHES_IN_FLIGHT = 4
HEARTBEAT_S = 15.0  # where the collector names no interval
COLLECTOR = "collector"  # purpose of a contact

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Patience, in seconds."""

    welcome_s: float = 15.0
    ack_s: float = 60.0  # without one for so long, the session counts as dead
    linger_s: float = 0.5  # measurements that end together go up together
    backoff_cap_s: float = 60.0
    steady_s: float = 10.0  # a session that lasted so long ends a row of failures

    @classmethod
    def of(cls, *, lab: bool) -> "Pace":
        return cls(welcome_s=3.0, ack_s=5.0, linger_s=0.02, backoff_cap_s=1.0) if lab else cls()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, where, and who is told. `on_link` hears: connected, where, and the trouble when not."""

    authorization: str
    endpoints: Sequence[Endpoint]
    hello: Callable[[], wire.Hello]
    on_plan: Callable[[SignedPlan], Awaitable[None]]
    on_request: Callable[[wire.MeasureNow], None]
    on_link: Callable[[bool, Endpoint, str], None]


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
        self._caller = caller
        self._endpoint = endpoint
        self._spool = spool
        self._dial = dial
        self._pace = pace
        self._clock = clock
        self._flight = InFlight(BATCHES_IN_FLIGHT)
        self._traffic = traffic
        self._news = asyncio.Event()  # something to send, or room to send it
        self._writing = asyncio.Lock()  # a stream takes one message at a time
        self._last_write = 0.0
        self.greeted = False
        self.acknowledged = False

    def wake(self) -> None:
        """Says that the spool has something new."""
        self._news.set()

    async def run(self) -> NoReturn:
        """Raises `SessionEndedError`, or `RefusedError` when the collector does not want this agent."""
        endings: list[Exception] = []
        try:
            await _apart(self._through())
        except* (SessionEndedError, RefusedError) as group:
            endings += group.exceptions
        except* SpoolError as group:
            endings += map(_without_spool, group.exceptions)
        # What ends the agent outranks what else ended at the same moment.
        raise min(endings, key=lambda ending: isinstance(ending, SessionEndedError))

    async def _through(self) -> None:
        """From the first byte to the end of the stream."""
        stream = await self._dialled()
        try:
            await self._talk(stream, await self._greet(stream))
        finally:
            await stream.close()

    async def _dialled(self) -> Stream:
        try:
            async with asyncio.timeout(self._pace.welcome_s):
                return await self._dial(self._endpoint, self._caller.authorization, self._traffic)
        except TimeoutError:
            raise SessionEndedError(f"no connection within {self._pace.welcome_s:g} s") from None

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
                response = await stream.read()
        except TimeoutError:
            raise SessionEndedError(f"no welcome within {self._pace.welcome_s:g} s") from None
        if response.WhichOneof("message") != "welcome":
            raise SessionEndedError("what answers there does not say welcome")
        self.greeted = True
        self._caller.on_link(True, self._endpoint, "")
        logger.info("link.up", collector=str(self._endpoint), waiting=self._spool.counts.waiting)
        return min(300.0, max(0.5, float(response.welcome.heartbeat_interval_s or HEARTBEAT_S)))

    async def _hear(self, stream: Stream) -> None:
        while True:
            response = await stream.read()
            match response.WhichOneof("message"):
                case "ack":
                    await self._settle(response.ack)
                case "plan":
                    await self._caller.on_plan(response.plan)
                case "measure_now":
                    self._caller.on_request(response.measure_now)
                case _:
                    pass  # another welcome, or a word of a newer collector

    async def _settle(self, ack: wire.Ack) -> None:
        settled = self._flight.settle(ack)
        for reason in settled.reasons:
            logger.warning("measurement.rejected", reason=reason)
        if settled.accepted or settled.rejected:
            await self._spool.settle(settled, self._delivery())
            self.acknowledged = True
        self._news.set()

    async def _send(self, stream: Stream) -> None:
        while True:
            self._news.clear()
            batch = [] if self._flight.full else await self._next_batch()
            if batch:
                self._flight.add(batch, sent_at=self._clock.monotonic())
                await self._write(stream, wire.SessionRequest(batch=to_batch(batch)))
            else:
                await self._news.wait()
                await asyncio.sleep(self._pace.linger_s)

    async def _next_batch(self) -> list[Waiting]:
        return await self._spool.newest(most=BATCH_MEASUREMENTS, most_bytes=BATCH_BYTES, skip=self._flight.rows())

    async def _live(self, stream: Stream, interval_s: float) -> None:
        """Any message is a sign of life; a heartbeat goes out where there was none for an interval."""
        while True:
            silent_s = self._clock.monotonic() - self._last_write
            if silent_s >= interval_s:
                counts = self._spool.counts
                now = to_timestamp(self._clock.now())
                heartbeat = wire.Heartbeat(now=now, backlog=counts.waiting, dropped=counts.dropped)
                await self._write(stream, wire.SessionRequest(heartbeat=heartbeat))
                silent_s = 0.0
            await asyncio.sleep(interval_s - silent_s)

    async def _watch(self) -> None:
        """A stream that swallows measurements is dead, whatever TCP says of it."""
        while True:
            await asyncio.sleep(self._pace.ack_s / 4)
            sent_at = self._flight.oldest_sent_at
            if sent_at is not None and self._clock.monotonic() - sent_at > self._pace.ack_s:
                raise SessionEndedError(f"no acknowledgement within {self._pace.ack_s:g} s")

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


async def _apart(work: Coroutine[None, None, None]) -> None:
    """Does the work in a task of its own, so that a cancellation of ours is never lost.

    Python's TaskGroup, up to 3.12, forgets one that comes at the moment at which a child fails.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
        await asyncio.wait({task})
        _ = task.cancelled() or task.exception()  # seen, whether or not anybody asks for it
    task.result()


def _without_spool(wrong: Exception) -> Exception:
    """A full disk may have room later; a damaged spool can only be opened anew."""
    return wrong if isinstance(wrong, SpoolError) and wrong.damaged else SessionEndedError(str(wrong))


def to_batch(waiting: Sequence[Waiting]) -> wire.MeasurementBatch:
    """The wire's form of what waited, in the order it was measured."""
    batch = wire.MeasurementBatch()
    for one in sorted(waiting, key=lambda entry: entry.sequence):
        message = batch.measurements.add()
        message.MergeFromString(one.payload)
        message.epoch, message.sequence = one.epoch, one.sequence
    return batch
