"""A session's stream over POST: what is written waits for the next call, what calls answer waits to be read.

A call is made when there is something to say, the session's heartbeats included, so that polling needs no clock of its
own. Every call repeats the session's Hello (collector.proto, Exchange); a call that fails ends the stream.
"""

import asyncio
from collections import deque
from contextlib import suppress

from google.protobuf.message import DecodeError

from rabta_agent.channel import trouble
from rabta_agent.exits import CommandError
from rabta_agent.post import CallError, PostLink
from rabta_agent.stream import SessionEndedError
from rabta_agent.words import tr
from rabta_proto.v1 import collector_pb2 as wire

MAX_REQUESTS = 63  # and the Hello
MAX_REQUEST_BYTES = 960 * 1024  # below a collector's bound on a message; a batch is about half of it


class PostStream:
    """A `Stream` over POST. Owns its link."""

    def __init__(self, link: PostLink, authorization: str) -> None:
        self._link, self._authorization = link, authorization
        self._hello: wire.SessionRequest | None = None
        self._waiting: deque[wire.SessionRequest] = deque()
        self._room = asyncio.Condition()
        self._answers: asyncio.Queue[wire.SessionResponse | None] = asyncio.Queue()
        self._ending: Exception = SessionEndedError(tr("the session was closed"))
        self._calling = asyncio.create_task(self._call_for_ever())

    async def write(self, request: wire.SessionRequest) -> None:
        async with self._room:
            await self._room.wait_for(lambda: len(self._waiting) < MAX_REQUESTS or self._calling.done())
            self._waiting.append(request)
            self._room.notify_all()

    async def read(self) -> wire.SessionResponse:
        if (response := await self._answers.get()) is None:
            self._answers.put_nowait(None)
            raise self._ending
        return response

    async def close(self) -> None:
        self._calling.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait({self._calling})
        self._link.close()

    async def _call_for_ever(self) -> None:
        try:
            while True:
                async with self._room:
                    await self._room.wait_for(lambda: self._waiting)
                    requests = self._take()
                    self._room.notify_all()
                await self._exchange(requests)
        except CallError as wrong:
            self._ending = trouble(wrong.code, str(wrong))
        except (SessionEndedError, CommandError) as wrong:
            self._ending = wrong
        finally:
            self._answers.put_nowait(None)
            async with self._room:
                self._room.notify_all()

    def _take(self) -> list[wire.SessionRequest]:
        """What one call may hold, one request at the least."""
        taken: list[wire.SessionRequest] = []
        size = 0
        while self._waiting and len(taken) < MAX_REQUESTS:
            size += self._waiting[0].ByteSize()
            if taken and size > MAX_REQUEST_BYTES:
                break
            taken.append(self._waiting.popleft())
        return taken

    async def _exchange(self, requests: list[wire.SessionRequest]) -> None:
        if self._hello is None:
            self._hello, *requests = requests
            first = True
        else:
            first = False
        message = wire.ExchangeRequest(requests=[self._hello, *requests]).SerializeToString()
        body = await self._link.call("Exchange", message, self._authorization)
        try:
            responses = wire.ExchangeResponse.FromString(body).responses
        except DecodeError:
            raise SessionEndedError(tr("what answers there is no Rabta collector")) from None
        for response in responses:
            if first or response.WhichOneof("message") != "welcome":
                self._answers.put_nowait(response)
