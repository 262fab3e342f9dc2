"""Step `http`: one GET over HTTP/1.1 (RFC 9110, 9112) on a connection that was just opened.

The body is read up to a cap and then only digested; a redirect's is not read at all. What had come before a failure is
kept: a response that is cut off in the middle still has its status. The request looks like a browser's, because
middleboxes and sites treat strangers differently, and names neither this program nor its volunteer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import h11

from rabta_agent.addresses import scrub
from rabta_agent.digest import blank_addresses, digest, find_marks, read_title, simhash
from rabta_agent.failure import StepError
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.urls import InvalidTarget, WebUrl, follow
from rabta_proto.model import HttpRoundTrip
from rabta_proto.vocabulary import Failure

BODY_CAP_BYTES = {"https": 4 * 1024, "http": 32 * 1024}
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEAD_LIMIT = 32 * 1024
_RECEIVED_LIMIT = 128 * 1024  # heads, chunk framing and interim responses without end; the largest cap fits four times
_NAMES_LIMIT = 64
_TEXT_LIMIT = 500

_BROWSER = [
    ("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
    # Not a browser's: a compressed body could not be searched for marks once it is cut.
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
]


class Stream(Protocol):
    """What a request goes over: a `Connection`, or a `TlsStream` on one."""

    async def send(self, data: bytes) -> None: ...

    async def receive(self) -> bytes: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for, where, and which texts to look for in the answer."""

    address: str
    url: WebUrl
    marks: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Reading:
    """What has come of a response."""

    status: int | None = None
    names: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    received: int = 0

    @property
    def redirects(self) -> bool:
        return self.status in REDIRECTS and "location" in self.fields

    def begin(self, response: h11.Response) -> None:
        self.status = response.status_code
        for name, value in response.headers:
            text = name.decode("latin-1")
            self.names.append(text[:_NAMES_LIMIT])
            self.fields.setdefault(text, value.decode("latin-1"))
        del self.names[_NAMES_LIMIT:]

    def add(self, data: bytes, cap: int) -> bool:
        """Takes a piece of the body; whether the cap is reached."""
        self.body += data[: cap - len(self.body)]
        self.truncated = len(self.body) >= cap
        return self.truncated


async def get(scene: Scene, stream: Stream, request: Request, deadline: float) -> Outcome[WebUrl | None]:
    """Asks and reads; the value is where a redirect leads, `None` for any other response. Closes the stream always."""
    reading = _Reading()
    following: list[WebUrl] = []

    async def work() -> None:
        await _exchange(stream, request.url, reading)
        if reading.redirects:
            try:
                following.append(follow(request.url, reading.fields["location"]))
            except InvalidTarget:
                raise StepError(Failure.HTTP_INVALID_REDIRECT) from None

    try:
        outcome = await scene.timed(work(), lambda: _describe(request, reading), deadline)
    finally:
        stream.close()
    succeeded = outcome.observation.failure is None
    return Outcome(observation=outcome.observation, value=following[0] if succeeded and following else None)


async def _exchange(stream: Stream, url: WebUrl, reading: _Reading) -> None:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
    head = h11.Request(method="GET", target=url.path, headers=[("Host", url.authority), *_BROWSER])
    await stream.send((connection.send(head) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    cap = BODY_CAP_BYTES[url.scheme]
    while True:
        event = await next_event(connection, stream, reading)
        if isinstance(event, h11.Response):
            reading.begin(event)
            if reading.redirects:
                return
        elif isinstance(event, h11.EndOfMessage) or (isinstance(event, h11.Data) and reading.add(event.data, cap)):
            return


class Counted(Protocol):
    """Something that keeps count of the bytes that a response has taken."""

    received: int


Event = h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]


async def next_event(connection: h11.Connection, stream: Stream, counted: Counted) -> h11.Event:
    """The next event. Raises `EOFError` where the peer closes too early, `StepError` for what is no HTTP."""
    data: bytes | None = None
    while True:
        try:
            if data is not None:
                connection.receive_data(data)
            event: Event = connection.next_event()
        except h11.RemoteProtocolError as error:
            if data == b"":
                raise EOFError from None
            raise StepError(Failure.HTTP_INVALID_RESPONSE, f"h11 {error.error_status_hint}") from None
        if isinstance(event, h11.ConnectionClosed):
            raise EOFError
        if event is h11.PAUSED or counted.received > _RECEIVED_LIMIT:
            raise StepError(Failure.HTTP_INVALID_RESPONSE, "protocol switch" if event is h11.PAUSED else "too long")
        if isinstance(event, h11.Event):
            return event
        data = await stream.receive()
        counted.received += len(data)


def _describe(request: Request, reading: _Reading) -> HttpRoundTrip:
    raw = bytes(reading.body)
    body = blank_addresses(raw)
    location = reading.fields.get("location", "") if reading.status in REDIRECTS else ""
    return HttpRoundTrip(
        address=request.address,
        port=request.url.port,
        url=request.url.public,
        tls=request.url.tls,
        status=reading.status,
        body_bytes=len(raw),
        declared_bytes=_read_length(reading.fields),
        truncated=reading.truncated,
        title=read_title(raw, _read_charset(reading.fields)),
        header_names=tuple(reading.names),
        location=_public_location(request.url, location),
        server=scrub(reading.fields.get("server", ""))[:_TEXT_LIMIT],
        body_sha256=digest(body),
        body_simhash=simhash(body),
        marks=find_marks(raw, request.marks),
    )


def _public_location(base: WebUrl, location: str) -> str:
    """A redirect's target without addresses in its path and query; as it stands where it cannot be read."""
    if not location:
        return ""
    try:
        return follow(base, location).public[:_TEXT_LIMIT]
    except InvalidTarget:
        return scrub(location)[:_TEXT_LIMIT]


def _read_length(fields: Mapping[str, str]) -> int | None:
    text = fields.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _read_charset(fields: Mapping[str, str]) -> str:
    _, _, charset = fields.get("content-type", "").lower().partition("charset=")
    return charset.partition(";")[0].strip(" \"'")[:40]
