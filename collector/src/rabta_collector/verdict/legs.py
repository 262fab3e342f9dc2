"""One leg of a measurement: everything seen of one name, between one redirect and the next.

A leg tells apart the machine's own way to the name (the addresses that its own resolver gave, or that the target holds)
from other ways (addresses that only a public resolver or a control gave): users go the first way, and the second shows
what is so. Nothing here depends on the order of observations within a measurement.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

from rabta_collector.locators import VPNS
from rabta_collector.special import is_special
from rabta_collector.verdict.fingerprints import host_of
from rabta_collector.verdict.manners import Manner as Manner  # part of what a leg says
from rabta_collector.verdict.manners import cut_short, manner_of, manner_seen, something_answered
from rabta_collector.verdict.once import once
from rabta_proto.model import (
    DnsQuery,
    HttpRoundTrip,
    Measurement,
    Observation,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
    VpnHandshake,
)
from rabta_proto.vocabulary import AddressSource, Failure, ResolverKind, Step, VpnProtocol

__all__ = ["REDIRECTS", "Leg", "Manner", "Scheme", "Seen", "cut_short", "manner_of", "read_legs", "something_answered"]

_OWN_SOURCES = (AddressSource.SYSTEM, AddressSource.LITERAL)
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Scheme(StrEnum):
    """What a leg is to show: how its target is written, or the URL that was redirected to."""

    HTTPS = "https"
    HTTP = "http"
    QUIC = "quic"
    TCP = "tcp"
    DNS = "dns"
    VPN = "vpn"  # of any protocol


_WEB = (Scheme.HTTPS, Scheme.HTTP)


def dns(observation: Observation) -> DnsQuery:
    """Detail of an observation that a leg keeps under `dns`; the others likewise."""
    return cast(DnsQuery, observation.detail)


def tcp(observation: Observation) -> TcpConnect:
    return cast(TcpConnect, observation.detail)


def tls(observation: Observation) -> TlsHandshake | QuicHandshake:
    """Detail of a handshake, be it over TCP or over QUIC."""
    return cast(TlsHandshake | QuicHandshake, observation.detail)


def vpn(observation: Observation) -> VpnHandshake:
    return cast(VpnHandshake, observation.detail)


def http(observation: Observation) -> HttpRoundTrip:
    return cast(HttpRoundTrip, observation.detail)


Seen = list[Observation]
Tried = TcpConnect | TlsHandshake | QuicHandshake | VpnHandshake


@dataclass(kw_only=True)  # not slotted: `once` needs a dictionary
class Leg:
    """Observations of one hop, sorted as they come in.

    `tls` are handshakes with the target's name (over QUIC where that is the scheme), `isolation` those with an
    innocuous one, `split` those with the target's name in two segments, which no other program sends and which are
    therefore nobody's way; `plain` those without what was asked about (Encrypted Client Hello);
    `answered` the requests that were answered, be it in part. Of addresses: `own` are those of
    the machine's own way to the name, `connected` accepted a connection, `secured` showed a certificate valid for the
    name, `by_control` did so and were named by controls alone; `greeted` answered in the protocol of a VPN.
    """

    hop: int
    scheme: Scheme
    lab: bool = False
    dns: Seen = field(default_factory=list)
    tcp: Seen = field(default_factory=list)
    tls: Seen = field(default_factory=list)
    isolation: Seen = field(default_factory=list)
    split: Seen = field(default_factory=list)
    http: Seen = field(default_factory=list)
    vpn: Seen = field(default_factory=list)
    plain: Seen = field(default_factory=list)
    answered: Seen = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    connected: set[str] = field(default_factory=set)
    secured: set[str] = field(default_factory=set)
    greeted: set[str] = field(default_factory=set)
    by_control: set[str] = field(default_factory=set)

    def add(self, observation: Observation) -> None:
        match observation.detail:
            case DnsQuery() as query:
                self.dns.append(observation)
                if query.resolver_kind is ResolverKind.SYSTEM:
                    self.own.update(query.addresses)
            case TcpConnect() as connect:
                self.tcp.append(observation)
                self._reach(connect, self.connected, observation.failure is None)
            case TlsHandshake() if self.scheme in _WEB:
                self._shake(observation)
            case QuicHandshake() if self.scheme is Scheme.QUIC:
                self._shake(observation)
            case VpnHandshake(protocol=VpnProtocol.TLS):
                self.plain.append(observation)
            case VpnHandshake() as greeting if self.scheme is Scheme.VPN:
                self.vpn.append(observation)
                self._reach(greeting, self.greeted, observation.failure is None)
            case HttpRoundTrip() as request if self.scheme in _WEB:
                self.scheme = Scheme.HTTPS if request.tls else self.scheme
                self.http.append(observation)
                if request.status is not None:
                    self.answered.append(observation)

    def _shake(self, observation: Observation) -> None:
        match observation.detail:
            case TlsHandshake(isolation=True) | QuicHandshake(isolation=True):
                self.isolation.append(observation)
                return
            case TlsHandshake(split=True):
                self.split.append(observation)
                return
        handshake = tls(observation)
        self.scheme = self.scheme if self.scheme is Scheme.QUIC else Scheme.HTTPS
        self.tls.append(observation)
        valid = observation.failure is None and handshake.verified
        self._reach(handshake, self.secured, valid)
        if valid and handshake.source is AddressSource.CONTROL:
            self.by_control.add(handshake.address)

    def _reach(self, tried: Tried, reached: set[str], success: bool) -> None:
        if tried.source in _OWN_SOURCES:
            self.own.add(tried.address)
        if success:
            reached.add(tried.address)

    @property
    def secure(self) -> bool:
        """Whether a certificate vouches for what is at the other end."""
        return self.scheme in (Scheme.HTTPS, Scheme.QUIC)

    @once
    def name(self) -> str:
        """The name that this leg is about; empty where none was seen."""
        names = {dns(o).hostname for o in self.dns} or {tls(o).server_name for o in self.tls}
        return min(names or {host_of(http(o).url) for o in self.http}, default="")

    def named_by(self, *kinds: ResolverKind) -> frozenset[str]:
        """Addresses that resolvers of these kinds gave."""
        return frozenset[str]().union(*map(self.named.__getitem__, kinds))

    @once
    def named(self) -> dict[ResolverKind, set[str]]:
        said = [(dns(o).resolver_kind, dns(o).addresses) for o in self.dns]
        return {kind: {a for its, found in said if its is kind for a in found} for kind in ResolverKind}

    def asked_for(self, query_type: str) -> bool:
        """Whether the machine's own resolver was asked for addresses of this type."""
        return any(dns(o).query_type == query_type and dns(o).resolver_kind is ResolverKind.SYSTEM for o in self.dns)

    @once
    def special(self) -> set[str]:
        """Own addresses that no site can have: what the agent would not dial, or for a mere name what is so."""
        if self.scheme is Scheme.DNS and not self.lab:  # nothing is dialled; in a lab everything is on loopback
            return {address for address in self.own if is_special(address)}
        return self.own & {address_of(o) for o in self.tried if o.failure == Failure.SPECIAL_ADDRESS}

    @once
    def elsewhere(self) -> set[str]:
        """Addresses of other ways that showed a valid certificate, or whose VPN answered: the site is alive."""
        return (self.secured | self.greeted) - self.own

    @once
    def step(self) -> Step | None:
        """The step at which the machine's own way ends; `None` where it does not."""
        usable = self.own - self.special
        if not usable or self._forged_but_for_ipv6(usable):
            return Step.DNS
        if self.scheme is Scheme.QUIC:
            return None if usable & self.secured else Step.QUIC
        if self.scheme is Scheme.DNS or usable & self.greeted:
            return None
        if self.scheme is Scheme.VPN and (usable & self.connected or not self.tcp):
            return Step.VPN
        if not usable & self.connected:
            return Step.TCP
        good = usable & self.secured if self.secure else usable
        if not good:
            return Step.TLS
        asked = [o for o in self.http if http(o).address in good]
        return Step.HTTP if asked and all(http(o).status is None for o in asked) else None

    def _forged_but_for_ipv6(self, usable: set[str]) -> bool:
        """Whether every IPv4 address is one that no site can have, and nothing came of IPv6, which may be broken."""
        only_ipv6 = all(map(is_ipv6, usable)) and not all(map(is_ipv6, self.special))
        return only_ipv6 and usable.isdisjoint(self.connected | self.secured | self.greeted)

    @once
    def failed(self) -> Seen:
        """The observations that failed at that step, on the machine's own way."""
        match self.step:
            case Step.DNS:
                return self.failed_queries or [o for o in self.tried if address_of(o) in self.special]
            case Step.TCP:
                return _ip_version_4_first([o for o in self.tcp if o.failure and tcp(o).address in self.own])
            case Step.TLS:
                return [o for o in self.tls if o.failure and tls(o).address in self.own]
            case Step.QUIC:
                return _ip_version_4_first([o for o in self.tls if o.failure and tls(o).address in self.own])
            case Step.VPN:
                return _ip_version_4_first([o for o in self.vpn if o.failure and vpn(o).address in self.own])
            case Step.HTTP:
                return [o for o in self.http if o.failure and http(o).address in self.own]
        return []

    @property
    def tried(self) -> Seen:
        """What went to an address, requests apart."""
        return self.tcp + self.tls + self.vpn

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
        return min((manner_seen(o) for o in self.failed), default=Manner.OTHER)

    @property
    def repeated(self) -> bool:
        """Whether every pass ended at this step, and there was more than one: chance loses now this, now that."""
        return self.tried_again and self.passes == {o.attempt for o in self.failed}

    @property
    def tried_again(self) -> bool:
        return len(self.passes) > 1

    @once
    def passes(self) -> set[int]:
        return {o.attempt for seen in (self.dns, self.tried, self.http) for o in seen}

    @property
    def terminal(self) -> bool:
        """Whether a request was answered with something other than a redirect."""
        return any(http(o).status not in REDIRECTS for o in self.answered)


