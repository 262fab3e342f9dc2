"""Carries bytes between two connections: stopped by a gate, and slowed where a rate is given.

A closed gate is a network that carries nothing: bytes wait where they are, and go on when it opens.
"""

import asyncio

_CHUNK = 64 * 1024
_BEAT_S = 0.05  # a slowed link moves bytes this often


async def splice(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    gate: asyncio.Event,
    *,
    bytes_per_second: int | None = None,
) -> None:
    """Carries both ways until both ends are done or one breaks; what comes from the server may be slowed."""
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_carry(client[0], server[1], gate, None))
            tasks.create_task(_carry(server[0], client[1], gate, bytes_per_second))
    except* OSError:
        pass  # one side broke, which breaks the other: the callers close both


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event, rate: int | None
) -> None:
    size = _CHUNK if rate is None else max(1, int(rate * _BEAT_S))
    while data := await reader.read(size):
        await gate.wait()
        writer.write(data)
        await writer.drain()
        if rate is not None:
            await asyncio.sleep(_BEAT_S)
    if writer.can_write_eof():
        writer.write_eof()
