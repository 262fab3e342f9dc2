"""A DoH resolver that speaks HTTP/2 alone (RFC 9113), and the ways in which one can misbehave."""

import ssl
from collections.abc import Callable, Sequence

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded

from support.dns_server import Answer, read_question, to_wire
from support.peers import Authority, Call, Script, SecureCall

Respond = Callable[[H2Connection, int, bytes], None]
"""Writes the response to the request with this stream and body."""


def http2_context(authority: Authority, *names: str) -> ssl.SSLContext:
    """A server's context that agrees to HTTP/2."""
    context = authority.server(*names)
    context.set_alpn_protocols(["h2"])
    return context


def serve_http2(context: ssl.SSLContext, respond: Respond) -> Script:
    """One connection's requests, one after another, until the client goes."""

    async def script(call: Call) -> None:
        secure = await call.secure(context)
        connection = H2Connection(H2Configuration(client_side=False))
        connection.initiate_connection()
        await secure.send(connection.data_to_send())
        bodies: dict[int, bytes] = {}
        while data := await secure.receive():
            await _answer(connection, secure, bodies, respond, connection.receive_data(data))

    return script


async def _answer(
    connection: H2Connection, secure: SecureCall, bodies: dict[int, bytes], respond: Respond, events: Sequence[Event]
) -> None:
    for event in events:
        if isinstance(event, RequestReceived):
            bodies[event.stream_id or 0] = b""
        elif isinstance(event, DataReceived):
            bodies[event.stream_id or 0] += event.data or b""
        elif isinstance(event, StreamEnded):
            number = event.stream_id or 0
            respond(connection, number, bodies.pop(number))
    if pending := connection.data_to_send():
        await secure.send(pending)


def reply(connection: H2Connection, stream: int, body: bytes, status: str = "200") -> None:
    """A response in full."""
    connection.send_headers(stream, [(":status", status), ("content-type", "application/dns-message")])
    connection.send_data(stream, body, end_stream=True)


def resolve(answer: Answer) -> Respond:
    """Says what a `DnsServer` would."""

    def respond(connection: H2Connection, stream: int, body: bytes) -> None:
        question = read_question(body)
        assert question is not None
        reply(connection, stream, to_wire(answer(question, "127.0.0.1")[0], question))

    return respond