def _ip_version_4_first(tried: Seen) -> Seen:
    """Those to IPv4 addresses where there are any: IPv6 that is broken at the vantage says nothing."""
    return [o for o in tried if not is_ipv6(address_of(o))] or tried


def is_ipv6(address: str) -> bool:
    return ":" in address


def address_of(observation: Observation) -> str:
    """The address that a connection or a handshake went to."""
    return cast(Tried, observation.detail).address


def scheme_of(target: str) -> Scheme:
    """What a target is to show. What this version does not know is judged as plain HTTP is, which proves the least."""
    scheme = target.partition(":")[0].lower()
    try:
        return Scheme.VPN if scheme in VPNS else Scheme.HTTPS if scheme == "tls" else Scheme(scheme)
    except ValueError:
        return Scheme.HTTP


def read_legs(measurement: Measurement) -> tuple[Leg, ...]:
    """The legs of a measurement, the target's own first."""
    legs: dict[int, Leg] = {}
    for observation in measurement.observations:
        leg = legs.get(observation.hop)
        if leg is None:
            scheme = Scheme.HTTP if observation.hop else scheme_of(measurement.target)
            leg = legs[observation.hop] = Leg(hop=observation.hop, scheme=scheme, lab=measurement.network.lab)
        leg.add(observation)
    return tuple(legs[hop] for hop in sorted(legs))
