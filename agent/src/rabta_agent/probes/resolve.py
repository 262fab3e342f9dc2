"""Step `dns` over UDP (RFC 1035), and by the platform's own resolver where that is all there is.

One query to one resolver for one type, sent once. The first response that can be read decides; the socket then stays
open for a short while, and responses that say something else are kept, because two different ones mean that somebody on
the path has spoken for the resolver. The address of the machine's own resolver is never recorded.
"""

import asyncio
import os
import socket
from dataclasses import dataclass, replace

from rabta_agent.addresses import canonical, split_endpoint
from rabta_agent.failure import StepError
from rabta_agent.network import Datagrams
from rabta_agent.probes.dnswire import Question, Response, decode_response, encode_query, read_addresses
from rabta_agent.probes.step import Outcome, Scene
from rabta_proto.model import DnsAnswer, DnsQuery, DnsReply
from rabta_proto.vocabulary import Failure, ResolverKind

LATER_REPLIES_LIMIT = 4
_GETADDRINFO_BYTES = (80, 160)  # reckoned: the platform asks in our place and does not say what it cost
_FAMILIES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """Whom to ask. `endpoint` is `address` or `address:port`."""

    kind: ResolverKind
    endpoint: str

    @property
    def public_name(self) -> str:
        """What an observation calls it: nothing, for the machine's own."""
        return "" if self.kind is ResolverKind.SYSTEM else self.endpoint


class _Query:
    """One query on its way: what was heard so far."""

    def __init__(self, scene: Scene, question: Question) -> None:
        self._question = question
        self._identifier = int.from_bytes(os.urandom(2))
        self._scene = scene
        self._sent_us = 0
        self.datagrams: Datagrams | None = None
        self.response: Response | None = None
        self.later: list[tuple[int, Response]] = []

    async def ask(self, resolver: Resolver, listen_s: float) -> tuple[str, ...]:
        """The addresses in the first response."""
        trusted = resolver.kind is ResolverKind.SYSTEM
        address, port = split_endpoint(resolver.endpoint, 53)
        self.datagrams = await self._scene.network.open_datagrams(address, port, self._scene.meter, trusted=trusted)
        self._sent_us = self._scene.elapsed_us()
        await self.datagrams.send(encode_query(self._question, self._identifier))
        try:
            self.response = await self._hear()
        except StepError as garbage:
            # Somebody answered with what is no DNS. An honest response may still be on its way.
            try:
                async with asyncio.timeout(listen_s):
                    self.response = await self._hear_past_garbage()
            except TimeoutError:
                raise garbage from None
        return read_addresses(self.response, self._question)

    async def _hear(self) -> Response:
        """The next response to this query. Raises `StepError` for bytes that are no DNS message."""
        assert self.datagrams is not None
        while True:
            wire = await self.datagrams.receive()
            if (response := decode_response(wire, self._question, self._identifier)) is not None:
                return response

    async def _hear_past_garbage(self) -> Response:
        while True:
            try:
                return await self._hear()
            except StepError:
                continue

    async def listen_on(self, until: float) -> None:
        """Hears what else comes after the first response, until the event loop's time `until`."""
        try:
            async with asyncio.timeout_at(until):
                while len(self.later) < LATER_REPLIES_LIMIT:
                    self._note(await self._hear_past_garbage())
        except OSError:  # the time is over, or the network has gone: the query itself is answered
            pass

    def _note(self, response: Response) -> None:
        heard = [self.response, *(reply for _, reply in self.later)]
        if not any(response.says_the_same(other) for other in heard if other is not None):
            self.later.append((self._scene.elapsed_us() - self._sent_us, response))


async def query(
    scene: Scene, resolver: Resolver, question: Question, deadline: float, *, listen_s: float
) -> Outcome[tuple[str, ...]]:
    """Asks once; the value is the addresses of the type asked for. Takes up to `listen_s` longer than it records."""
    asking = _Query(scene, question)

    def describe() -> DnsQuery:
        response = asking.response
        return DnsQuery(
            resolver_kind=resolver.kind,
            resolver=resolver.public_name,
            hostname=question.hostname,
            query_type=question.type,
            rcode=response.rcode if response else None,
            answers=response.answers if response else (),
            later_replies=tuple(
                DnsReply(offset_us=offset_us, rcode=reply.rcode, answers=reply.answers)
                for offset_us, reply in asking.later
            ),
        )

    try:
        outcome = await scene.timed(asking.ask(resolver, listen_s), describe, deadline)
        if asking.response is None:
            return outcome
        await asking.listen_on(min(deadline, asyncio.get_running_loop().time() + listen_s))
        return replace(outcome, observation=replace(outcome.observation, detail=describe()))
    finally:
        if asking.datagrams is not None:
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
