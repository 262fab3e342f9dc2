"""Datagrams waited for with more patience than one: a silence that may end with something to say again."""

import asyncio

from rabta_agent.network import Datagrams


async def receive_until(datagrams: Datagrams, when: float) -> bytes | None:
    """The next datagram; `None` where none has come by then, in seconds of the event loop's clock.

    Raises what the kernel says of the peer (an ICMP error), its own time-out included.
    """
    try:
        async with asyncio.timeout_at(when):
            return await datagrams.receive()
    except TimeoutError as error:
        if error.errno is not None:  # the kernel's own
            raise
        return None
