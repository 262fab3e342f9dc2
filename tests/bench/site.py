"""A healthy site and the resolver that knows it, as a process of its own: what agents are let loose on.

`python -m bench.site FOLDER` writes `roots.pem` there, and prints the ports: `{"dns", "https"}`. Every name is at
127.0.0.1. The page has 4,000 bytes.
"""

import asyncio
import json
import sys
from pathlib import Path

from lab.authority import Authority
from support.dns_server import DnsServer, addresses

NAME = "bench.example"
PAGE = b"<html><head><title>A page to measure</title></head><body>".ljust(4000, b".")
HEAD = b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n"
RESPONSE = HEAD % len(PAGE) + b"Cache-Control: no-store\r\nConnection: close\r\n\r\n" + PAGE


async def main(folder: Path) -> None:
    authority = Authority()
    authority.roots(folder).rename(folder / "roots.pem")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(RESPONSE)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    context = authority.server(NAME, f"*.{NAME}", "127.0.0.1")
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context, backlog=500)
    async with DnsServer(lambda _question, _client: [addresses("127.0.0.1")]) as resolver:
        ports = {"dns": resolver.address[1], "https": server.sockets[0].getsockname()[1]}
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
