"""One agent's stream, from its Hello on: batches to the journal, acknowledgements and plans back.

Messages are taken one after the other; the peer is held back by not reading from it. What is said to it goes through a
bounded outbox. A session ends when the agent closes it, falls silent, is revoked or replaced, or the collector stops.
"""

import asyncio
from collections.abc import Callable, Set
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from rabta_collector.admission import Toll
from rabta_collector.admit import Envelope, Kind, Reason, Refused, decode, open_envelope
from rabta_collector.ingest import Ingest
from rabta_collector.journal import Member
from rabta_collector.pressure import LOADED_PAUSE_MS, TOLD_FOR_S
from rabta_proto.codec import to_timestamp
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import plan_pb2 as plans

OUTBOX = 32  # messages to an agent that it has not taken
STALLED_S = 2.0  # for which a batch waits before its agent is asked for patience
SILENCE = 2.5  # heartbeats: one may be lost on its way, a second one not; an outage shows that much sooner


class Stream(Protocol):
    """The raw stream under a session."""

    async def read(self) -> bytes | None:
        """The next message; `None` after the last one."""

    async def write(self, message: bytes) -> None:
        """Sends a message; may wait for the peer."""


class End(StrEnum):
    """Why the collector ends a session; the values are for the agent's log."""

    SILENT = "nothing was heard of the agent for too long"
    REVOKED = "the credential was revoked"
    REPLACED = "another session of this agent began"
    STOPPING = "the collector stops"
    SHARED = "another part of the collector has more room"


class SessionEndedError(Exception):
    """The collector ends the session."""

    def __init__(self, end: End) -> None:
        super().__init__(str(end))
        self.end = end


