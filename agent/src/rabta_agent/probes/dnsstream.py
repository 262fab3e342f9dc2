"""Step `dns` over TCP (RFC 7766): the same question to the same resolver, whose response over UDP was cut short.

One connection, one query, one response; closed afterwards. What the resolver may send is bounded: an honest response is
a few kilobytes long, and the volunteer pays for the rest.
"""

import os

from rabta_agent.addresses import split_endpoint
from rabta_agent.failure import StepError
from rabta_agent.network import Connection
from rabta_agent.probes.dnswire import Question, Response, decode_response, encode_query, read_addresses
from rabta_agent.probes.resolve import Resolver, describe
from rabta_agent.probes.step import Outcome, Scene
from rabta_proto.vocabulary import DnsTransport, Failure

RECEIVED_LIMIT = 16 * 1024
_LENGTH_BYTES = 2


async def query_stream(
    scene: Scene, resolver: Resolver, question: Question, deadline: float
) -> Outcome[tuple[str, ...]]:
    """Asks once; the value is the addresses of the type asked for."""
    responses: list[Response] = []

    async def work() -> tuple[str, ...]:
        address, port = split_endpoint(resolver.endpoint, 53)
        connection = await scene.network.connect(address, port, scene.meter, trusted=resolver.is_own)
        try:
            responses.append(await _converse(connection, question))
        finally:
            connection.close()
        return read_addresses(responses[0], question)

    return await scene.timed(
        work(), lambda: describe(resolver, question, DnsTransport.TCP, next(iter(responses), None)), deadline
    )


async def _converse(connection: Connection, question: Question) -> Response:
    identifier = int.from_bytes(os.urandom(2))
    query = encode_query(question, identifier)
    # RFC 7766 section 8: length and message in one write, or some resolvers take them for two.
    await connection.send(len(query).to_bytes(_LENGTH_BYTES) + query)
    buffer = bytearray()
    left = RECEIVED_LIMIT
    while True:
        while (message := take_message(buffer)) is not None:
            if (response := decode_response(message, question, identifier)) is not None:
                return response
        data = await connection.receive()
        if not data:
            raise EOFError
        buffer += data
        left -= len(data)
        if left < 0:
            raise StepError(Failure.DNS_SERVER_MISBEHAVING, "too long")


def take_message(buffer: bytearray) -> bytes | None:
    """Takes the first whole message out of what has come; `None` while there is none (RFC 1035 section 4.2.2).

    Raises `StepError` for one that is announced longer than will be read.
    """
    if len(buffer) < _LENGTH_BYTES:
        return None
    end = _LENGTH_BYTES + int.from_bytes(buffer[:_LENGTH_BYTES])
    if end > RECEIVED_LIMIT:
        raise StepError(Failure.DNS_SERVER_MISBEHAVING, "too long")
    if len(buffer) < end:
        return None
    message = bytes(buffer[_LENGTH_BYTES:end])
    del buffer[:end]
    return message
