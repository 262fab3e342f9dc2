"""A session's stream over gRPC: one call on a channel of its own."""

import asyncio

import grpc
import grpc.aio

from rabta_agent.channel import trouble
from rabta_agent.stream import SessionEndedError
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

    async def write(self, request: wire.SessionRequest) -> None:
        try:
            await self._call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the reader reports it
        self._traffic.wrote(request.SerializeToString())

    async def read(self) -> wire.SessionResponse:
        try:
            response = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise trouble(error.code(), error.details()) from None
        if response is grpc.aio.EOF:
            raise SessionEndedError(tr("the collector ended the session"))
        if not self._answered:
            self._answered = True
            self._traffic.opened(tls=self._tls)
        self._traffic.read(response.ByteSize())
        return response  # type: ignore[no-any-return] # grpcio ships no types

    async def close(self) -> None:
        self._call.cancel()
        self._traffic.closing()
        await self._channel.close()
