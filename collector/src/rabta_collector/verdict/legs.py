"""One leg of a measurement: everything seen of one name, between one redirect and the next.

A leg tells apart the machine's own way to the name (the addresses that its own resolver gave, or that the target holds)
from other ways (addresses that only a public resolver gave): users go the first way, and the second shows what is so.
Nothing here depends on the order of observations within a measurement.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import cast

from rabta_collector.verdict.fingerprints import host_of
from rabta_collector.verdict.once import once
from rabta_proto.model import DnsQuery, HttpRoundTrip, Measurement, Observation, TcpConnect, TlsHandshake
from rabta_proto.vocabulary import AddressSource, DnsTransport, Failure, ResolverKind, Step


class Manner(IntEnum):
    """How a step failed. Where one leg shows several manners the first of this list stands for it.

    What somebody must have sent comes before what packet loss can do as well.
    """

    NXDOMAIN = auto()  # the name is said not to exist
    DENIAL = auto()  # the resolver refuses
    EMPTY = auto()  # an answer without an address
    SPECIAL = auto()  # an address that no site can have
    CERTIFICATE = auto()  # a certificate that does not stand for the name
    RESET = auto()
    CLOSE = auto()
    GARBLE = auto()  # an alert, or bytes that are not the protocol
    REFUSAL = auto()
    UNREACHABLE = auto()
    SERVFAIL = auto()
    SILENCE = auto()
    LOCAL = auto()  # the machine itself
    OTHER = auto()


_MANNERS: dict[str, Manner] = {
    Failure.DNS_NXDOMAIN: Manner.NXDOMAIN,
    Failure.DNS_REFUSED: Manner.DENIAL,
    Failure.DNS_NO_ANSWER: Manner.EMPTY,
    Failure.SPECIAL_ADDRESS: Manner.SPECIAL,
    Failure.SSL_INVALID_HOSTNAME: Manner.CERTIFICATE,
    Failure.SSL_UNKNOWN_AUTHORITY: Manner.CERTIFICATE,
    Failure.SSL_INVALID_CERTIFICATE: Manner.CERTIFICATE,
    Failure.CONNECTION_RESET: Manner.RESET,
    Failure.CONNECTION_ABORTED: Manner.RESET,
    Failure.EOF: Manner.CLOSE,
    Failure.SSL_FAILED_HANDSHAKE: Manner.GARBLE,
    Failure.HTTP_INVALID_RESPONSE: Manner.GARBLE,
    Failure.DNS_SERVER_MISBEHAVING: Manner.GARBLE,
    Failure.CONNECTION_REFUSED: Manner.REFUSAL,
    Failure.HOST_UNREACHABLE: Manner.UNREACHABLE,
    Failure.NETWORK_UNREACHABLE: Manner.UNREACHABLE,
    Failure.DNS_SERVFAIL: Manner.SERVFAIL,
    Failure.GENERIC_TIMEOUT: Manner.SILENCE,
    Failure.TIMED_OUT: Manner.SILENCE,
    Failure.NETWORK_DOWN: Manner.LOCAL,
    Failure.ADDRESS_NOT_AVAILABLE: Manner.LOCAL,
    Failure.PERMISSION_DENIED: Manner.LOCAL,
    Failure.DNS_NO_RESOLVER: Manner.LOCAL,
}
_NOBODY_ANSWERED = {Manner.SILENCE, Manner.UNREACHABLE, Manner.LOCAL, Manner.SPECIAL, Manner.OTHER}
_OWN_SOURCES = (AddressSource.SYSTEM, AddressSource.LITERAL)
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def manner_of(failure: str | None) -> Manner:
    """How a step failed; `OTHER` for a failure outside of the closed set."""
    return _MANNERS.get(failure or "", Manner.OTHER)


def dns(observation: Observation) -> DnsQuery:
    """Detail of an observation that a leg keeps under `dns`; the others likewise."""
    return cast(DnsQuery, observation.detail)


def tcp(observation: Observation) -> TcpConnect:
    return cast(TcpConnect, observation.detail)


def tls(observation: Observation) -> TlsHandshake:
    return cast(TlsHandshake, observation.detail)


def http(observation: Observation) -> HttpRoundTrip:
    return cast(HttpRoundTrip, observation.detail)


Seen = list[Observation]


@dataclass(kw_only=True)  # not slotted: `once` needs a dictionary
class Leg:
    """Observations of one hop, sorted as they come in.

    `tls` are handshakes with the target's name, `isolation` those with an innocuous one, `answered` the requests that
    were answered, be it in part. Of addresses: `own` are those of the machine's own way to the name, `connected`
    accepted a connection, `secured` showed a certificate valid for the name.
    """

    hop: int
    secure: bool
    dns: Seen = field(default_factory=list)
    tcp: Seen = field(default_factory=list)
    tls: Seen = field(default_factory=list)
    isolation: Seen = field(default_factory=list)
    http: Seen = field(default_factory=list)
    answered: Seen = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    connected: set[str] = field(default_factory=set)
    secured: set[str] = field(default_factory=set)

    def add(self, observation: Observation) -> None:
        match observation.detail:
            case DnsQuery() as query:
                self.dns.append(observation)
                if query.resolver_kind is ResolverKind.SYSTEM:
                    self.own.update(query.addresses)
            case TcpConnect() as connect:
                self.tcp.append(observation)
                self._reach(connect, self.connected, observation.failure is None)
            case TlsHandshake(isolation=True):
                self.isolation.append(observation)
            case TlsHandshake() as handshake:
                self.secure = True
                self.tls.append(observation)
                self._reach(handshake, self.secured, observation.failure is None and handshake.verified)
            case HttpRoundTrip() as request:
                self.secure = self.secure or request.tls
                self.http.append(observation)
                if request.status is not None:
                    self.answered.append(observation)

    def _reach(self, tried: TcpConnect | TlsHandshake, reached: set[str], success: bool) -> None:
        if tried.source in _OWN_SOURCES:
            self.own.add(tried.address)
        if success:
            reached.add(tried.address)

    @once
    def name(self) -> str:
        """The name that this leg is about; empty where none was seen."""
        names = {dns(o).hostname for o in self.dns} or {tls(o).server_name for o in self.tls}
        return min(names or {host_of(http(o).url) for o in self.http}, default="")

    def named_by(self, *kinds: ResolverKind) -> frozenset[str]:
        """Addresses that resolvers of these kinds gave."""
        found: set[str] = set()
        for o in self.dns:
            if dns(o).resolver_kind in kinds:
                found.update(dns(o).addresses)
        return frozenset(found)

    @once
    def special(self) -> set[str]:
        """Own addresses that the agent would not dial."""
        return self.own & {tcp(o).address for o in self.tcp if o.failure == Failure.SPECIAL_ADDRESS}

    @once
    def elsewhere(self) -> set[str]:
        """Addresses of other ways that showed a valid certificate: proof that the site is alive as seen from here."""
        return self.secured - self.own

    @once
    def step(self) -> Step | None:
        """The step at which the machine's own way ends; `None` where it does not."""
        usable = self.own - self.special
        if not usable:
            return Step.DNS
        if not usable & self.connected:
            return Step.TCP
        good = usable & self.secured if self.secure else usable
        if not good:
            return Step.TLS
        asked = [o for o in self.http if http(o).address in good]
        return Step.HTTP if asked and all(http(o).status is None for o in asked) else None

    @once
    def failed(self) -> Seen:
        """The observations that failed at that step, on the machine's own way."""
        match self.step:
            case Step.DNS:
                return self.failed_queries or [o for o in self.tcp if tcp(o).address in self.special]
            case Step.TCP:
                return _ip_version_4_first([o for o in self.tcp if o.failure and tcp(o).address in self.own])
            case Step.TLS:
                return [o for o in self.tls if o.failure and tls(o).address in self.own]
            case Step.HTTP:
                return [o for o in self.http if o.failure and http(o).address in self.own]
        return []

    @once
    def failed_queries(self) -> Seen:
        """Failed queries to the machine's own resolver; those for IPv6 addresses only where there are no others."""
        failed = [o for o in self.dns if o.failure and dns(o).resolver_kind is ResolverKind.SYSTEM]
        return [o for o in failed if dns(o).query_type == "A"] or failed

    @once
    def manner(self) -> Manner:
        """How that step failed."""
        if self.step is Step.DNS and self.special:
            return Manner.SPECIAL
        return min((_manner(o) for o in self.failed), default=Manner.OTHER)

    @property
    def repeated(self) -> bool:
        """Whether every pass ended at this step, and there was more than one: chance loses now this, now that."""
        passes = {o.attempt for seen in (self.dns, self.tcp, self.tls, self.http) for o in seen}
        return len(passes) > 1 and passes == {o.attempt for o in self.failed}

    @property
    def terminal(self) -> bool:
        """Whether a request was answered with something other than a redirect."""
        return any(http(o).status not in REDIRECTS for o in self.answered)


