"""Measurements told as stories: what an agent saw, step after step.

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
    HttpRoundTrip,
    Measurement,
    NetworkContext,
    Observation,
    TcpConnect,
    TlsHandshake,
)
from rabta_proto.vocabulary import AddressSource, Depth, DnsTransport, Failure, ResolverKind

SITE = "x.com"
NEAR = "104.244.42.1"
FAR = "104.244.42.193"
FORGED = "39.156.1.2"
BOGON = "127.0.0.1"
URL = f"https://{SITE}/"
PLAIN = f"http://{SITE}/"
NOON = 1_708_171_200.0  # 2024-02-17 12:00:00 UTC
SYSTEM, UDP, DOH, LITERAL = AddressSource.SYSTEM, AddressSource.UDP, AddressSource.DOH, AddressSource.LITERAL
RCODES = {Failure.DNS_NXDOMAIN: 3, Failure.DNS_REFUSED: 5, Failure.DNS_SERVFAIL: 2, Failure.DNS_NO_ANSWER: 0}
RESET, SILENCE, EOF = Failure.CONNECTION_RESET, Failure.GENERIC_TIMEOUT, Failure.EOF


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def certificate(issuer: str = "Good CA", key: int = 1) -> Certificate:
    """A certificate; the same key number is the same public key."""
    return Certificate(
        sha256=bytes([key]) * 32,
        spki_sha256=bytes([key]) * 32,
        subject=SITE,
        issuer=issuer,
        not_before=moment(NOON) - timedelta(days=30),
        not_after=moment(NOON) + timedelta(days=60),
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
        return 443 if self.target.startswith("https") else 80

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

    def names(self, *addresses: str, by: ResolverKind = ResolverKind.SYSTEM, family: str = "A") -> Self:
        """A resolver gives addresses."""
        answers = tuple(DnsAnswer(type=family, value=address, ttl_s=60) for address in addresses)
        query = DnsQuery(resolver_kind=by, hostname=self.name, query_type=family, rcode=0, answers=answers)
        return self.sees(query)

    def says(self, failure: str, by: ResolverKind = ResolverKind.SYSTEM, family: str = "A") -> Self:
        """A resolver gives none."""
        rcode = RCODES.get(Failure(failure))
        query = DnsQuery(resolver_kind=by, hostname=self.name, query_type=family, rcode=rcode)
        return self.sees(query, failure)

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

    def refuses_certificate(self, address: str, failure: str = Failure.SSL_UNKNOWN_AUTHORITY, *, key: int = 66) -> Self:
        """A certificate that does not stand for the name, and the second look at it."""
        self._tls(address, SYSTEM, failure=failure, verified=True, server_answered=True)
        self.connects(address)
        shown = certificate("Somebody else", key)
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

    def answers(self, address: str, status: int = 200, **facts: Any) -> Self:
        """A response. The default page is as long as it says and has a title."""
        page = {"body_bytes": 5000, "title": "Welcome to the site", "header_names": ("date", "x-site"), **facts}
        return self._http(address, None, status=status, **page)

    def fails_http(self, address: str, failure: str) -> Self:
        return self._http(address, failure)

    def _http(self, address: str, failure: str | None, **facts: Any) -> Self:
        secure = self.observations[-1].step == "tls"
        url = f"{'https' if secure else 'http'}://{self.name}/"
        return self.sees(HttpRoundTrip(address=address, port=self.port, url=url, tls=secure, **facts), failure)

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
    ) -> Measurement:
        """The measurement; `at` is when it began."""
        return Measurement(
            target=self.target,
            platform=platform,
            started_at=moment(at),
            duration_us=self._clock_us,
            agent_version="0.1.0",
            epoch=7,
            sequence=sequence,
            depth=depth,
            network=network or NetworkContext(ipv4=True, vpn=False),
            observations=tuple(self.observations),
        )


def story(target: str = URL, name: str = SITE) -> Story:
    return Story(target=target, name=name)


def works(target: str = URL, name: str = SITE, address: str = NEAR) -> Story:
    """A site that works."""
    told = story(target, name).names(address).names(address, by=ResolverKind.DOH).connects(address)
    if target.startswith("https"):
        told.handshakes(address)
    return told.answers(address)


def works_light() -> Story:
    return story().names(NEAR).connects(NEAR).handshakes(NEAR)


def works_again(failure: str = SILENCE) -> Story:
    """Lost at first, and there at the second pass."""
    told = story().names(NEAR).connects(NEAR).fails_tls(NEAR, failure).isolates(NEAR)
    return told.again().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR)


def tls_trouble(failure: str, *, isolated: bool | None = True, answered: bool = False, passes: int = 3) -> Story:
    """Every pass fails after the ClientHello; `isolated`: an innocuous name was answered or not, `None`: not tried."""
    told = story().names(NEAR).names(NEAR, by=ResolverKind.DOH)
    for turn in range(passes):
        told.connects(NEAR).fails_tls(NEAR, failure, answered=answered)
        if isolated is not None and (turn == 0 or not isolated):
            told.isolates(NEAR, answered=isolated)
        told.again()
    return told


def bad_certificate(address: str = NEAR, *, honest: str | None = NEAR, key: int = 66) -> Story:
    """A certificate that does not stand for the name; `honest` is what DoH says."""
    told = story().names(address)
    if honest:
        told.names(honest, by=ResolverKind.DOH)
    for _ in range(3):
        told.connects(address).refuses_certificate(address, key=key).again()
    return told


def tcp_trouble(failure: str, *, address: str = NEAR, passes: int = 3, target: str = URL) -> Story:
    told = story(target).names(address).names(address, by=ResolverKind.DOH)
    for _ in range(passes):
        told.fails_tcp(address, failure).again()
    return told


def dns_trouble(failure: str, *, elsewhere: bool = True, passes: int = 3, target: str = URL) -> Story:
    """The machine's own resolver gives nothing; `elsewhere`: the address that DoH gave works."""
    told = story(target).says(failure)
    if elsewhere:
        told.names(NEAR, by=ResolverKind.DOH).connects(NEAR, DOH)
        if target.startswith("https"):
            told.handshakes(NEAR, DOH)
    for _ in range(passes - 1):
        told.again().says(failure)
    return told


