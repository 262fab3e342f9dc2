"""Ends servers of asyncio while clients come."""

import asyncio

TURNS = 3
"""Of the loop, within which whoever was accepted has a transport and a handler."""


async def close_server(server: asyncio.Server) -> None:
    """Takes no more clients. asyncio would leave whom it has just accepted without a server, and unclosed."""
    for listener in server.sockets:
        asyncio.get_running_loop().remove_reader(listener)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    server.close()
