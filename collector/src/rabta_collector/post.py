"""The calls of agents by HTTPS POST, for ways that let no gRPC through: the same messages to the same handlers.

`POST /rabta.v1.Collector/{Enroll,Exchange,Leave}` with the message as `application/x-protobuf`, gzip allowed, and the
header `authorization` in place of gRPC's metadata. An answer is 200 with the message, or a status with
`{"error": {"code", "message"}}`, `code` being gRPC's name of the status in lower case.

Bounds: of a caller without a good credential a few KiB are read, of others a body up to MAX_MESSAGE_BYTES, one at a
time, within BODY_PATIENCE_S; it unfolds to no more than that, by what it declares of itself (RFC 1952, ISIZE) and by
what it is.
"""

import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from typing import NoReturn, TypeAlias

import grpc
from aiohttp import web

from rabta_collector.admit import MAX_MESSAGE_BYTES, Refused
from rabta_collector.answers import JSON
from rabta_collector.calls import Unary, UnaryCall, authorization_of
from rabta_collector.doorway import CONNECTIONS
from rabta_collector.listing import to_json
from rabta_collector.openings import Openings
from rabta_collector.service import NAME
from rabta_collector.statuses import status_of

CONTENT_TYPE = "application/x-protobuf"
BODY_PATIENCE_S = 30.0
PATH = f"/{NAME}/"
HTTP_STATUS = {
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.PRECONDITION_FAILED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.ABORTED: HTTPStatus.CONFLICT,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.REQUEST_TIMEOUT,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}  # every other is 500


class AbortedError(Exception):
    """A call ends with a status that is not OK; the message is one line for the agent."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code


class PostCall:
    """A POST as our handlers see a call."""

    def __init__(self, request: web.Request) -> None:
        self._metadata: list[tuple[str, str | bytes]] = [
            (name.lower(), value) for name, value in request.headers.items()
        ]
        self._peer = _peer(request)

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]]:
        return self._metadata

    def peer(self) -> str:
        return self._peer

    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        raise AbortedError(code, details)


Room: TypeAlias = Callable[[str, UnaryCall], Awaitable[int]]
"""Bytes that the message of a call may have, by its name and before it is read. Raises `AbortedError`."""


def add_calls(app: web.Application, unary: Mapping[str, Unary], *, ready: Callable[[], bool], room: Room) -> None:
    """Serves these calls on the web side. The app's server must not unfold bodies by itself (`auto_decompress`)."""
    openings = Openings(together=CONNECTIONS, of_one=1, patience_s=BODY_PATIENCE_S)

    async def reply(name: str, request: web.Request) -> bytes:
        if not ready():
            raise AbortedError(grpc.StatusCode.UNAVAILABLE, "the collector starts, or its disk takes nothing")
        call = PostCall(request)
        most = await room(name, call)
        try:
            message = await openings.first(authorization_of(call) or None, lambda: _message(request, most))
        except Refused as late:
            raise AbortedError(status_of(late.reason), str(late)) from None
        return await unary[name](message, call)

    for name in unary:
        app.router.add_post(PATH + name, _answering(partial(reply, name)))


def _answering(reply: Callable[[web.Request], Awaitable[bytes]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            body = await reply(request)
        except AbortedError as aborted:
            return _refusal(aborted)
        return web.Response(body=body, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})

    return answer


def _refusal(aborted: AbortedError) -> web.Response:
    status = HTTP_STATUS.get(aborted.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    text = to_json({"error": {"code": aborted.code.name.lower(), "message": " ".join(str(aborted).split())}})
    return web.Response(status=status, body=text.encode(), headers={"Content-Type": JSON, "Cache-Control": "no-store"})


async def _message(request: web.Request, most: int) -> bytes:
    """The message in a POST, unfolded, within its bounds. Raises `AbortedError`."""
    if request.content_type != CONTENT_TYPE:
        raise AbortedError(grpc.StatusCode.INVALID_ARGUMENT, f"expected the content type {CONTENT_TYPE}")
    if (request.content_length or 0) > most:
        raise _too_large(most)
    body = await _read(request, most)
    match request.headers.get("Content-Encoding", "identity").lower():
        case "identity":
            return body
        case "gzip":
            return unfold(body)
        case _:
            raise AbortedError(grpc.StatusCode.INVALID_ARGUMENT, "the only Content-Encoding taken is gzip")


async def _read(request: web.Request, most: int) -> bytes:
    body = bytearray()
    async for part in request.content.iter_any():
        body += part
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def unfold(body: bytes) -> bytes:
    """What a gzip file of one member (RFC 1952) holds. Raises `AbortedError`, at its bound."""
    if int.from_bytes(body[-4:], "little") > MAX_MESSAGE_BYTES:
        raise _too_large(MAX_MESSAGE_BYTES)
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        message = unpacker.decompress(body, MAX_MESSAGE_BYTES + 1)
    except zlib.error:
        raise AbortedError(grpc.StatusCode.INVALID_ARGUMENT, "a body that is not gzip") from None
    if len(message) > MAX_MESSAGE_BYTES:
        raise _too_large(MAX_MESSAGE_BYTES)
    if not unpacker.eof or unpacker.unused_data:
        raise AbortedError(grpc.StatusCode.INVALID_ARGUMENT, "a body that is not one whole gzip member")
    return message


def _too_large(most: int) -> AbortedError:
    return AbortedError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"at most {most} bytes are taken in this message")


def _peer(request: web.Request) -> str:
    """The peer as gRPC writes it, for the same use: in memory, for its network."""
    place = request.transport.get_extra_info("peername") if request.transport else None
    if not isinstance(place, tuple):
        return ""
    return f"ipv6:[{place[0]}]:{place[1]}" if ":" in str(place[0]) else f"ipv4:{place[0]}:{place[1]}"
