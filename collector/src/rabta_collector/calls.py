"""Calls as our handlers see them, whatever carries them: gRPC, or a POST."""

from collections.abc import Awaitable, Callable, Iterable
from typing import NoReturn, Protocol, TypeAlias

import grpc


class UnaryCall(Protocol):
    """What we use of the context of a call with one request and one answer."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]]: ...
    def peer(self) -> str: ...
    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn: ...


class Call(UnaryCall, Protocol):
    """What we use of the context of a stream."""

    async def read(self) -> bytes: ...
    async def write(self, message: bytes) -> None: ...


Unary: TypeAlias = Callable[[bytes, UnaryCall], Awaitable[bytes]]


class CallStream:
    """A call as a stream whose end is `None`."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def read(self) -> bytes | None:
        """The next message."""
        message = await self._call.read()
        return None if message is grpc.aio.EOF else message

    async def write(self, message: bytes) -> None:
        """Sends a message."""
        await self._call.write(message)


def authorization_of(call: UnaryCall) -> str:
    """The value of `authorization`; empty where there is none."""
    return str(dict(call.invocation_metadata()).get("authorization", ""))
