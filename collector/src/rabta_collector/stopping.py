"""SIGINT and SIGTERM ask for an orderly end."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop` on the running loop with each signal."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def stop(stopping: asyncio.Event) -> None:
    """Stops: gracefully the first time, at once the second."""
    if stopping.is_set():
        os._exit(130)
    stopping.set()
