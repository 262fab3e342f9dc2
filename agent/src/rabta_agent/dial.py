"""Every way to a collector behind one call: streams for sessions, and the calls that are made once."""

import grpc
import grpc.aio

from rabta_agent.channel import brief, open_channel
from rabta_agent.endpoint import Endpoint, Way
from rabta_agent.grpcstream import GrpcStream
from rabta_agent.line import Road, fetch_leaf
from rabta_agent.pin import Leaf, WrongKeyError
from rabta_agent.post import CallError, PostLink, said
from rabta_agent.poststream import PostStream
from rabta_agent.stream import SessionEndedError, Stream
from rabta_agent.traffic import Traffic
from rabta_agent.tunnel import ProxyError


class Dialler:
    """Opens ways along one road."""

    def __init__(self, road: Road) -> None:
        self._road = road

    async def __call__(self, endpoint: Endpoint, authorization: str, traffic: Traffic) -> Stream:
        """A stream for a session. Raises `SessionEndedError`, or `CommandError` for settings that cannot be used."""
        if endpoint.way is Way.POST:
            return PostStream(PostLink(endpoint, self._road, traffic), authorization)
        return GrpcStream(await self._channel(endpoint), authorization, traffic, tls=endpoint.tls)

    async def call(self, endpoint: Endpoint, name: str, message: bytes, authorization: str = "") -> bytes:
        """One call of `rabta.v1.Collector`, as bytes. Raises `CallError`."""
        if endpoint.way is Way.POST:
            link = PostLink(endpoint, self._road)
            try:
                return await link.call(name, message, authorization)
            finally:
                link.close()
        try:
            channel = await self._channel(endpoint)
        except SessionEndedError as wrong:
            raise CallError(grpc.StatusCode.UNAVAILABLE, str(wrong)) from None
        try:
            metadata = (("authorization", authorization),) if authorization else ()
            reply: bytes = await channel.unary_unary(f"/rabta.v1.Collector/{name}")(message, metadata=metadata)
        except grpc.aio.AioRpcError as wrong:
            raise CallError(wrong.code(), brief(wrong.details())) from None
        else:
            return reply
        finally:
            await channel.close()

    async def _channel(self, endpoint: Endpoint) -> grpc.aio.Channel:
        return open_channel(endpoint, self._road, await self._leaf(endpoint))

    async def _leaf(self, endpoint: Endpoint) -> Leaf | None:
        """The certificate to trust, where a key is pinned."""
        if not self._road.pin or not endpoint.tls:
            return None
        try:
            return await fetch_leaf(endpoint, self._road)
        except (ProxyError, WrongKeyError) as wrong:
            raise SessionEndedError(str(wrong)) from None
        except OSError as wrong:
            raise SessionEndedError(said(wrong)) from None