def cut_short_and_unanswered(failure: str) -> Story:
    """In every pass the answer does not fit, and nobody takes the question over TCP; DoH's address works."""
    told = (
        story().cuts_short(failure=failure).names(NEAR, by=ResolverKind.DOH).connects(NEAR, DOH).handshakes(NEAR, DOH)
    )
    for _ in range(2):
        told.again().cuts_short(failure=failure)
    return told


def dns_lie(address: str, *, elsewhere: bool = True, honest: bool = True) -> Story:
    """The machine's own resolver gives an address that the agent would not dial."""
    told = story().names(address)
    if honest:
        told.names(NEAR, by=ResolverKind.DOH)
    told.fails_tcp(address, Failure.SPECIAL_ADDRESS)
    if elsewhere:
        told.connects(NEAR, DOH).handshakes(NEAR, DOH)
    return told


def http_trouble(failure: str, *, target: str = PLAIN, passes: int = 3) -> Story:
    told = story(target).names(NEAR)
    for _ in range(passes):
        told.connects(NEAR)
        if target.startswith("https"):
            told.handshakes(NEAR)
        told.fails_http(NEAR, failure).again()
    return told


def offline() -> Story:
    """No packet comes back."""
    told = story()
    for by in (ResolverKind.SYSTEM, ResolverKind.UDP, ResolverKind.DOH):
        told.says(SILENCE, by)
    return told.again().says(SILENCE).again().says(SILENCE)


def gone() -> Story:
    """Nobody knows the name."""
    told = story()
    for by in (ResolverKind.SYSTEM, ResolverKind.UDP, ResolverKind.DOH):
        told.says(Failure.DNS_NXDOMAIN, by)
    return told


def dead() -> Story:
    """The name is known, and nobody is there."""
    return tcp_trouble(Failure.CONNECTION_REFUSED)
