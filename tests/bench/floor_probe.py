"""The floor of a measurement: one query, one connection, one handshake, one request, by hand; nothing is recorded.

`python -m bench.floor_probe DNS_PORT HTTPS_PORT ROOTS TIMES`.
"""

import asyncio
import socket
import ssl
import struct
import sys

from bench.site import NAME

BODY = 4096


async def resolve(port: int, number: int) -> str:
    """The first address of an answer."""
    loop = asyncio.get_running_loop()
    asked = b"".join(bytes([len(label)]) + label for label in NAME.encode().split(b"."))
    query = struct.pack(">6H", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + asked + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setblocking(False)
        await loop.sock_connect(one, ("127.0.0.1", port))
        await loop.sock_sendall(one, query)
        answer = await loop.sock_recv(one, 1232)
    return socket.inet_ntoa(answer[-4:])


async def probe(dns_port: int, port: int, context: ssl.SSLContext, number: int) -> bytes:
    """What came of the page."""
    loop = asyncio.get_running_loop()
    address = await resolve(dns_port, number)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.setblocking(False)
        await loop.sock_connect(one, (address, port))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname=NAME)

        async def until_done(step: object) -> object:
            while True:
                try:
                    done = step()  # type: ignore[operator]
                except ssl.SSLWantReadError:
                    done = None
                if outgoing.pending:
                    await loop.sock_sendall(one, outgoing.read())
                if done is not None:
                    return done
                if not (raw := await loop.sock_recv(one, 16_384)):
                    return b""
                incoming.write(raw)

        await until_done(lambda: tls.do_handshake() or b"done")
        request = f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
        await until_done(lambda: tls.write(request))
        page = b""
        while len(page) < BODY and (part := await until_done(lambda: tls.read(BODY))):
            assert isinstance(part, bytes)
            page += part
        return page


async def main(dns_port: int, port: int, roots: str, times: int) -> None:
    context = ssl.create_default_context(cafile=roots)
    for number in range(times):
        page = await probe(dns_port, port, context, number)
        if not page.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"no page: {page[:80]!r}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
