"""Step `http`: one GET over HTTP/1.1 (RFC 9110, 9112) on a connection that was just opened.

The body is read up to a cap, decoded (body.py) and then only digested; a redirect's is not read at all. What had come
before a failure is kept: a response that is cut off in the middle still has its status. The request looks like a
browser's, because middleboxes and sites treat strangers differently, and names neither this program nor its volunteer.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import h11

from rabta_agent.addresses import scrub
from rabta_agent.charset import LABEL_LIMIT
from rabta_agent.digest import Summary, summarise
from rabta_agent.failure import StepError
from rabta_agent.probes.body import Body
from rabta_agent.probes.head import HEAD_LIMIT, MendedHead, Source
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.urls import URL_LIMIT, InvalidTarget, WebUrl, follow, read_location
from rabta_proto.model import HttpRoundTrip
from rabta_proto.vocabulary import Failure

BODY_CAP_BYTES = {"https": 4 * 1024, "http": 32 * 1024}
REDIRECTS = frozenset({301, 302, 303, 307, 308})
REQUESTS_REMEMBERED = 128
"""Of a kilobyte or two each; a plan has fewer."""
_NAMES_LIMIT = 64
_TEXT_LIMIT = 500
_POLICY_LIMIT = 200  # of Strict-Transport-Security
_CODING_LIMIT = 40

BROWSER = [
    ("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate"),
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
    """What has come of a response. `coding` is the value of Content-Encoding, in one piece."""

    cap: int
    limit: int  # heads, chunk framing and interim responses without end
    status: int | None = None
    version: str = ""
    coding: str = ""
    names: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    body: Body | None = None
    received: int = 0
    before_body: int = 0

    @property
    def redirects(self) -> bool:
        return self.status in REDIRECTS and self.fields.get("location", "") != ""

    @property
    def location(self) -> str:
        """Where a redirect leads, as it was written; empty for any other response."""
        return read_location(self.fields["location"].encode("latin-1")) if self.redirects else ""

    def begin(self, response: h11.Response) -> None:
        self.status = response.status_code
        self.version = response.http_version.decode("latin-1")
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
        self.names = [scrub(name)[:_NAMES_LIMIT] for name, _ in fields[:_NAMES_LIMIT]]
        self.fields = dict(reversed(fields))  # of fields that come twice, the first
        self.coding = ", ".join(value for name, value in fields if name == "content-encoding").lower()
        self.body, self.before_body = Body(self.coding, self.cap), self.received

    def take(self, data: bytes) -> bool:
        """Takes a piece of the body; whether it is enough: the cap is reached, or passed twice by chunks of crumbs."""
        if self.body is None:
            return False
        self.body.truncated |= self.received - self.before_body > 2 * self.cap
        return self.body.add(data)

    def read(self, name: str, limit: int) -> str:
        """A field's value as it may be kept; empty where there is none."""
        return scrub(self.fields.get(name, ""))[:limit]


async def get(scene: Scene, stream: Stream, request: Request, deadline: float) -> Outcome[WebUrl | None]:
    """Asks and reads; the value is where a redirect leads, `None` for any other response. Closes the stream always."""
    cap = BODY_CAP_BYTES[request.url.scheme]
    reading = _Reading(cap=cap, limit=HEAD_LIMIT + 2 * cap)
    following: list[WebUrl] = []

    async def work() -> None:
        await _exchange(stream, request.url, reading)
        if reading.redirects:
            try:
                following.append(follow(request.url, reading.location))
            except InvalidTarget:
                raise StepError(Failure.HTTP_INVALID_REDIRECT) from None

    try:
        outcome = await scene.timed(work(), lambda: _describe(request, reading), deadline)
    finally:
        stream.close()
    succeeded = outcome.observation.failure is None
    return Outcome(observation=outcome.observation, value=following[0] if succeeded and following else None)


async def _exchange(stream: Stream, url: WebUrl, reading: _Reading) -> None:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
    await stream.send(write_request(connection, url))
    source = MendedHead(stream)
    while True:
        event = await next_event(connection, source, reading)
        if isinstance(event, h11.Response):
            reading.begin(event)
            if reading.redirects:
                return
        elif isinstance(event, h11.EndOfMessage) or (isinstance(event, h11.Data) and reading.take(bytes(event.data))):
            return


def write_request(connection: h11.Connection, url: WebUrl) -> bytes:
    """The request as it goes out."""
    return (connection.send(_make_head(url)) or b"") + (connection.send(h11.EndOfMessage()) or b"")


@lru_cache(REQUESTS_REMEMBERED)
def _make_head(url: WebUrl) -> h11.Request:
    """h11 checks each field of it, and it is the same one each time that a target's turn comes."""
    return h11.Request(method="GET", target=url.path, headers=[("Host", url.authority), *BROWSER])


class Counted(Protocol):
    """Something that keeps count of the bytes that a response has taken, and knows how many it may take."""

    received: int
    limit: int


Event = h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]


async def next_event(connection: h11.Connection, source: Source, counted: Counted) -> h11.Event:
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
        if event is h11.PAUSED or counted.received > counted.limit:
            raise StepError(Failure.HTTP_INVALID_RESPONSE, "protocol switch" if event is h11.PAUSED else "too long")
        if isinstance(event, h11.Event):
            return event
        data = await source.receive()
        counted.received += len(data)


def _describe(request: Request, reading: _Reading) -> HttpRoundTrip:
    body = reading.body
    charset = _read_charset(reading)
    summary = summarise(bytes(body.decoded), charset, request.marks) if body and body.legible else Summary()
    return HttpRoundTrip(
        address=request.address,
        port=request.url.port,
        url=request.url.public[:URL_LIMIT],
        tls=request.url.tls,
        status=reading.status,
        body_bytes=len(body.decoded) if body else 0,
        declared_bytes=_read_length(reading),
        truncated=body is not None and body.truncated,
        title=summary.title,
        header_names=tuple(reading.names),
        location=_public_location(request.url, reading.location),
        server=reading.read("server", _TEXT_LIMIT),
        body_sha256=summary.sha256,
        body_simhash=summary.simhash,
        marks=summary.marks,
        http_version=reading.version,
        charset=charset,
        content_encoding=scrub(reading.coding)[:_CODING_LIMIT],
        chunked=reading.fields.get("transfer-encoding", "").lower() == "chunked",
        strict_transport_security=reading.read("strict-transport-security", _POLICY_LIMIT),
    )


def _public_location(base: WebUrl, location: str) -> str:
    """A redirect's target without addresses in its path and query; as it stands where it cannot be read."""
    if not location:
        return ""
    try:
        return follow(base, location).public[:_TEXT_LIMIT]
    except InvalidTarget:
        return scrub(location)[:_TEXT_LIMIT]


def _read_length(reading: _Reading) -> int | None:
    """The length that was declared of the body as it is digested: of a compressed one nothing is known beforehand."""
    text = reading.fields.get("content-length", "")
    known = text.isascii() and text.isdigit() and len(text) < 19
    return int(text) if known and not (reading.body and reading.body.encoded) else None


def _read_charset(reading: _Reading) -> str:
    _, _, charset = reading.fields.get("content-type", "").lower().partition("charset=")
    return scrub(charset.partition(";")[0].strip(" \"'"))[:LABEL_LIMIT]
