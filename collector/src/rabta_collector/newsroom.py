"""Tells whoever listens of events as they happen: a bounded queue for each, so that nobody waits for a slow reader."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rabta_collector.state import Event

BEHIND = 1000
"""Events that a listener may be behind; one that falls back further has to ask again for what it missed."""

LISTENERS = 500

Listening = asyncio.Queue[Event | None]
"""Events in their order; `None`: some were left out, and there is no more."""


class FullError(RuntimeError):
    """There are as many listeners as there may be."""


class Newsroom:
    """To be used on the event loop alone. `lately`: how many events may be told once more to who has just come."""

    def __init__(self, lately: int = 0) -> None:
        self._listening: set[Listening] = set()
        self._lately: deque[Event] = deque(maxlen=lately)

    @property
    def listeners(self) -> int:
        return len(self._listening)

    def tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._lately.append(event)
            for queue in tuple(self._listening):
                if queue.qsize() >= BEHIND:
                    self._listening.discard(queue)
                    queue.put_nowait(None)
                else:
                    queue.put_nowait(event)

    def end(self) -> None:
        """Something cannot be told: all have to ask again."""
        self._lately.clear()
        for queue in self._listening:
            queue.put_nowait(None)
        self._listening.clear()

    @contextmanager
    def listen(self, *, again: bool = False) -> Iterator[Listening]:
        """What is told from now on; `again`: and what was told lately. Raises `FullError`."""
        if len(self._listening) >= LISTENERS:
            raise FullError
        queue: Listening = asyncio.Queue()
        for event in self._lately if again else ():
            queue.put_nowait(event)
        self._listening.add(queue)
        try:
            yield queue
        finally:
            self._listening.discard(queue)
