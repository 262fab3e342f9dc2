"""Step `dns` over UDP (RFC 1035), and by the platform's own resolver where that is all there is.

One query to one resolver for one type, sent once. The first response that can be read decides, at once; the socket then
stays open for a short while, and responses that say something else are kept, because two different ones mean that
somebody on the path has spoken for the resolver. A response that was cut short is a success: the resolver answered, and
said where to ask (dnsstream.py). Of the machine's own resolver is recorded whose it is, and its address only where that
is a well-known public one.
"""

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import dataclass, replace

from rabta_agent.addresses import canonical, split_endpoint
from rabta_agent.failure import StepError
from rabta_agent.network import UDP_HEADERS, Datagrams
from rabta_agent.probes.dnswire import Question, Response, decode_response, encode_query, read_addresses
from rabta_agent.probes.step import Outcome, Scene
from rabta_agent.resolvers import place_of, public_name
from rabta_proto.model import DnsAnswer, DnsQuery, DnsReply, Observation
from rabta_proto.vocabulary import DnsTransport, Failure, ResolverKind, ResolverPlace

LATER_REPLIES_LIMIT = 4
RECEIVED_LIMIT = 64 * 1024
"""Bytes of datagrams with their headers that are taken for one query; an honest answer is one datagram."""
_GETADDRINFO_BYTES = (80, 160)  # reckoned: the platform asks in our place and does not say what it cost
_FAMILIES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """Whom to ask. `endpoint` is `address` or `address:port`."""

    kind: ResolverKind
    endpoint: str

    @property
    def is_own(self) -> bool:
        """Whether it is the machine's own, which may be at a special address."""
        return self.kind is ResolverKind.SYSTEM

    @property
    def public_name(self) -> str:
        """What an observation calls it: nothing, for a machine's own that is no well-known public one."""
        return public_name(self.endpoint) if self.is_own else self.endpoint

    @property
    def place(self) -> ResolverPlace:
        """Whose the machine's own is; of others it is plain."""
        return place_of(self.endpoint) if self.is_own else ResolverPlace.UNKNOWN


def describe(resolver: Resolver, question: Question, transport: DnsTransport, response: Response | None) -> DnsQuery:
    """A query with what came of it."""
    return DnsQuery(
        resolver_kind=resolver.kind,
        resolver=resolver.public_name,
        hostname=question.hostname,
        query_type=question.type,
        rcode=response.rcode if response else None,
        answers=response.answers if response else (),
        transport=transport,
        truncated=response is not None and response.truncated,
        resolver_place=resolver.place,
    )


class _FloodError(Exception):
    """More came than is taken for one query."""


