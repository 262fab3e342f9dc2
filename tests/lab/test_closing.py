"""A server that ends leaves nobody behind, whenever that is."""

import asyncio
import gc
from contextlib import suppress

import pytest

from lab.closing import close_server


async def come(port: int) -> None:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()


@pytest.mark.parametrize("turns", range(14))
async def test_who_has_just_been_accepted_is_let_go(turns: int) -> None:
    """`turns` of the loop after clients have begun to come."""
    for _ in range(10):
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        clients = [asyncio.create_task(come(port)) for _ in range(5)]
        for _ in range(turns):
            await asyncio.sleep(0)
        await close_server(server)
        await asyncio.gather(*clients)
    gc.collect()  # what nobody closed complains, which fails a test
