"""A web server over TLS and without, and a resolver: `python -m lab.netns.farside ADDRESS ADDRESS6 CERT KEY`.

Every name is at these addresses, and is given the same page.
"""

import asyncio
import ssl
import sys
from typing import cast

import dns.message
import dns.rrset

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


class Resolver(asyncio.DatagramProtocol):
    """Says for every name that it is here, over IPv4."""

    def __init__(self, address: str) -> None:
        self._address = address

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        name, kind = question.question[0].name, question.question[0].rdtype
        if kind == 1:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", self._address))
        self._transport.sendto(answer.to_wire(), addr)


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(PAGE)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass  # whoever only shakes hands
    finally:
        writer.close()


async def serve(addresses: tuple[str, ...], cert: str, key: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    for address in addresses:
        await asyncio.start_server(talk, address, 443, ssl=context)
        await asyncio.start_server(talk, address, 80)
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Resolver(addresses[0]), local_addr=(addresses[0], 53))
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve((sys.argv[1], sys.argv[2]), sys.argv[3], sys.argv[4]))
