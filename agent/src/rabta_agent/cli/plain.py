"""A measurement in plain words: each step in a sentence, and one line of facts. What they mean the collector says."""

from collections.abc import Iterable, Iterator

from rabta_agent.cli.greetings import compare_hellos, tell_answer, tell_greeting
from rabta_agent.cli.paths import tell_came, tell_location, tell_trace
from rabta_agent.words import mark, tr
from rabta_proto.model import (
    DnsQuery,
    HttpRoundTrip,
    Measurement,
    NetworkContext,
    Observation,
    PathTrace,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
    Transfer,
    VpnHandshake,
)
from rabta_proto.vocabulary import Depth, DnsTransport, Failure, ResolverKind, VpnProtocol

FAILURES = {
    Failure.GENERIC_TIMEOUT: mark("no answer came in time"),
    Failure.TIMED_OUT: mark("no answer came, and the system gave up"),
    Failure.CONNECTION_REFUSED: mark("the connection was refused"),
    Failure.CONNECTION_RESET: mark("the connection was reset"),
    Failure.CONNECTION_ABORTED: mark("the connection was broken off"),
    Failure.HOST_UNREACHABLE: mark("a router says that the address cannot be reached"),
    Failure.NETWORK_UNREACHABLE: mark("there is no way to that network"),
    Failure.NETWORK_DOWN: mark("the network is down"),
    Failure.ADDRESS_NOT_AVAILABLE: mark("the address to measure from is not this machine's"),
    Failure.PERMISSION_DENIED: mark("not dialled: a firewall of this machine, or an address of your own network"),
    Failure.EOF: mark("the connection was closed without an answer"),
    Failure.SPECIAL_ADDRESS: mark("not dialled: a private or special address"),
    Failure.DNS_NXDOMAIN: mark("the resolver says that there is no such name"),
    Failure.DNS_REFUSED: mark("the resolver refuses to answer"),
    Failure.DNS_SERVFAIL: mark("the resolver says that it failed"),
    Failure.DNS_SERVER_MISBEHAVING: mark("the resolver's answer cannot be used"),
    Failure.DNS_NO_ANSWER: mark("the resolver names no address"),
    Failure.DNS_NO_RESOLVER: mark("this machine has no resolver"),
    Failure.SSL_INVALID_HOSTNAME: mark("the certificate is for another name"),
    Failure.SSL_UNKNOWN_AUTHORITY: mark("nobody that is trusted vouches for the certificate"),
    Failure.SSL_INVALID_CERTIFICATE: mark("the certificate is expired or otherwise wrong"),
    Failure.SSL_FAILED_HANDSHAKE: mark("encryption could not be agreed on"),
    Failure.QUIC_FAILED_HANDSHAKE: mark("QUIC could not be agreed on"),
    Failure.VPN_FAILED_HANDSHAKE: mark("the answer is none of the protocol that was spoken"),
    Failure.HTTP_INVALID_RESPONSE: mark("the answer is no HTTP"),
    Failure.HTTP_INVALID_REDIRECT: mark("the redirect leads nowhere"),
    Failure.HTTP_TOO_MANY_REDIRECTS: mark("too many redirects"),
}


def tell_failure(failure: str) -> str:
    """A failure in words; one outside of the closed set as it is written."""
    return tr(FAILURES[Failure(failure)]) if failure in FAILURES else failure


def tell_step(observation: Observation) -> str:
    """What was done, in a sentence without its end."""
    match observation.detail:
        case DnsQuery() as dns:
            return _tell_query(dns)
        case TcpConnect() as tcp:
            return tr("Connected to {address}, port {port}", address=tcp.address, port=tcp.port)
        case TlsHandshake() as tls if tls.split:
            return tr(
                "Asked {address} for encryption as {name}, the name cut in two",
                address=tls.address,
                name=tls.server_name,
            )
        case TlsHandshake() as tls if tls.isolation:
            return tr(
                "Asked {address} for encryption under a harmless name, {name}",
                address=tls.address,
                name=tls.server_name,
            )
        case TlsHandshake() as tls:
            return tr("Asked {address} for encryption as {name}", address=tls.address, name=tls.server_name)
        case QuicHandshake() as quic if quic.isolation:
            return tr(
                "Asked {address} over QUIC under a harmless name, {name}", address=quic.address, name=quic.server_name
            )
        case QuicHandshake() as quic:
            return tr("Asked {address} over QUIC as {name}", address=quic.address, name=quic.server_name)
        case VpnHandshake() as vpn:
            return tell_greeting(vpn)
        case HttpRoundTrip() as http:
            return tr("Asked for {url}", url=http.url)
        case Transfer() as transfer:
            return tr("Read {url} against the clock, as {name}", url=transfer.url, name=transfer.server_name)
        case PathTrace() as trace:
            return tell_trace(trace)


def _tell_query(dns: DnsQuery) -> str:
    """Who was asked for the addresses of a name."""
    kind = dns.query_type
    if dns.resolver_kind is ResolverKind.SYSTEM:
        return tr("Asked your own resolver for {name} ({kind})", name=dns.hostname, kind=kind)
    if dns.transport is DnsTransport.HTTPS or dns.resolver_kind is ResolverKind.DOH:
        return tr(
            "Asked {resolver} over HTTPS for {name} ({kind})", resolver=dns.resolver, name=dns.hostname, kind=kind
        )
    return tr("Asked {resolver} for {name} ({kind})", resolver=dns.resolver, name=dns.hostname, kind=kind)


