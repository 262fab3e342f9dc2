"""The steps of a measurement as lines of a table for people. Pure. Whose measurement it is stands nowhere in it."""

from dataclasses import dataclass
from ipaddress import ip_address

from rabta_collector.pages.words import GREETINGS, STEPS
from rabta_proto.model import (
    DnsQuery,
    HttpRoundTrip,
    Observation,
    PathTrace,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
    Transfer,
    VpnHandshake,
)
from rabta_proto.vocabulary import ResolverKind

RESOLVERS = {
    ResolverKind.SYSTEM: "the network's name server",
    ResolverKind.UDP: "a public name server",
    ResolverKind.DOH: "a name server over HTTPS",
    ResolverKind.UNKNOWN: "a name server",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """One step; `meaning` says it in words. `what` and `got` are technical; `by`: which resolver was asked.

    `innocuous`: another name was sent, for comparison.
    """

    meaning: str
    what: str
    got: str
    failed: bool
    milliseconds: int
    by: str | None
    innocuous: bool


def make_step(observation: Observation) -> StepLine:
    detail = observation.detail
    what, got = _told(observation)
    return StepLine(
        meaning=_meaning(observation),
        what=what,
        got=observation.failure or got,
        failed=observation.failure is not None,
        milliseconds=round(observation.duration_us / 1000),
        by=RESOLVERS[detail.resolver_kind] if isinstance(detail, DnsQuery) else None,
        innocuous=isinstance(detail, TlsHandshake | QuicHandshake | PathTrace) and detail.isolation,
    )


def _meaning(observation: Observation) -> str:
    detail, usual = observation.detail, STEPS[observation.step]
    return GREETINGS.get(detail.protocol, usual) if isinstance(detail, VpnHandshake) else usual


def _told(observation: Observation) -> tuple[str, str]:
    """What was tried, and what came of it where it went well."""
    match observation.detail:
        case DnsQuery() as query:
            return f"{query.hostname} {query.query_type}", ", ".join(query.addresses) or "no address"
        case TcpConnect() as tcp:
            return _endpoint(tcp.address, tcp.port), "connected"
        case TlsHandshake() as tls:
            got = "certificate valid" if tls.verified else "answered"
            return f"{tls.server_name} @ {_endpoint(tls.address, tls.port)}", f"{got} {tls.tls_version}".strip()
        case QuicHandshake() as quic:
            got = "certificate valid" if quic.verified else "answered"
            return f"{quic.server_name} @ {_endpoint(quic.address, quic.port)}", got
        case HttpRoundTrip() as page:
            return page.url, f"HTTP {page.status}, {page.body_bytes} bytes"
        case Transfer() as read:
            return f"{read.url} as {read.server_name}", f"{read.body_bytes} of {read.wanted_bytes} bytes"
        case VpnHandshake() as vpn:
            got = "answered by the server itself" if vpn.verified else "answered"
            return f"{vpn.protocol} @ {_endpoint(vpn.address, vpn.port)}", got
        case PathTrace() as trace:
            what = f"{trace.server_name} @ {_endpoint(trace.address, trace.port)}"
            return what, f"{len(trace.steps)} connections"


def _endpoint(address: str, port: int) -> str:
    try:
        return f"[{address}]:{port}" if ip_address(address).version == 6 else f"{address}:{port}"
    except ValueError:
        return f"{address}:{port}"
