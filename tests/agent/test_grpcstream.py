"""How a call ended is what the collector said, whatever was being written when it came."""

import os

import grpc
import pytest

from rabta_agent.channel import open_channel
from rabta_agent.endpoint import parse_endpoint
from rabta_agent.grpcstream import GrpcStream
from rabta_agent.stream import RefusedError
from rabta_agent.traffic import Traffic
from rabta_proto.v1 import collector_pb2 as wire
from support.scripted_collector import ScriptedCollector, listening

CALLS = 100
LARGE = 300_000
"""Characters of a hello that is still being written when the refusal comes: so about one write of seven fails."""


async def test_a_refusal_is_heard_while_a_write_fails_over_it() -> None:
    hello = wire.SessionRequest(hello=wire.Hello(agent_version=os.urandom(LARGE // 2).hex()))
    refusal = (grpc.StatusCode.UNAUTHENTICATED, "revoked")
    async with listening(ScriptedCollector(refusal=refusal)) as collector:
        endpoint = parse_endpoint(collector.url, lab=True)
        for _ in range(CALLS):
            stream = GrpcStream(open_channel(endpoint), "Bearer x", Traffic(), tls=False)
            await stream.write(hello)
            await stream.write(hello)
            with pytest.raises(RefusedError, match="revoked"):
                await stream.read()
            await stream.close()
