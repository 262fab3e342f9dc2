"""How a step failed, in the words that rules are written in. Pure."""

from collections.abc import Iterable
from enum import IntEnum, auto

from rabta_proto.model import DnsQuery, Observation
from rabta_proto.vocabulary import DnsTransport, Failure


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
    Failure.QUIC_FAILED_HANDSHAKE: Manner.GARBLE,
    Failure.VPN_FAILED_HANDSHAKE: Manner.GARBLE,
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

NOBODY_ANSWERED = frozenset({Manner.SILENCE, Manner.UNREACHABLE, Manner.LOCAL, Manner.SPECIAL, Manner.OTHER})
"""Manners in which a failure shows that no packet need have come back."""


def manner_of(failure: str | None) -> Manner:
    """How a step failed; `OTHER` for a failure outside of the closed set."""
    return _MANNERS.get(failure or "", Manner.OTHER)


def manner_seen(observation: Observation) -> Manner:
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


def something_answered(observations: Iterable[Observation]) -> bool:
    """Whether anybody at all answered; else the machine had no working network."""
    return any(o.failure is None or manner_of(o.failure) not in NOBODY_ANSWERED for o in observations)
