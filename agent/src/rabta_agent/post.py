"""A collector's calls by HTTPS POST (collector.proto, Exchange), on one connection that is kept and reused.

Whatever goes wrong is a `CallError` with gRPC's status for it, so that a refusal means the same on both ways: the
collector's own refusals say theirs, other answers are no collector (UNIMPLEMENTED), and all else is UNAVAILABLE.
"""

import asyncio
import gzip
import json
import ssl

import grpc
import h11

from rabta_agent.endpoint import Endpoint
from rabta_agent.line import Road, open_line
from rabta_agent.pin import WrongKeyError
from rabta_agent.strangers import in_words, retell
from rabta_agent.traffic import Traffic
from rabta_agent.tunnel import ProxyError
from rabta_agent.words import tr

CONTENT_TYPE = "application/x-protobuf"
CALL_S = 60.0
MAX_ANSWER_BYTES = 1024 * 1024
WORTH_PACKING = 512
_ERROR_BYTES = 4096
_READ_BYTES = 64 * 1024


class CallError(Exception):
    """A call that was not answered with its message; the text is one line."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code


class PostLink:
    """Calls to one endpoint, one at a time."""

    def __init__(self, endpoint: Endpoint, road: Road, traffic: Traffic | None = None) -> None:
        self._endpoint, self._road = endpoint, road
        self._traffic = traffic or Traffic()
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter, h11.Connection] | None = None

    async def call(self, name: str, message: bytes, authorization: str = "") -> bytes:
        """The answer to a call of `rabta.v1.Collector`. Raises `CallError`."""
        try:
            async with asyncio.timeout(CALL_S):
                return await self._call(name, message, authorization)
        except TimeoutError:
            problem = tr("no answer within {seconds:g} s", seconds=CALL_S)
        except (ssl.SSLError, OSError) as wrong:
            problem = said(wrong)
        except EOFError:
            problem = tr("the connection was closed in the midst of an answer")
        except h11.ProtocolError:
            problem = tr("what answers there does not speak HTTP/1.1")
            raise CallError(grpc.StatusCode.UNIMPLEMENTED, problem) from None
        except (ProxyError, WrongKeyError) as wrong:
            problem = str(wrong)
        finally:
            if self._open is not None and self._open[2].our_state is not h11.IDLE:
                self.close()  # half of a call: nothing can follow on it
        raise CallError(grpc.StatusCode.UNAVAILABLE, problem)

    def close(self) -> None:
        """Lets go of the connection, at once."""
        if self._open is not None:
            self._open[1].transport.abort()
            self._open = None

    async def _call(self, name: str, message: bytes, authorization: str) -> bytes:
        reader, writer, protocol = await self._connected()
        packed = gzip.compress(message, 6, mtime=0) if len(message) > WORTH_PACKING else message
        headers = [
            ("Host", self._endpoint.authority),
            ("Content-Type", CONTENT_TYPE),
            ("Content-Length", str(len(packed))),
            *([("Content-Encoding", "gzip")] if packed is not message else []),
            *([("Authorization", authorization)] if authorization else []),
        ]
        request = h11.Request(method="POST", target=f"/rabta.v1.Collector/{name}", headers=headers)
        data = protocol.send(request) + protocol.send(h11.Data(data=packed)) + protocol.send(h11.EndOfMessage())
        writer.write(data)
        await writer.drain()
        response, body, received = await _answer(reader, protocol)
        self._traffic.carried(sent=len(data), received=received)
        if protocol.our_state is h11.DONE and protocol.their_state is h11.DONE:
            protocol.start_next_cycle()
        return _read(response, body)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, h11.Connection]:
        if self._open is not None and (self._open[0].at_eof() or self._open[1].is_closing()):
            self.close()  # the other side has closed it meanwhile, as servers and middleboxes do
        if self._open is None:
            reader, writer = await open_line(self._endpoint, self._road)
            self._open = reader, writer, h11.Connection(h11.CLIENT)
            self._traffic.opened(tls=self._endpoint.tls)
        return self._open


async def _answer(reader: asyncio.StreamReader, protocol: h11.Connection) -> tuple[h11.Response, bytes, int]:
    """Response, body and the bytes that they took. Raises `EOFError`, `CallError` for one that is too long."""
    response, body, received, ended = None, bytearray(), 0, False
    while True:
        try:
            event = protocol.next_event()
        except h11.RemoteProtocolError:
            if ended:
                raise EOFError from None
            raise
        if event is h11.NEED_DATA:
            data = await reader.read(_READ_BYTES)
            ended = not data
            received += len(data)
            protocol.receive_data(data)
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_ANSWER_BYTES:
                problem = tr("what answers there sends more than a collector does")
                raise CallError(grpc.StatusCode.UNIMPLEMENTED, problem)
        elif isinstance(event, h11.EndOfMessage) and response is not None:
            return response, bytes(body), received
        elif isinstance(event, h11.ConnectionClosed):
            raise EOFError


def _read(response: h11.Response, body: bytes) -> bytes:
    """The message of an answer. Raises `CallError`."""
    kind = dict(response.headers).get(b"content-type", b"").partition(b";")[0].strip()
    if response.status_code == 200 and kind == CONTENT_TYPE.encode():
        return body
    try:
        said = json.loads(body[:_ERROR_BYTES])["error"]
        code, text = grpc.StatusCode[str(said["code"]).upper()], str(said["message"])
    except (ValueError, TypeError, LookupError, RecursionError):
        problem = tr("HTTP status {code}, and no word of a Rabta collector", code=response.status_code)
        code = grpc.StatusCode.UNAVAILABLE if response.status_code >= 500 else grpc.StatusCode.UNIMPLEMENTED
        raise CallError(code, problem) from None
    raise CallError(code, retell(text))


def said(wrong: OSError) -> str:
    """On one line, in the words of TLS or of the system."""
    if isinstance(wrong, ssl.SSLCertVerificationError):
        return tr("the certificate is not good: {cause}", cause=retell(wrong.verify_message))
    if isinstance(wrong, ssl.SSLError):
        return tr("TLS failed: {cause}", cause=(wrong.reason or tr("no reason given")).replace("_", " ").lower())
    return in_words(wrong)
