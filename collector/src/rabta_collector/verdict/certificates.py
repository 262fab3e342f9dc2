"""What certificates say of who answered a handshake: the site, somebody on the path, or a machine that errs. Pure."""

from dataclasses import dataclass

from rabta_collector.verdict.background import Background
from rabta_collector.verdict.legs import Leg, Seen, address_of, tls
from rabta_collector.verdict.manners import Manner, manner_of
from rabta_collector.verdict.support import Voices
from rabta_proto.model import DnsQuery, Measurement
from rabta_proto.vocabulary import Failure, ResolverKind


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """The certificates of a measurement's deepest leg, beside those that controls were shown."""

    measurement: Measurement
    leg: Leg
    voices: Voices
    background: Background

    @property
    def as_controls(self) -> bool:
        """Whether the controls were shown the same certificate, or one with the same key."""
        mine = _keys(self.leg)
        return bool(mine) and any(mine & _keys(leg) for leg in self.voices.legs)

    @property
    def out_of_date(self) -> bool:
        """Whether nothing but its dates is wrong with the certificate, and nobody can tell whose it is."""
        compared = bool(_keys(self.leg)) and any(map(_keys, self.voices.legs))
        return self._dates_alone and not compared

    @property
    def clock_is_wrong(self) -> bool:
        """Whether certificates are called invalid that have not expired, by a machine whose roots vouch for them."""
        tried = [tls(o).certificate for o in self.leg.tls if address_of(o) in self.leg.own]
        ends = [certificate.not_after for certificate in tried if certificate is not None]
        return self._dates_alone and bool(ends) and self.measurement.started_at <= min(ends)

    @property
    def _dates_alone(self) -> bool:
        return all(o.failure == Failure.SSL_INVALID_CERTIFICATE for o in self.leg.failed)

    @property
    def opened_for_all(self) -> bool:
        """Whether TLS seems to be opened whomever it is for, as offices do: for public resolvers, or for other sites.

        One of them that showed a certificate of its own is proof that it is not.
        """
        asked = self._asked_over_https()
        answered = any(o.failure is None or _has_code(o.detail) for o in asked)
        if answered or self.background.tls_works is True:
            return False
        opened = any(manner_of(o.failure) is Manner.CERTIFICATE for o in asked)
        return opened or self.background.tls_works is False

    def _asked_over_https(self) -> Seen:
        """Queries to public resolvers, each within a handshake with that resolver."""
        observations = self.measurement.observations
        return [
            o for o in observations if isinstance(o.detail, DnsQuery) and o.detail.resolver_kind is ResolverKind.DOH
        ]


def _has_code(detail: object) -> bool:
    return isinstance(detail, DnsQuery) and detail.rcode is not None


def _keys(leg: Leg) -> frozenset[bytes]:
    certificates = (tls(o).certificate for o in leg.tls)
    return frozenset(certificate.spki_sha256 for certificate in certificates if certificate is not None)
