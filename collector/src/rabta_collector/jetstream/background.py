"""A loop on a thread of its own, for whoever asks NATS with blocking calls."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from rabta_collector.ending import end

T = TypeVar("T")


class Background:
    """Until `close`."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of it, or what it raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self.run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_all() -> None:
    """What the client leaves behind on a loop that ends."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await end(*others)