def _manner(observation: Observation) -> Manner:
    """How an observation failed.

    A resolver that cut its response short and does not answer over TCP says neither yes nor no: many honest ones, in
    home routers above all, have never heard of TCP.
    """
    return Manner.OTHER if cut_short(observation) else manner_of(observation.failure)


def cut_short(observation: Observation) -> bool:
    """Whether this is a query over TCP, after a response that was cut short, that nobody answered."""
    match observation.detail:
        case DnsQuery(transport=DnsTransport.TCP, rcode=None):
            return observation.failure is not None
    return False


def _ip_version_4_first(connects: Seen) -> Seen:
    """Those to IPv4 addresses where there are any: IPv6 that is broken at the vantage says nothing."""
    return [o for o in connects if ":" not in tcp(o).address] or connects


def read_legs(measurement: Measurement) -> tuple[Leg, ...]:
    """The legs of a measurement, the target's own first."""
    legs: dict[int, Leg] = {}
    for observation in measurement.observations:
        leg = legs.get(observation.hop)
        if leg is None:
            secure = observation.hop == 0 and measurement.target.startswith("https:")
            leg = legs[observation.hop] = Leg(hop=observation.hop, secure=secure)
        leg.add(observation)
    return tuple(legs[hop] for hop in sorted(legs))


def something_answered(observations: Iterable[Observation]) -> bool:
    """Whether anybody at all answered; else the machine had no working network."""
    return any(o.failure is None or manner_of(o.failure) not in _NOBODY_ANSWERED for o in observations)
