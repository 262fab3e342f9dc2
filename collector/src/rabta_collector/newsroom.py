"""Tells whoever listens of events as they happen: a bounded queue for each, so that nobody waits for a slow reader."""

import asyncio
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
    """To be used on the event loop alone."""

    def __init__(self) -> None:
        self._listening: set[Listening] = set()

    @property
    def listeners(self) -> int:
        return len(self._listening)

    def tell(self, events: Iterable[Event]) -> None:
        for event in events:
            for queue in tuple(self._listening):
                if queue.qsize() >= BEHIND:
                    self._listening.discard(queue)
                    queue.put_nowait(None)
                else:
                    queue.put_nowait(event)

    @contextmanager
    def listen(self) -> Iterator[Listening]:
        """What is told from now on. Raises `FullError`."""
        if len(self._listening) >= LISTENERS:
            raise FullError
        queue: Listening = asyncio.Queue()
        self._listening.add(queue)
        try:
            yield queue
        finally:
            self._listening.discard(queue)
