"""A healthy site and the resolver that knows it, as a process of its own: what agents are let loose on.

`python -m bench.site FOLDER` writes `roots.pem` there, and prints the ports: `{"dns", "https", "quic"}`. Every name
is at 127.0.0.1. The page has 4,000 bytes.
"""

import asyncio
import itertools
import json
import sys
from pathlib import Path

from lab.authority import Authority, serving
from support.dns_server import DnsServer, addresses
from support.quic_server import open_quic_server, pem

NAME = "bench.example"
HEADING = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page to measure</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1.0">'
    '<link rel="stylesheet" href="https://static.bench.example/app.3f9c.css"></head><body>'
)
SYLLABLES = ["ka", "lo", "mi", "ran", "te", "su", "vel", "do", "pri", "nas"]


def write_page(size: int) -> bytes:
    """As pages are: some 250 words, a few of them numbers, and a link after each few."""
    words = itertools.cycle(map("".join, itertools.islice(itertools.product(SYLLABLES, repeat=3), 0, 1000, 5)))
    page = HEADING
    while len(page) < size:
        some = " ".join(itertools.islice(words, 8))
        page += f'<p>{some.capitalize()}.</p><a href="/{some[:6]}/{len(page)}.html">{some[7:13]}</a>'
    return page.encode()[:size]


PAGE = write_page(4000)
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

    issued = authority.issue(NAME, f"*.{NAME}", "127.0.0.1")
    context = serving(issued)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context, backlog=500)
    async with (
        DnsServer(lambda _question, _client: [addresses("127.0.0.1")]) as resolver,
        open_quic_server("127.0.0.1", 0, *pem(issued)) as quic,
    ):
        ports = {"dns": resolver.address[1], "https": server.sockets[0].getsockname()[1], "quic": quic.port}
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
