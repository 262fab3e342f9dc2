"""A session without a stream: its messages come and go in calls, and between them it stands as any session does.

The session itself is the very one of a stream, on a `Polled` in place of a call. An agent repeats the Hello of its
session in every call; another Hello begins another session, so that what an answer held that was lost on its way is
said again. An agent that does not call for as long as a stream may be silent is gone.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

import structlog

from rabta_collector.admit import MAX_MESSAGE_BYTES, Refused
from rabta_collector.session import End, SessionEndedError, Stream

MAX_ANSWER_BYTES = MAX_MESSAGE_BYTES - 64 * 1024  # of responses in one call
log = structlog.get_logger()


class Polled:
    """The stream under such a session."""

    def __init__(self, hello: bytes) -> None:
        self.hello = hello
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._answers: list[bytes] = []
        self._hungry = asyncio.Event()  # the session waits for more: it has done with all that it was given

    async def read(self) -> bytes:
        if self._inbox.empty():
            self._hungry.set()
        return await self._inbox.get()

    async def write(self, message: bytes) -> None:
        self._answers.append(message)

    def give(self, requests: Sequence[bytes]) -> None:
        for request in requests:
            self._hungry.clear()
            self._inbox.put_nowait(request)

    async def digested(self) -> None:
        """Returns when the session has done with everything that it was given."""
        await self._hungry.wait()

    def take(self, room: int) -> list[bytes]:
        """Answers within so many bytes, which are then no longer held here."""
        count = 0
        for message in self._answers:
            if (room := room - len(message)) < 0:
                break
            count += 1
        taken, self._answers = self._answers[:count], self._answers[count:]
        return taken


class _Standing:
    """One agent's session on a `Polled`, and the task that it runs in."""

    def __init__(self, polled: Polled, work: Coroutine[Any, Any, None]) -> None:
        self.polled = polled
        self.task = asyncio.create_task(work)
        self.turn = asyncio.Lock()


Converse: TypeAlias = Callable[[Stream], Coroutine[Any, Any, None]]
"""Runs a session on a stream, from its Hello to its end. Raises `Refused` or `SessionEndedError`."""
Flush: TypeAlias = Callable[[Stream], Coroutine[Any, Any, None]]
"""Returns when what the session on this stream has to say is said."""


class Exchanges:
    """Sessions that stand between calls, by agent: one each at the most."""

    def __init__(self) -> None:
        self._standing: dict[str, _Standing] = {}

    async def exchange(
        self, agent: str, requests: Sequence[bytes], *, converse: Converse, flush: Flush, welcome: Callable[[], bytes]
    ) -> list[bytes]:
        """What the session answers to these requests, the first of which is its Hello. Raises what `converse` does."""
        standing = self._standing.get(agent)
        first: list[bytes] = []
        if standing is None or standing.task.done() or standing.polled.hello != requests[0]:
            standing = self._begin(agent, requests[0], converse)
        else:
            first, requests = [welcome()], requests[1:]
        async with standing.turn:
            standing.polled.give(requests)
            await _while_it_stands(standing, standing.polled.digested())
            await _while_it_stands(standing, flush(standing.polled))
            return first + standing.polled.take(MAX_ANSWER_BYTES)

    def _begin(self, agent: str, hello: bytes, converse: Converse) -> _Standing:
        polled = Polled(hello)
        standing = self._standing[agent] = _Standing(polled, converse(polled))
        standing.task.add_done_callback(lambda task: self._ended(agent, task))
        return standing

    def _ended(self, agent: str, task: "asyncio.Task[None]") -> None:
        standing = self._standing.get(agent)
        if standing is not None and standing.task is task:
            del self._standing[agent]
        wrong = None if task.cancelled() else task.exception()
        if wrong is not None and not isinstance(wrong, Refused | SessionEndedError):
            log.warning("session.failed", agent=agent, problem=type(wrong).__name__)

    async def finish(self) -> None:
        """Returns when every session has ended, each having been told to."""
        if tasks := [standing.task for standing in self._standing.values()]:
            await asyncio.wait(tasks)


async def _while_it_stands(standing: _Standing, work: Coroutine[Any, Any, None]) -> None:
    """Until the work is done. Raises why the session ended where it ends before."""
    waiting = asyncio.create_task(work)
    try:
        await asyncio.wait({waiting, standing.task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if standing.task.done():
        standing.task.result()
        raise SessionEndedError(End.SILENT)