def tell_outcome(observation: Observation) -> str:
    """What came of it."""
    if observation.failure is not None:
        return tell_failure(observation.failure)
    match observation.detail:
        case DnsQuery() as dns:
            return ", ".join(dns.addresses) or tr("no address")
        case TlsHandshake() | QuicHandshake() as handshake if handshake.isolation:
            return tr("it answered")
        case TlsHandshake() | QuicHandshake() as handshake:
            return tr("good, the certificate is right") if handshake.verified else tr("it answered")
        case HttpRoundTrip() as http:
            title = tr(', titled "{title}"', title=http.title) if http.title else ""
            return tr("status {status}, {count} bytes", status=http.status or 0, count=http.body_bytes) + title
        case Transfer() as transfer:
            seconds = (transfer.read_us or 0) / 1_000_000
            return tr("{count} bytes in {seconds:.1f} s", count=transfer.body_bytes, seconds=seconds)
        case VpnHandshake() as vpn:
            return tell_answer(vpn)
        case PathTrace() as trace:
            return tell_came(trace)
        case _:
            return tr("it answered")


def tell_disturbances(network: NetworkContext) -> Iterator[str]:
    """Why a measurement may say little about the ISP."""
    if network.vpn:
        yield tr("a VPN is on")
    if network.captive_portal:
        yield tr("a captive portal is in the way")
    if network.changed:
        yield tr("the network changed meanwhile")
    if network.seen_isp:
        yield tr("the collector saw this machine at another ISP, {isp}", isp=network.seen_isp)


def conclude(measurement: Measurement) -> str:
    """The facts in one line, as the first step that failed for good tells them, or that all went well."""
    if measurement.depth is Depth.TRACE:
        return tell_location(measurement)
    steps = measurement.observations
    last = [one for one in steps if one.attempt == max(each.attempt for each in steps if each.hop == one.hop)]
    real = [one for one in last if not _aside(one)]
    for kind, tell in ((HttpRoundTrip, _reached), (QuicHandshake, _shaken), (TlsHandshake, _secured)):
        found = [one for one in real if isinstance(one.detail, kind)]
        if good := [one for one in found if one.failure is None]:
            return tell(good[-1])
        if found:
            return _failed(found[-1], steps)
    for one in reversed(real):
        if isinstance(one.detail, VpnHandshake):
            compared = compare_hellos(one.detail, steps) if one.failure else ""
            return f"{tell_step(one)}: {tell_outcome(one)}{compared}."
    tcp = [one for one in real if isinstance(one.detail, TcpConnect)]
    if good := [one for one in tcp if one.failure is None]:
        return _connected(good[-1])
    return _failed(tcp[-1], steps) if tcp else _named(last)


def _aside(observation: Observation) -> bool:
    """Whether a step was made for comparison only."""
    detail = observation.detail
    if isinstance(detail, VpnHandshake):
        return detail.protocol is VpnProtocol.TLS
    return isinstance(detail, TlsHandshake | QuicHandshake) and (detail.isolation or getattr(detail, "split", False))


def _reached(one: Observation) -> str:
    assert isinstance(one.detail, HttpRoundTrip)
    facts = {"url": one.detail.url, "status": one.detail.status or 0}
    if one.detail.marks:
        marks = ", ".join(one.detail.marks)
        return tr(
            "{url} answered with status {status}, and the page holds a text known from block pages: {marks}",
            marks=marks,
            **facts,
        )
    return tr("{url} answered with status {status}.", **facts)


def _shaken(one: Observation) -> str:
    assert isinstance(one.detail, QuicHandshake)
    return tr("{name} was reached over QUIC, and its certificate is right.", name=one.detail.server_name)


def _secured(one: Observation) -> str:
    assert isinstance(one.detail, TlsHandshake)
    return tr("{name} was reached, and its certificate is right.", name=one.detail.server_name)


def _connected(one: Observation) -> str:
    assert isinstance(one.detail, TcpConnect)
    return tr("{address} port {port} took the connection.", address=one.detail.address, port=one.detail.port)


def _failed(one: Observation, steps: Iterable[Observation]) -> str:
    """A step's failure, and for a handshake what the same server did under another name."""
    detail, said = one.detail, tell_failure(one.failure or "")
    match detail:
        case TlsHandshake() | QuicHandshake():
            what = "QUIC" if isinstance(detail, QuicHandshake) else "TLS"
            told = tr(
                "{what} to {name} failed after the name was sent: {failure}",
                what=what,
                name=detail.server_name,
                failure=said,
            )
            others = [each for each in steps if _aside(each) and getattr(each.detail, "isolation", False)]
            same = [each for each in others if getattr(each.detail, "address", "") == detail.address]
            if not same:
                return told + "."
            answered = any(each.failure is None or getattr(each.detail, "server_answered", False) for each in same)
            return told + (
                tr("; the same server answered for another name.")
                if answered
                else tr("; the same server did not answer for another name either.")
            )
        case TcpConnect():
            return tr("{address} port {port}: {failure}.", address=detail.address, port=detail.port, failure=said)
        case HttpRoundTrip():
            return tr("{url}: {failure}.", url=detail.url, failure=said)
        case _:
            return f"{said}."


def _named(steps: Iterable[Observation]) -> str:
    """What resolvers said, where nothing else was tried."""
    queries = [(one, one.detail) for one in steps if isinstance(one.detail, DnsQuery)]
    own = [one for one, dns in queries if dns.resolver_kind is ResolverKind.SYSTEM]
    public = [one for one, dns in queries if dns.resolver_kind is not ResolverKind.SYSTEM and dns.addresses]
    if any(isinstance(one.detail, DnsQuery) and one.detail.addresses for one in own):
        return tr("Your own resolver names an address.")
    said = tell_failure(own[-1].failure) if own and own[-1].failure else tr("no address")
    if public:
        return tr("Your own resolver: {failure}; a public one names an address.", failure=said)
    return tr("No resolver names an address ({failure}).", failure=said) if queries else tr("Nothing was measured.")
