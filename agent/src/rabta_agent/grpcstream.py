"""A session's stream over gRPC: one call on a channel of its own."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import grpc
import grpc.aio

from rabta_agent.channel import trouble
from rabta_agent.stream import RefusedError, SessionEndedError
from rabta_agent.traffic import Traffic
from rabta_agent.words import tr
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1 import collector_pb2_grpc as service


class GrpcStream:
    """A `Stream` over gRPC. Owns its channel."""

    def __init__(self, channel: grpc.aio.Channel, authorization: str, traffic: Traffic, *, tls: bool) -> None:
        self._traffic, self._tls = traffic, tls
        self._channel = channel
        self._call = service.CollectorStub(self._channel).Session(
            metadata=(("authorization", authorization),), compression=grpc.Compression.Gzip
        )
        self._answered = False
        self._ended: tuple[grpc.StatusCode, str | None] | None = None
        """The first status that the call had. A write that fails because the other end ended the call has the library
        put "Internal error from Core" in its place (grpc/grpc#36066), and a refusal would be taken for a broken way."""
        self._call.add_done_callback(self._keep_status)

    def _keep_status(self, call: grpc.aio.Call) -> None:
        self._ended = _at_once(call.code()), _at_once(call.details())

    async def write(self, request: wire.SessionRequest) -> None:
        try:
            await self._call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the reader reports it
        self._traffic.wrote(request.SerializeToString())

    async def read(self) -> wire.SessionResponse:
        response = await self._read()
        if isinstance(response, SessionEndedError | RefusedError):
            raise response
        if not self._answered:
            self._answered = True
            self._traffic.opened(tls=self._tls)
        self._traffic.read(response.ByteSize())
        return response

    async def _read(self) -> wire.SessionResponse | SessionEndedError | RefusedError:
        """What was sent, or why nothing will be. Not raised here: an error holds what it came through, the call too."""
        try:
            response = await self._call.read()
        except grpc.aio.AioRpcError as error:
            return trouble(*(self._ended or (error.code(), error.details())))
        if response is grpc.aio.EOF:
            return SessionEndedError(tr("the collector ended the session"))
        return response  # type: ignore[no-any-return] # grpcio ships no types

    async def close(self) -> None:
        """Closes the connection, too, which the library keeps for as long as anybody holds the call or the channel."""
        self._call.cancel()
        self._traffic.closing()
        await self._channel.close()
        del self._call, self._channel


def _at_once(known: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that has nothing to wait for."""
    try:
        known.send(None)
    except StopIteration as returned:
        return returned.value
    raise AssertionError(known)
