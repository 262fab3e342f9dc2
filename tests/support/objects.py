"""Servers of one object, as fast or as slow as a test wants; a part of it for those who ask for a part (RFC 9110)."""

import asyncio
import re
import ssl

from support.peers import Call, Script, SecureCall

TOTAL = 262_144
_RANGE = re.compile(rb"\r\nRange: bytes=0-(\d+)\r\n", re.IGNORECASE)
_BEAT_S = 0.02


def serve_object(
    context: ssl.SSLContext | None = None,
    *,
    total: int = TOTAL,
    bytes_per_second: int | None = None,
    stall_after: int | None = None,
    ranges: bool = True,
    status: str = "200 OK",
    handshake_s: float = 0.0,
) -> Script:
    """`stall_after` bytes of the body nothing more comes; before TLS's answer `handshake_s` seconds pass."""

    async def script(call: Call) -> None:
        if handshake_s:
            await call.peek()
            await asyncio.sleep(handshake_s)
        stream: Call | SecureCall = call if context is None else await call.secure(context)
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := await stream.receive()):
                return
            head += data
        await _send(stream, *_answer(head, total, ranges, status), bytes_per_second, stall_after)

    return script


def _answer(head: bytes, total: int, ranges: bool, status: str) -> tuple[bytes, int]:
    wanted = _RANGE.search(head)
    if ranges and status == "200 OK" and wanted is not None:
        size = min(total, int(wanted[1]) + 1)
        fields = f"Content-Range: bytes 0-{size - 1}/{total}\r\nContent-Length: {size}"
        return f"HTTP/1.1 206 Partial Content\r\n{fields}\r\n\r\n".encode(), size
    return f"HTTP/1.1 {status}\r\nContent-Length: {total}\r\n\r\n".encode(), total


async def _send(
    stream: Call | SecureCall, head: bytes, size: int, bytes_per_second: int | None, stall_after: int | None
) -> None:
    await stream.send(head)
    sent, most = 0, size if stall_after is None else min(size, stall_after)
    piece = 16_384 if bytes_per_second is None else max(1, int(bytes_per_second * _BEAT_S))
    try:
        while sent < most:
            await stream.send(b"o" * min(piece, most - sent))
            sent += min(piece, most - sent)
            if bytes_per_second is not None:
                await asyncio.sleep(_BEAT_S)
        if most < size:
            await stream.receive()  # until the client has had enough
    except OSError:
        return  # it has gone
