"""What a session learns of the agent's clock: by its welcome, and by the answers to its heartbeats.

One question is open at a time; an answer to another tells nothing, for its trip is not known.
"""

from google.protobuf.timestamp_pb2 import Timestamp

from rabta_agent.clockwatch import Clocks, reckon
from rabta_agent.spool_thread import SpoolThread
from rabta_proto.v1 import collector_pb2 as wire


class Timekeeper:
    """Of one session. What it learns goes to the spool, whose rows it is about."""

    def __init__(self, spool: SpoolThread) -> None:
        self._spool = spool
        self._asked: tuple[Timestamp | None, Clocks] | None = None

    def ask(self, now: Timestamp | None = None) -> None:
        """A heartbeat that says `now`, or the hello, is about to go out."""
        self._asked = (now, self._spool.clocks())

    async def hear_welcome(self, welcome: wire.Welcome) -> None:
        """Raises `SpoolError`."""
        await self._learn(None, welcome)

    async def hear(self, answer: wire.HeartbeatAnswer) -> None:
        """Raises `SpoolError`."""
        await self._learn(answer.agent_now, answer)

    async def _learn(self, question: Timestamp | None, answer: wire.Welcome | wire.HeartbeatAnswer) -> None:
        if self._asked is None or self._asked[0] != question:
            return
        (_, sent), self._asked = self._asked, None
        if answer.HasField("now"):
            collector_us = answer.now.seconds * 1_000_000 + answer.now.nanos // 1000
            offset = reckon(sent, collector_us, self._spool.clocks())
            if offset is not None:
                await self._spool.learn(offset)
