"""One POST and its answer with a DoH resolver (RFC 8484 section 4.1), over HTTP/2 (RFC 9113) or HTTP/1.1 (RFC 9112).

The handshake offers HTTP/2 first: it is the least version that RFC 8484 recommends, and some resolvers (Quad9, since
December 2025) answer nothing else. One request at a time; `reusable` tells whether another may follow.
"""

from typing import Protocol

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import h11

from rabta_agent.failure import StepError
from rabta_agent.probes.http import Stream, next_event
from rabta_agent.urls import WebUrl
from rabta_proto.vocabulary import Failure

_RESPONSE_LIMIT = 16 * 1024  # as over TCP
_RECEIVED_LIMIT = 32 * 1024  # frames and heads without end
_SETTINGS = b"\x04"
_MEDIA_TYPE = "application/dns-message"


class Exchange(Protocol):
    """The HTTP state of one connection."""

    @property
    def reusable(self) -> bool:
        """Whether another request may follow."""

    async def post(self, stream: Stream, target: WebUrl, query: bytes) -> bytes:
        """Sends a DNS message and returns the one that came back. Raises `StepError`, `EOFError`, `OSError`."""


def begin(protocol: str) -> Exchange:
    """The HTTP state for what the handshake agreed on; HTTP/1.1 where it agreed on nothing."""
    return Http2() if protocol == "h2" else Http1()


class Http1:
    """HTTP/1.1 by h11."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT)
        self.received = 0
        self.limit = _RECEIVED_LIMIT

    @property
    def reusable(self) -> bool:
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def post(self, stream: Stream, target: WebUrl, query: bytes) -> bytes:
        if self.reusable:
            self._http.start_next_cycle()
        self.received = 0
        head = [("Host", target.authority), *_fields(query)]
        request = h11.Request(method="POST", target=target.path, headers=head)
        parts = (request, h11.Data(data=query), h11.EndOfMessage())
        await stream.send(b"".join(self._http.send(part) or b"" for part in parts))
        body = bytearray()
        while not isinstance(event := await next_event(self._http, stream, self), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                _check_status(str(event.status_code))
            elif isinstance(event, h11.Data):
                _extend(body, event.data)
        return bytes(body)


class Http2:
    """HTTP/2 by h2; one stream at a time."""

    def __init__(self) -> None:
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
        # A resolver has nothing to push, and whatever it pushed the volunteer would pay for.
        self._http.local_settings = h2.settings.Settings(
            client=True, initial_values={h2.settings.SettingCodes.ENABLE_PUSH: 0}
        )
        self._begun = False
        self._greeted = False
        self._ending = False

    @property
    def reusable(self) -> bool:
        return self._begun and not self._ending

    async def post(self, stream: Stream, target: WebUrl, query: bytes) -> bytes:
        try:
            number = self._request(target, query)
            return await self._answer(stream, number)
        except h2.exceptions.H2Error as error:
            self._ending = True
            raise StepError(Failure.HTTP_INVALID_RESPONSE, type(error).__name__) from None

    def _request(self, target: WebUrl, query: bytes) -> int:
        if not self._begun:
            self._http.initiate_connection()
            self._begun = True
        number = self._http.get_next_available_stream_id()
        pseudo = [(":method", "POST"), (":scheme", "https"), (":authority", target.authority), (":path", target.path)]
        self._http.send_headers(number, [*pseudo, *_fields(query)])
        self._http.send_data(number, query, end_stream=True)
        return number

    async def _answer(self, stream: Stream, number: int) -> bytes:
        body = bytearray()
        received = 0
        while True:
            await stream.send(self._http.data_to_send())
            data = await stream.receive()
            received += len(data)
            if not data:
                raise EOFError
            if received > _RECEIVED_LIMIT:
                raise StepError(Failure.HTTP_INVALID_RESPONSE, "too long")
            self._check_preface(data)
            complete = [self._take(event, number, body) for event in self._http.receive_data(data)]
            if True in complete:
                await stream.send(self._http.data_to_send())
                return bytes(body)

    def _check_preface(self, data: bytes) -> None:
        """RFC 9113 section 3.4: a server begins with SETTINGS. h2 alone would wait for more of what is no frame."""
        if not self._greeted and data[3:4] not in (b"", _SETTINGS):
            raise StepError(Failure.HTTP_INVALID_RESPONSE, "no HTTP/2")
        self._greeted = True

    def _take(self, event: h2.events.Event, number: int, body: bytearray) -> bool:
        """Takes an event; whether the answer is complete with it."""
        match event:
            case h2.events.ConnectionTerminated():
                self._ending = True
                # RFC 9113 section 6.8: requests above the last stream were not looked at, and may be sent again.
                if (event.last_stream_id or 0) < number:
                    raise EOFError
            case h2.events.ResponseReceived(stream_id=of) if of == number:
                _check_status(
                    next((value.decode("latin-1") for name, value in event.headers or () if name == b":status"), "")
                )
            case h2.events.DataReceived(stream_id=of):
                if of == number:
                    _extend(body, event.data or b"")
                self._http.acknowledge_received_data(event.flow_controlled_length or 0, of or 0)
            case h2.events.StreamReset(stream_id=of) if of == number:
                raise StepError(Failure.DNS_SERVER_MISBEHAVING, "stream reset")
            case h2.events.StreamEnded(stream_id=of):
                return of == number
        return False


def _fields(query: bytes) -> list[tuple[str, str]]:
    return [("accept", _MEDIA_TYPE), ("content-type", _MEDIA_TYPE), ("content-length", str(len(query)))]


def _check_status(status: str) -> None:
    if status != "200":
        raise StepError(Failure.DNS_SERVER_MISBEHAVING, f"HTTP {status}")


def _extend(body: bytearray, data: bytes) -> None:
    body += data
    if len(body) > _RESPONSE_LIMIT:
        raise StepError(Failure.DNS_SERVER_MISBEHAVING, "too long")
