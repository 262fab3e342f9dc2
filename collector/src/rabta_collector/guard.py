"""gRPC handlers behind a guard: before the message of a call is read, the call is counted (openings.py).

Left to itself, gRPC reads the message of a unary call before any handler hears of the call, and waits for it for as
long as the peer answers pings. So every call is registered as a stream, which is the same on the wire, and the guard
reads. A handler of streams of raw bytes reads by itself, and is left as it is.
"""

import inspect
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio

from rabta_collector.admit import Refused
from rabta_collector.networks import address_of
from rabta_collector.openings import Openings
from rabta_collector.prefixes import Prefixes
from rabta_collector.statuses import status_of

Refusal = Callable[[Refused], None]


class Guard(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no types of its own
    """Stands before other handlers of a server. `refused` is told of each call that did not come whole."""

    def __init__(self, inner: grpc.GenericRpcHandler, openings: Openings, refused: Refusal) -> None:
        self._inner, self._openings, self._refused = inner, openings, refused
        self._prefixes = Prefixes(os.urandom)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> object:
        """The handler of a call; `None` where there is none."""
        handler = self._inner.service(handler_call_details)
        if handler is None or (handler.request_streaming and handler.request_deserializer is None):
            return handler
        return grpc.stream_stream_rpc_method_handler(
            self._guarded(handler), handler.request_deserializer, handler.response_serializer
        )

    def _guarded(self, handler: grpc.RpcMethodHandler) -> Callable[[object, Any], Any]:
        async def guarded(_requests: object, call: Any) -> None:
            try:
                await self._serve(handler, call)
            except Refused as refused:
                self._refused(refused)
                await call.abort(status_of(refused.reason), str(refused))

        return guarded

    async def _serve(self, handler: grpc.RpcMethodHandler, call: Any) -> None:
        if handler.request_streaming:
            answers = handler.stream_stream(self._messages(call), call)
        elif (message := await self._next(call)) is grpc.aio.EOF:
            return
        else:
            answers = (handler.unary_stream or handler.unary_unary)(message, call)
        if inspect.isasyncgen(answers):
            async for answer in answers:
                await call.write(answer)
        elif (answer := await answers) is not None:
            await call.write(answer)

    async def _messages(self, call: Any) -> AsyncIterator[object]:
        while (message := await self._next(call)) is not grpc.aio.EOF:
            yield message

    async def _next(self, call: Any) -> object:
        owner = self._prefixes.of(address_of(call.peer()), time.monotonic())
        return await self._openings.first(owner, call.read)


class Guarded:
    """A server as those see it who add their handlers to one: each comes behind a guard."""

    def __init__(self, server: grpc.aio.Server, openings: Openings, refused: Refusal) -> None:
        self._server, self._openings, self._refused = server, openings, refused

    def add_generic_rpc_handlers(self, handlers: tuple[grpc.GenericRpcHandler, ...]) -> None:
        """As grpc.aio.Server's."""
        self._server.add_generic_rpc_handlers([Guard(inner, self._openings, self._refused) for inner in handlers])

    def add_registered_method_handlers(self, *_same: object) -> None:
        """Nothing: the generic ones serve the same calls, and these would go before them."""