class Session:
    """The collector's side of one stream."""

    def __init__(
        self,
        *,
        member: Member,
        stream: Stream,
        ingest: Ingest,
        heartbeat_s: float,
        heard: Callable[[link.Heartbeat | None], None] = lambda _: None,
        charge: Callable[[int, int], Toll] = lambda _size, _measurements: Toll(),
        news: Callable[[float], link.Standing | None] = lambda _now: None,
    ) -> None:
        """`heard` is called at every message of the agent, and with what each heartbeat says.

        `charge` is called with the bytes and measurements of a message, before it is looked at.

        `news` is asked, with the time, what of the verdicts there is to tell after each message.
        """
        self._news = news
        self.member, self._heard, self._charge = member, heard, charge
        self.stream, self._ingest, self._silence_s = stream, ingest, heartbeat_s * SILENCE
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue(OUTBOX)
        self._writing = asyncio.Lock()
        self._waiting_since: float | None = None  # for the next message, by the loop's clock; `None`: not now
        self._watch: asyncio.TimerHandle | None = None
        self._end: End | None = None
        self._ending = asyncio.Event()
        self.plan_version = 0
        """Version of the plan that the agent has, as far as we know."""
        self.left = False
        """Whether the agent said that it goes."""
        self.left_out: Set[str] = frozenset()
        """Platforms that the agent measures nothing of: held here, for as long as this stands, and nowhere else."""

    @property
    def busy(self) -> bool:
        """Whether a message of the agent is being taken just now."""
        return self._waiting_since is None

    def offer_plan(self, plan: plans.SignedPlan, version: int) -> bool:
        """Sends a plan; false where the agent takes nothing just now."""
        if sent := self._say(link.SessionResponse(plan=plan)):
            self.plan_version = version
        return sent

    def ask(self, request: link.MeasureNow) -> bool:
        """Asks the agent to measure at once; false where it takes nothing just now."""
        return self._say(link.SessionResponse(measure_now=request))

    def offer_secret(self, secret: str) -> bool:
        """Gives the agent a new secret, for its next session; false where it takes nothing just now."""
        return self._say(link.SessionResponse(rotation=link.Rotation(secret=secret)))

    def _say(self, response: link.SessionResponse) -> bool:
        try:
            self._outbox.put_nowait(response.SerializeToString())
        except asyncio.QueueFull:
            return False
        return True

    def end(self, end: End) -> None:
        """Ends the session from outside."""
        self._end = self._end or end
        self._ending.set()

    async def flush(self) -> None:
        """Returns when all that there was to say has been written to the stream."""
        await self._outbox.join()

    def welcome(self, welcome: link.Welcome) -> None:
        """Answers the Hello; to be called before anything else is said."""
        self._say(link.SessionResponse(welcome=welcome))

    async def run(self) -> None:
        """Until the agent closes the stream. Raises `Refused` or `SessionEndedError`."""
        self._look_for_silence()
        try:
            async with asyncio.TaskGroup() as group:
                others = [group.create_task(self._send()), group.create_task(self._wait_for_end())]
                await self._receive()
                for task in others:
                    task.cancel()
        except BaseExceptionGroup as raised:
            raise raised.exceptions[0] from None  # the first ends the session; the others followed from it
        finally:
            if self._watch is not None:
                self._watch.cancel()

    def _look_for_silence(self) -> None:
        """Ends the session where its agent has been silent for too long; else looks again when it may have been.

        A timer for each message would take longer than some messages do.
        """
        loop, since = asyncio.get_running_loop(), self._waiting_since
        left_s = self._silence_s - (0.0 if since is None else loop.time() - since)
        if left_s <= 0:
            self.end(End.SILENT)
        else:
            self._watch = loop.call_later(left_s, self._look_for_silence)

    async def _wait_for_end(self) -> None:
        await self._ending.wait()
        raise SessionEndedError(self._end or End.STOPPING)

    async def _send(self) -> None:
        while True:
            message = await self._outbox.get()
            async with self._writing:
                await self.stream.write(message)
            self._outbox.task_done()

    async def _reply(self, response: link.SessionResponse) -> None:
        """Answers a message, after all that was said before: at once where that has been written."""
        message = response.SerializeToString()
        if not self._outbox.empty():
            await self._outbox.put(message)
            return
        async with self._writing:
            await self.stream.write(message)

    async def _receive(self) -> None:
        while await self._receive_one():
            pass

    async def _receive_one(self) -> bool:
        """Takes the next message, and keeps nothing of it while the one after it is waited for; false at the end."""
        self._waiting_since = asyncio.get_running_loop().time()
        raw = await self.stream.read()
        self._waiting_since = None
        if raw is None:
            return False
        envelope = open_envelope(raw)
        self._heard(None)
        toll = self._charge(len(envelope.body), len(envelope.parts))
        match envelope.kind:
            case Kind.BATCH:
                await self._take(envelope, greedy=toll.greedy)
            case Kind.HEARTBEAT:
                await self._answer(decode(link.Heartbeat, envelope.body))
            case Kind.GOODBYE:
                self.left = True
                return False
            case Kind.HELLO:
                raise Refused(Reason.UNREADABLE, "a second Hello")
            case Kind.UNKNOWN:
                pass
        if (standing := self._news(self._ingest.now())) is not None:
            self._say(link.SessionResponse(standing=standing))
        await self._pay(toll)
        return True

    async def _answer(self, heartbeat: link.Heartbeat) -> None:
        """Tells the agent the time, so that it knows how far its own clock is off."""
        self._heard(heartbeat)
        now = to_timestamp(datetime.fromtimestamp(self._ingest.now(), UTC))
        answer = link.HeartbeatAnswer(agent_now=heartbeat.now, now=now)
        await self._reply(link.SessionResponse(heartbeat_answer=answer))

    async def _pay(self, toll: Toll) -> None:
        """Holds the agent back by not reading from it."""
        if toll.slow_down is not None:
            await self._reply(link.SessionResponse(slow_down=toll.slow_down))
        if toll.wait_s > 0:
            await asyncio.sleep(toll.wait_s)

    async def _take(self, envelope: Envelope, *, greedy: bool) -> None:
        stalled = asyncio.get_running_loop().call_later(STALLED_S, self._ask_for_patience)
        try:
            ack = await self._ingest.take(self.member, envelope.body, parts=envelope.parts, greedy=greedy)
        finally:
            stalled.cancel()
        await self._reply(link.SessionResponse(ack=ack))

    def _ask_for_patience(self) -> None:
        """The journal keeps us waiting: what is fresh can wait a little, and the backlog until that is over."""
        self._say(link.SessionResponse(slow_down=link.SlowDown(for_s=TOLD_FOR_S, live_pause_ms=LOADED_PAUSE_MS)))


async def read_envelope(stream: Stream, patience_s: float) -> Envelope | None:
    """The next message of a session, admitted but not decoded; `None` at its end."""
    try:
        async with asyncio.timeout(patience_s):
            raw = await stream.read()
    except TimeoutError:
        raise SessionEndedError(End.SILENT) from None
    return None if raw is None else open_envelope(raw)


async def read_hello(stream: Stream, patience_s: float) -> link.Hello:
    """The first message of a session. Raises `Refused` where it is another."""
    envelope = await read_envelope(stream, patience_s)
    if envelope is None or envelope.kind is not Kind.HELLO:
        raise Refused(Reason.UNREADABLE, "a session begins with a Hello")
    return decode(link.Hello, envelope.body)
