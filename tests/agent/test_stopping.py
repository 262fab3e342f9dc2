"""The first signal asks, the second ends: in a process of its own, as it is in life."""

import signal
import subprocess
import sys

import pytest

from support.waiting import PATIENCE_S

SCRIPT = """
import asyncio, signal
from rabta_agent.stopping import stopping_on_signals
async def main():
    stop = asyncio.Event()
    with stopping_on_signals(stop):
        print("ready", flush=True)
        await stop.wait()
        print("asked", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_second_ends_at_once(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "ready\n" == process.stdout.readline()
        process.send_signal(number)
        assert "asked\n" == process.stdout.readline()
        process.send_signal(number)
        assert -number == process.wait(PATIENCE_S)
        assert "" == process.stderr.read()  # no traceback
