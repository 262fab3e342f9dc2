"""Measurements told as stories: what an agent saw, step after step. factories.py has ready-made ones.

    story().names(A).connects(A).handshakes(A).answers(A).measurement()              # a site that works
    story().names(A).connects(A).fails_tls(A, RESET).isolates(A).again(...)           # reset by its name

Each call is one observation, in order. Ready-made stories below go through all passes that the agent would make.
Names, addresses and times have one meaning throughout: `SITE` at `NEAR`, what a liar says at `FORGED`.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from rabta_proto.model import (
    Certificate,
    Detail,
    DnsAnswer,
    DnsQuery,
    DnsReply,
    HttpRoundTrip,
    Measurement,
    NetworkContext,
    Observation,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
    VpnHandshake,
)
from rabta_proto.vocabulary import AddressSource, Depth, DnsTransport, Failure, ResolverKind, ResolverPlace, VpnProtocol

SITE = "x.com"
NEAR = "104.244.42.1"
FAR = "104.244.42.193"
FORGED = "39.156.1.2"
BOGON = "127.0.0.1"
URL = f"https://{SITE}/"
PLAIN = f"http://{SITE}/"
QUIC = f"quic://{SITE}/"
OPENVPN = f"openvpn://{SITE}"
CHAT = f"tcp://{SITE}:5222"
NAME = f"dns:{SITE}"
SIX = "2606:4700::1"
NOON = 1_708_171_200.0  # 2024-02-17 12:00:00 UTC
SYSTEM, UDP, DOH, LITERAL = AddressSource.SYSTEM, AddressSource.UDP, AddressSource.DOH, AddressSource.LITERAL
CONTROL = AddressSource.CONTROL
RCODES = {Failure.DNS_NXDOMAIN: 3, Failure.DNS_REFUSED: 5, Failure.DNS_SERVFAIL: 2, Failure.DNS_NO_ANSWER: 0}
RESET, SILENCE, EOF = Failure.CONNECTION_RESET, Failure.GENERIC_TIMEOUT, Failure.EOF


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def certificate(issuer: str = "Good CA", key: int = 1, days: int = 60) -> Certificate:
    """A certificate; the same key number is the same public key. `days`: from NOON until it expires."""
    return Certificate(
        sha256=bytes([key]) * 32,
        spki_sha256=bytes([key]) * 32,
        subject=SITE,
        issuer=issuer,
        not_before=moment(NOON) - timedelta(days=30),
        not_after=moment(NOON) + timedelta(days=days),
    )


@dataclass(slots=True)
class Story:
    """Observations so far, and where the next one goes."""

    target: str = URL
    name: str = SITE
    hop: int = 0
    attempt: int = 1
    observations: list[Observation] = field(default_factory=list)
    _clock_us: int = 1000

    @property
    def port(self) -> int:
        if self.target.startswith("tcp:"):
            return int(self.target.rpartition(":")[2])
        return 443 if self.target.startswith(("https", "quic")) else 80

    def sees(self, detail: Detail, failure: str | None = None, *, ms: float = 12) -> Self:
        """Any observation."""
        duration_us = int(ms * 1000)
        self.observations.append(
            Observation(
                detail=detail,
                offset_us=self._clock_us,
                duration_us=duration_us,
                failure=failure,
                hop=self.hop,
                attempt=self.attempt,
            )
        )
        self._clock_us += duration_us + 1000
        return self

    def names(self, *addresses: str, by: ResolverKind = ResolverKind.SYSTEM, family: str = "A", **more: Any) -> Self:
        """A resolver gives addresses; `later` are those of a second answer, `chosen` a public resolver."""
        query = DnsQuery(resolver_kind=by, hostname=self.name, query_type=family, rcode=0)
        answers = tuple(DnsAnswer(type=family, value=address, ttl_s=60) for address in addresses)
        return self.sees(_more(replace(query, answers=answers), **more))

    def says(self, failure: str, by: ResolverKind = ResolverKind.SYSTEM, family: str = "A", **more: Any) -> Self:
        """A resolver gives none; `later` and `chosen` as in `names`."""
        rcode = RCODES.get(Failure(failure))
        query = DnsQuery(resolver_kind=by, hostname=self.name, query_type=family, rcode=rcode)
        return self.sees(_more(query, **more), failure)

    def cuts_short(self, *fitted: str, over_tcp: str | None = None, failure: str | None = None) -> Self:
        """The machine's own resolver says over UDP that its answer is longer than this, and over TCP what it is."""
        part = tuple(DnsAnswer(type="A", value=address, ttl_s=60) for address in fitted)
        whole = (DnsAnswer(type="A", value=over_tcp, ttl_s=60),) if over_tcp else ()
        query = DnsQuery(resolver_kind=ResolverKind.SYSTEM, hostname=self.name, query_type="A")
        self.sees(replace(query, transport=DnsTransport.UDP, truncated=True, rcode=0, answers=part))
        rcode = RCODES.get(Failure(failure)) if failure else 0
        return self.sees(replace(query, transport=DnsTransport.TCP, rcode=rcode, answers=whole), failure)

    def connects(self, address: str, source: AddressSource = SYSTEM) -> Self:
        return self.sees(TcpConnect(address=address, port=self.port, source=source))

    def fails_tcp(self, address: str, failure: str, source: AddressSource = SYSTEM) -> Self:
        return self.sees(TcpConnect(address=address, port=self.port, source=source), failure)

    def handshakes(self, address: str, source: AddressSource = SYSTEM, *, key: int = 1) -> Self:
        """A valid certificate."""
        return self._tls(address, source, verified=True, server_answered=True, certificate=certificate(key=key))

    def fails_tls(
        self, address: str, failure: str, source: AddressSource = SYSTEM, *, answered: bool = False, ms: float = 12
    ) -> Self:
        return self._tls(address, source, failure=failure, ms=ms, verified=True, server_answered=answered)

    def refuses_certificate(
        self, address: str, failure: str = Failure.SSL_UNKNOWN_AUTHORITY, *, key: int = 66, days: int = 60
    ) -> Self:
        """A certificate that does not stand for the name, and the second look at it."""
        self._tls(address, SYSTEM, failure=failure, verified=True, server_answered=True)
        self.connects(address)
        shown = certificate("Somebody else", key, days)
        return self._tls(address, SYSTEM, verified=False, server_answered=True, certificate=shown)

    def isolates(self, address: str, *, answered: bool = True, failure: str | None = None) -> Self:
        """An innocuous name in place of the target's."""
        self.connects(address)
        innocuous = replace(self, name="example.com", observations=self.observations)
        innocuous._tls(
            address, SYSTEM, failure=failure or (None if answered else RESET), isolation=True, server_answered=answered
        )
        self._clock_us = innocuous._clock_us
        return self

    def _tls(
        self, address: str, source: AddressSource, *, failure: str | None = None, ms: float = 12, **facts: Any
    ) -> Self:
        detail = TlsHandshake(address=address, port=self.port, server_name=self.name, source=source, **facts)
        return self.sees(detail, failure, ms=ms)

    def splits(self, address: str, failure: str | None = None) -> Self:
        """The target's name once more, in two segments."""
        self.connects(address)
        return self._tls(address, SYSTEM, failure=failure, split=True, verified=True, server_answered=failure is None)

    def shakes_over_quic(self, address: str, source: AddressSource = SYSTEM) -> Self:
        """A valid certificate over QUIC."""
        return self._quic(address, source, verified=True, server_answered=True, certificate=certificate())

    def fails_quic(self, address: str, failure: str, source: AddressSource = SYSTEM, **facts: Any) -> Self:
        return self._quic(address, source, failure, verified=True, **facts)

    def greets(self, address: str, source: AddressSource = SYSTEM, failure: str | None = None, **facts: Any) -> Self:
        """A VPN protocol's first message, which is answered, or not."""
        answered = failure not in (SILENCE, Failure.CONNECTION_REFUSED)
        seen = VpnHandshake(
            protocol=VpnProtocol.OPENVPN, address=address, port=1194, source=source, server_answered=answered
        )
        return self.sees(replace(seen, **facts), failure)

    def isolates_quic(self, address: str, *, answered: bool = True) -> Self:
        """An innocuous name in place of the target's, over QUIC."""
        failure = None if answered else SILENCE
        facts = {"isolation": True, "server_answered": answered, "server_name": "example.com"}
        return self._quic(address, SYSTEM, failure, **facts)

    def _quic(self, address: str, source: AddressSource, failure: str | None = None, **facts: Any) -> Self:
        told = {"address": address, "port": self.port, "server_name": self.name, "source": source, **facts}
        return self.sees(QuicHandshake(**told), failure)

    def answers(self, address: str, status: int = 200, *, ms: float = 12, **facts: Any) -> Self:
        """A response. The default page is as long as it says and has a title."""
        page = {"body_bytes": 5000, "title": "Welcome to the site", "header_names": ("date", "x-site"), **facts}
        return self._http(address, None, ms=ms, status=status, **page)

    def fails_http(self, address: str, failure: str) -> Self:
        return self._http(address, failure)

    def _http(self, address: str, failure: str | None, *, ms: float = 12, **facts: Any) -> Self:
        secure = self.observations[-1].step == "tls"
        url = f"{'https' if secure else 'http'}://{self.name}/"
        return self.sees(HttpRoundTrip(address=address, port=self.port, url=url, tls=secure, **facts), failure, ms=ms)

    def follows(self, name: str) -> Self:
        """The next hop."""
        self.hop, self.name, self.attempt = self.hop + 1, name, 1
        return self

    def again(self) -> Self:
        """The next pass."""
        self.attempt += 1
        return self

    def measurement(
        self,
        *,
        at: float = NOON,
        platform: str = "x",
        depth: Depth = Depth.FULL,
        network: NetworkContext | None = None,
        sequence: int = 1,
        epoch: int = 7,
    ) -> Measurement:
        """The measurement; `at` is when it began."""
        return Measurement(
            target=self.target,
            platform=platform,
            started_at=moment(at),
            duration_us=self._clock_us,
            agent_version="0.1.0",
            epoch=epoch,
            sequence=sequence,
            depth=depth,
            network=network or NetworkContext(ipv4=True, vpn=False),
            observations=tuple(self.observations),
        )


def _more(query: DnsQuery, later: tuple[str, ...] = (), chosen: str = "") -> DnsQuery:
    """A second answer 28 ms after the query, and whose resolver it is."""
    if later:
        answers = tuple(DnsAnswer(type=query.query_type, value=address, ttl_s=60) for address in later)
        query = replace(query, later_replies=(DnsReply(offset_us=28_000, rcode=0, answers=answers),))
    return replace(query, resolver=chosen, resolver_place=ResolverPlace.PUBLIC) if chosen else query
