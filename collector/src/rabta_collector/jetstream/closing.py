"""Closes a connection within a bound, whatever the server does.

The library first waits until all is written: behind a cut, or at a server that stands still, that never is.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nats.aio.client import Client

CLOSE_S = 2.0
"""A process closes several, one after the other, within the half minute that it has to stop (TimeoutStopSec)."""

CUT_S = 1.0
"""For what the library does once its line is cut."""


async def close(client: "Client") -> None:
    """After `CLOSE_S` the line is cut; what was not written by then is lost. Returns at the latest `CUT_S` after."""
    cutting = asyncio.get_running_loop().call_later(CLOSE_S, _cut, client)
    try:
        with suppress(OSError, TimeoutError):  # the library drains what is broken already
            async with asyncio.timeout(CLOSE_S + CUT_S):
                await client.close()
    finally:
        cutting.cancel()
        _cut(client)  # nothing, but where whoever closes it was itself ended meanwhile


def _cut(client: "Client") -> None:
    """The library has no word for it; its own wait for what is not written then ends."""
    writer = getattr(client._transport, "_io_writer", None)
    if writer is not None:
        writer.transport.abort()
