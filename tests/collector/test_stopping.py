"""Signals stop, and only while they are listened to."""

import asyncio
import os
import signal

from rabta_collector.stopping import stopping_on_signals
from support.waiting import PATIENCE_S


async def test_each_signal_asks_for_the_end() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        stopped = asyncio.Event()
        with stopping_on_signals(stopped.set):
            os.kill(os.getpid(), number)
            async with asyncio.timeout(PATIENCE_S):
                await stopped.wait()