class Listening:
    """A socket that hears on after its query was answered. Whoever is given one runs it, and closes it in any case."""

    def __init__(self, query: "_Query", datagrams: Datagrams, until: float) -> None:
        self._query = query
        self._datagrams = datagrams
        self._until = until

    async def run(self) -> None:
        """Hears what else comes. Raises nothing but `CancelledError`."""
        # The time is over, or the network has gone, or a stranger broke a parser: the query itself is answered.
        with suppress(Exception):
            async with asyncio.timeout_at(self._until):
                await self._query.hear_on(self._datagrams)

    def close(self) -> None:
        self._datagrams.close()

    def amend(self, observation: Observation) -> Observation:
        """The query's observation with what was heard since."""
        detail = observation.detail
        if not self._query.later or not isinstance(detail, DnsQuery):
            return observation
        return replace(observation, detail=replace(detail, later_replies=tuple(self._query.later)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of a query so far; `listening`, where it was answered and may be answered again."""

    outcome: Outcome[tuple[str, ...]]
    listening: Listening | None = None


class _Query:
    """One query on its way: what was heard so far."""

    def __init__(self, scene: Scene, question: Question) -> None:
        self._question = question
        self._identifier = int.from_bytes(os.urandom(2))
        self._scene = scene
        self._sent_us = 0
        self._heard: list[Response] = []
        self._received = 0
        self.datagrams: Datagrams | None = None
        self.response: Response | None = None
        self.later: list[DnsReply] = []

    async def ask(self, resolver: Resolver, listen_s: float) -> tuple[str, ...]:
        """The addresses in the first response; perhaps none, in one that was cut short."""
        address, port = split_endpoint(resolver.endpoint, 53)
        scene = self._scene
        datagrams = await scene.network.open_datagrams(address, port, scene.meter, trusted=resolver.is_own)
        self.datagrams = datagrams
        self._sent_us = scene.elapsed_us()
        await datagrams.send(encode_query(self._question, self._identifier))
        try:
            self.response = await self._hear_first(datagrams, listen_s)
        except _FloodError:
            raise StepError(Failure.DNS_SERVER_MISBEHAVING, "too much") from None
        self._heard.append(self.response)
        if self.response.truncated and self.response.rcode == 0:
            return self.response.addresses(self._question)
        return read_addresses(self.response, self._question)

    async def _hear_first(self, datagrams: Datagrams, listen_s: float) -> Response:
        try:
            return await self._hear(datagrams)
        except StepError as garbage:
            # Somebody answered with what is no DNS. An honest response may still be on its way.
            try:
                async with asyncio.timeout(listen_s):
                    return await self._hear_past_garbage(datagrams)
            except TimeoutError:
                raise garbage from None

    async def _hear(self, datagrams: Datagrams) -> Response:
        """The next response to this query. Raises `StepError` for bytes that are no DNS message, and `_FloodError`."""
        while True:
            wire = await datagrams.receive()
            self._received += len(wire) + UDP_HEADERS
            if self._received > RECEIVED_LIMIT:
                raise _FloodError
            if (response := decode_response(wire, self._question, self._identifier)) is not None:
                return response

    async def _hear_past_garbage(self, datagrams: Datagrams) -> Response:
        while True:
            try:
                return await self._hear(datagrams)
            except StepError:
                continue

    async def hear_on(self, datagrams: Datagrams) -> None:
        """Notes responses that say something else, until there are too many."""
        while len(self.later) < LATER_REPLIES_LIMIT:
            response = await self._hear_past_garbage(datagrams)
            if not any(response.says_the_same(other) for other in self._heard):
                self._heard.append(response)
                self._note(response)

    def _note(self, response: Response) -> None:
        self.later.append(
            DnsReply(
                offset_us=self._scene.elapsed_us() - self._sent_us,
                rcode=response.rcode,
                answers=response.answers,
                truncated=response.truncated,
            )
        )


async def query(scene: Scene, resolver: Resolver, question: Question, deadline: float, *, listen_s: float) -> Asked:
    """Asks once; the value is the addresses of the type asked for.

    Where there was a response and `listen_s` is not zero, the socket stays open, and is its taker's to run and close.
    """
    asking = _Query(scene, question)
    listening: Listening | None = None
    try:
        outcome = await scene.timed(
            asking.ask(resolver, listen_s),
            lambda: describe(resolver, question, DnsTransport.UDP, asking.response),
            deadline,
        )
        if listen_s > 0 and asking.response is not None and asking.datagrams is not None:
            until = min(deadline, asyncio.get_running_loop().time() + listen_s)
            listening = Listening(asking, asking.datagrams, until)
        return Asked(outcome=outcome, listening=listening)
    finally:
        if listening is None and asking.datagrams is not None:
            asking.datagrams.close()


async def query_platform(scene: Scene, question: Question, deadline: float) -> Outcome[tuple[str, ...]]:
    """Asks through `getaddrinfo`, which tells neither rcode nor TTL apart.

    Its thread cannot be stopped and outlives a deadline that runs out, until the platform's own gives up.
    """
    found: list[str] = []

    async def work() -> tuple[str, ...]:
        sent, received = _GETADDRINFO_BYTES
        scene.meter.add(sent=sent, received=received)
        entries = await asyncio.get_running_loop().getaddrinfo(
            question.hostname, None, family=_FAMILIES[question.type], type=socket.SOCK_STREAM
        )
        found.extend(dict.fromkeys(filter(None, (canonical(str(entry[4][0])) for entry in entries))))
        if not found:
            raise StepError(Failure.DNS_NO_ANSWER)
        return tuple(found)

    def describe() -> DnsQuery:
        return DnsQuery(
            resolver_kind=ResolverKind.SYSTEM,
            hostname=question.hostname,
            query_type=question.type,
            rcode=0 if found else None,
            answers=tuple(DnsAnswer(type=question.type, value=value) for value in found),
        )

    return await scene.timed(work(), describe, deadline)
