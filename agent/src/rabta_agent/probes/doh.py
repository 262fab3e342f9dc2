"""Step `dns` over HTTPS (RFC 8484), the resolver that a censor on the path cannot read.

Connections are kept open between measurements, and sessions resumed when one has to be opened anew, because a fresh
handshake costs a volunteer more bytes than the rest of a light measurement. A kept connection that turns out to be dead
is replaced once within the same query: that is our own housekeeping and says nothing about the network.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from rabta_agent.failure import StepError
from rabta_agent.probes.dnswire import Question, Response, decode_response, encode_query, read_addresses
from rabta_agent.probes.dohexchange import Exchange, begin
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.probes.tls import Engine, TlsStream, shake
from rabta_agent.probes.tlscontexts import TlsContexts
from rabta_agent.urls import InvalidTarget, WebUrl, parse_url
from rabta_proto.model import DnsQuery
from rabta_proto.vocabulary import DnsTransport, Failure, ResolverKind

LookUp = Callable[[Scene, str, float], Awaitable[tuple[str, ...]]]
"""Addresses of a resolver that is known by name, from the machine's own resolver."""

_IDLE_LIMIT_S = 120.0
_IDLE_KEPT = 2  # per resolver


@dataclass(slots=True)
class _Line:
    """A connection to a resolver with its HTTP state."""

    stream: TlsStream
    http: Exchange
    used_at: float


class DohClient:
    """Asks resolvers by URL. Owns the connections that it keeps; `close` gives them up."""

    def __init__(self, contexts: TlsContexts, look_up: LookUp) -> None:
        self._contexts = contexts
        self._look_up = look_up
        self._idle: dict[str, list[_Line]] = {}
        self._sessions: dict[str, ssl.SSLSession] = {}
        self._last_good = ""

    def in_order(self, urls: Sequence[str]) -> tuple[str, ...]:
        """The order in which to ask: the resolver that answered last first, so that a blocked one is not waited for."""
        return tuple(sorted(urls, key=lambda url: url != self._last_good))

    async def close(self) -> None:
        for lines in self._idle.values():
            for line in lines:
                line.stream.close()
        self._idle.clear()

    async def query(self, scene: Scene, url: str, question: Question, deadline: float) -> Outcome[tuple[str, ...]]:
        """Asks one resolver once; the value is the addresses of the type asked for."""
        responses: list[Response] = []

        async def work() -> tuple[str, ...]:
            responses.append(await self._ask(scene, url, question, deadline))
            self._last_good = url
            return read_addresses(responses[0], question)

        def describe() -> DnsQuery:
            return DnsQuery(
                resolver_kind=ResolverKind.DOH,
                resolver=url,
                hostname=question.hostname,
                query_type=question.type,
                rcode=responses[0].rcode if responses else None,
                answers=responses[0].answers if responses else (),
                transport=DnsTransport.HTTPS,
                truncated=bool(responses) and responses[0].truncated,
            )

        return await scene.timed(work(), describe, deadline)

    async def _ask(self, scene: Scene, url: str, question: Question, deadline: float) -> Response:
        target = _parse_resolver(url)
        if (kept := self._take(url, scene)) is not None:
            try:
                return await self._exchange(kept, target, url, question)
            except (EOFError, OSError) as error:
                if isinstance(error, TimeoutError):
                    raise
        return await self._exchange(await self._open(scene, target, url, deadline), target, url, question)

    async def _exchange(self, line: _Line, target: WebUrl, url: str, question: Question) -> Response:
        """One request and its response; the line is kept afterwards if it can be used again, and closed otherwise."""
        kept = False
        line.stream.renew()
        try:
            response = await _converse(line, target, question)
            kept = self._keep(url, line)
            return response
        finally:
            line.stream.connection.settle()
            if not kept:
                line.stream.close()

    async def _open(self, scene: Scene, target: WebUrl, url: str, deadline: float) -> _Line:
        address = target.address or (*await self._look_up(scene, target.host, deadline), "")[0]
        if not address:
            raise StepError(Failure.DNS_NO_ANSWER, "the resolver's own name")
        connection = await scene.network.connect(address, target.port, scene.meter)
        try:
            session = self._sessions.pop(url, None)
            engine = Engine(self._contexts.verified, target.host, session, protocols=("h2", "http/1.1"))
            await shake(connection, engine)
        except BaseException:
            connection.close()
            raise
        now = asyncio.get_running_loop().time()
        exchange = begin(engine.tls.selected_alpn_protocol() or "")
        return _Line(stream=TlsStream(connection, engine), http=exchange, used_at=now)

    def _take(self, url: str, scene: Scene) -> _Line | None:
        """A kept connection that is not too old; what it costs from here on is this measurement's."""
        now = asyncio.get_running_loop().time()
        lines = self._idle.get(url, [])
        while lines:
            line = lines.pop()
            if now - line.used_at < _IDLE_LIMIT_S:
                line.stream.connection.meter = scene.meter
                return line
            line.stream.close()
        return None

    def _keep(self, url: str, line: _Line) -> bool:
        # Copying a session costs half a millisecond: once for each connection is enough.
        if url not in self._sessions and (session := line.stream.session) is not None and session.has_ticket:
            self._sessions[url] = session
        lines = self._idle.setdefault(url, [])
        if not line.http.reusable or len(lines) >= _IDLE_KEPT:
            return False
        line.used_at = asyncio.get_running_loop().time()
        lines.append(line)
        return True


def _parse_resolver(url: str) -> WebUrl:
    try:
        target = parse_url(url)
    except InvalidTarget:
        target = None
    if target is None or not target.tls:
        raise StepError(Failure.DNS_NO_RESOLVER, "not an https URL")
    return target


async def _converse(line: _Line, target: WebUrl, question: Question) -> Response:
    query = encode_query(question, 0)  # RFC 8484 section 4.1: 0, for the sake of caches
    response = decode_response(await line.http.post(line.stream, target, query), question, 0)
    if response is None:
        raise StepError(Failure.DNS_SERVER_MISBEHAVING, "the answer to another question")
    return response
