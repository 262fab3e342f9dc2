"""Honest public resolvers over HTTPS (RFC 8484), which no censor of the country can read.

HTTP/1.1 with connections kept open, GET and POST. The answer is the one for the network that the question came from.
"""

import asyncio
import base64
import ssl
from urllib.parse import parse_qs, urlsplit

import h11

from lab.listening import Listener, hold, source_of
from support.dns_server import Answer, read_question, to_wire

_MEDIA_TYPE = b"application/dns-message"


class DohServer:
    """One resolver at one address; to whom it has no answer it is silent, as where the network is shut."""

    def __init__(self, host: str, answer: Answer, tls: ssl.SSLContext) -> None:
        self._answer = answer
        self.listener = Listener(host, self._serve, tls=tls)

    @property
    def url(self) -> str:
        return f"https://{self.listener.host}:{self.listener.port}/dns-query"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while connection.our_state is not h11.MUST_CLOSE:
            try:
                request = await _next_request(connection, reader)
            except h11.RemoteProtocolError:
                return
            if request is None:
                return
            response = self._respond(*request, source=source_of(writer))
            if response is None:
                return await hold(reader)
            status, body = response
            fields = [(b"content-type", _MEDIA_TYPE), (b"content-length", str(len(body)).encode())]
            for event in (
                h11.Response(status_code=status, headers=fields),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                writer.write(connection.send(event) or b"")
            await writer.drain()
            if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
                connection.start_next_cycle()

    def _respond(self, request: h11.Request, body: bytes, *, source: str) -> tuple[int, bytes] | None:
        url = urlsplit(request.target.decode("ascii"))
        if url.path != "/dns-query":
            return 404, b""
        encoded = parse_qs(url.query).get("dns", [""])[0]
        try:
            wire = body if request.method == b"POST" else base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        except ValueError:
            return 400, b""
        question = read_question(wire)
        if question is None:
            return 400, b""
        replies = self._answer(question, source)
        return (200, to_wire(replies[0], question)) if replies else None


async def _next_request(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request, bytes] | None:
    """The next request with its body; `None` when the client has gone."""
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(4096))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return request, body
        else:  # ConnectionClosed
            return None
