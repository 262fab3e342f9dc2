"""A web server on loopback that says the same to everybody, or what a test makes it say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from lab.closing import close_server

PAGE = b"<html><title>Fine</title></html>"
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(PAGE), PAGE)


@asynccontextmanager
async def serving(response: bytes = RESPONSE, *, port: int = 0) -> AsyncIterator[str]:
    """The URL of the server, at any port where none is given."""

    open_: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.add(writer)
        try:
            with suppress(asyncio.IncompleteReadError, OSError):  # whoever asked went away
                await reader.readuntil(b"\r\n\r\n")
                writer.write(response)
        finally:
            open_.discard(writer)
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        await close_server(server)
        for writer in open_:  # whoever has come and not asked yet
            writer.close()
