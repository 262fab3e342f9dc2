"""Counts what goes over TCP between clients and a server of this machine, whatever they say: a relay in a thread."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

PIECE = 65_536


@dataclass(slots=True)
class Relayed:
    """Bytes of all connections so far; `port`: where clients connect to."""

    port: int = 0
    up: int = 0
    down: int = 0


@contextlib.contextmanager
def relay(port: int) -> Iterator[Relayed]:
    """Connects whoever comes to a port of this machine."""
    counted, serving = Relayed(), threading.Event()
    loop = asyncio.new_event_loop()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pump(reader, server_writer, counted, "up"), _pump(server_reader, writer, counted, "down"))

    async def serve(stopping: asyncio.Event) -> None:
        async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
            counted.port = server.sockets[0].getsockname()[1]
            serving.set()
            await stopping.wait()

    stopping = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(stopping)), daemon=True)
    thread.start()
    serving.wait()
    try:
        yield counted
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.run_until_complete(_end_all(loop))
        loop.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counted: Relayed, way: str) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(PIECE):
            setattr(counted, way, getattr(counted, way) + len(piece))
            writer.write(piece)
            await writer.drain()
    writer.close()


async def _end_all(loop: asyncio.AbstractEventLoop) -> None:
    """Connections that still stand."""
    others = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
