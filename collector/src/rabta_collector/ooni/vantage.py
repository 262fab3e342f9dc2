"""What the probe itself saw of one hop, as observations. Pure.

Names (lookups.py). An address that no lookup of the probe named came from the test helper; where no lookup was recorded
at all (0.4 records none for redirects) it is the machine's own.

Special addresses. OONI dials what Rabta never would. An address that no site can have is told as Rabta's agents tell
it, not dialled, unless the helper gave or reached it too, or it showed a certificate valid for the name or the page
that the helper got.

IPv6. Where no IPv6 connection of the measurement came about, silence and unreachable networks there are the vantage's
own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rabta_collector.ooni import fields
from rabta_collector.ooni.certificates import read_certificate, refine, summarise
from rabta_collector.ooni.chain import Hop, depth_of
from rabta_collector.ooni.failures import CERTIFICATE_FAILURES, read_failure
from rabta_collector.ooni.fields import Record
from rabta_collector.ooni.lookups import lookups, times_of
from rabta_collector.special import is_special
from rabta_collector.verdict.legs import Leg, Scheme
from rabta_proto.model import DnsQuery, Observation, TcpConnect, TlsHandshake
from rabta_proto.vocabulary import AddressSource, Failure, ResolverKind

_SOURCES = {
    ResolverKind.SYSTEM: AddressSource.SYSTEM,
    ResolverKind.UDP: AddressSource.UDP,
    ResolverKind.DOH: AddressSource.DOH,
}
_OF_BROKEN_IPV6 = frozenset(
    {Failure.NETWORK_UNREACHABLE, Failure.HOST_UNREACHABLE, Failure.GENERIC_TIMEOUT, Failure.TIMED_OUT}
)
TEXT_LIMIT = 253
ISOLATION_TAG = "sni_isolation"


@dataclass(slots=True, kw_only=True)
class Vantage:
    """The probe's side of a measurement.

    `known`: addresses that the helper gave or reached; `disowned`: those where it found that they are not the site's.
    """

    keys: Record
    known: frozenset[str]
    disowned: frozenset[str] = frozenset()
    seen: list[Observation] = field(default_factory=list)
    _ipv6: bool | None = None

    def observe(self, hop: Hop, *, trusted: bool) -> None:
        """Takes in what was seen of a hop before any request. `trusted`: the page was the site's, wherever it stood."""
        names = list(lookups(hop, self.keys, self.disowned))
        self.seen += names
        connects = list(self._connects(hop, names))
        handshakes = list(self._handshakes(hop, connects, names)) if hop.secure else []
        shown = {_address(o) for o in handshakes if o.failure is None}
        own = {address for o in names if _kind(o) is ResolverKind.SYSTEM for address in _query(o).addresses}
        special = {address for address in own - shown - self.known if is_special(address) and not trusted}
        for address in sorted(special):
            refused = TcpConnect(address=address, port=hop.port, source=AddressSource.SYSTEM)
            self.add(hop, refused, Failure.SPECIAL_ADDRESS)
        self.seen += [o for o in (*connects, *handshakes) if _address(o) not in special]

    def add(
        self,
        hop: Hop,
        detail: DnsQuery | TcpConnect | TlsHandshake,
        failure: str | None = None,
        times: tuple[int, int] = (0, 0),
    ) -> None:
        """Takes in one more observation of a hop."""
        if isinstance(detail, TcpConnect):
            failure = self._blamed(detail.address, failure)
        self.seen.append(
            Observation(detail=detail, offset_us=times[0], duration_us=times[1], failure=failure, hop=hop.index)
        )

    def name(self, hop: Hop) -> None:
        """Takes in the name of a hop of which nothing that was seen tells it: its controls are found by that."""
        if any(o.hop == hop.index for o in self.seen) and not self.leg(hop).name and not fields.address(hop.host):
            self.add(hop, DnsQuery(resolver_kind=ResolverKind.UNKNOWN, hostname=hop.host, query_type="A"))

    def leg(self, hop: Hop) -> Leg:
        """The hop as rules see it so far."""
        leg = Leg(hop=hop.index, scheme=Scheme.HTTPS if hop.secure else Scheme.HTTP)
        for observation in self.seen:
            if observation.hop == hop.index:
                leg.add(observation)
        return leg

    def source(self, hop: Hop, address: str) -> AddressSource:
        """Who named an address of a hop."""
        return _source(address, [o for o in self.seen if o.hop == hop.index and isinstance(o.detail, DnsQuery)])

    def may_be_special(self, request: Record) -> bool:
        """Whether a request may have gone to an address that no site can have."""
        address = self.address_of(request)
        return not address or is_special(address)

    def address_of(self, request: Record) -> str:
        """The address that a request went to, where it says so or its transaction does."""
        address, _ = fields.endpoint(request.get("address"))
        if address or not (transaction := fields.whole(request.get("transaction_id"))):
            return address
        found = (
            fields.address(entry.get("ip"))
            for entry in fields.entries(self.keys.get("tcp_connect"))
            if fields.whole(entry.get("transaction_id")) == transaction
        )
        return next(found, "")

    def _blamed(self, address: str, failure: str | None) -> str | None:
        """The failure of a connection, or the vantage's own where that had no IPv6."""
        if failure not in _OF_BROKEN_IPV6 or ":" not in address:
            return failure
        if self._ipv6 is None:
            entries = fields.entries(self.keys.get("tcp_connect"))
            self._ipv6 = any(_connected(entry) and ":" in fields.address(entry.get("ip")) for entry in entries)
        return failure if self._ipv6 else Failure.ADDRESS_NOT_AVAILABLE

    def _connects(self, hop: Hop, names: list[Observation]) -> Iterator[Observation]:
        for entry in fields.entries(self.keys.get("tcp_connect")):
            address, depth = fields.address(entry.get("ip")), depth_of(entry)
            if not address or fields.port(entry.get("port")) != hop.port:
                continue
            if depth not in (None, hop.index) or (depth is None and not _belongs(address, hop, names)):
                continue
            status = fields.record(entry.get("status"))
            failure = read_failure(status.get("failure"))
            if failure is None and not _connected(entry):
                failure = "unknown_failure: not told"
            detail = TcpConnect(address=address, port=hop.port, source=_source(address, names))
            yield _observation(hop, detail, entry, self._blamed(address, failure))

    def _handshakes(self, hop: Hop, connects: list[Observation], names: list[Observation]) -> Iterator[Observation]:
        open_ = [_address(o) for o in connects if o.failure is None]
        entries = [entry for entry in fields.entries(self.keys.get("tls_handshakes")) if _greets(entry, hop)]
        for index, entry in enumerate(entries):
            address, port = fields.endpoint(entry.get("address"))
            if address and port != hop.port:
                continue
            if not address:  # older probes did not say: they greeted those that had answered, in turn
                address = open_[index % len(open_)] if open_ else hop.host
            told, isolated = read_failure(entry.get("failure")), _isolated(entry)
            certificate = read_certificate(entry, told)
            failure = refine(told, certificate, hop.host)
            detail = TlsHandshake(
                address=address,
                port=hop.port,
                server_name=fields.text(entry.get("server_name"))[:TEXT_LIMIT] if isolated else hop.host,
                source=_source(address, names),
                isolation=isolated,
                verified=entry.get("no_tls_verify") is not True,
                server_answered=self._answered(entry, failure),
                tls_version=fields.text(entry.get("tls_version"))[:20],
                cipher_suite=fields.text(entry.get("cipher_suite"))[:60],
                negotiated_protocol=fields.text(entry.get("negotiated_protocol"))[:20],
                certificate=summarise(certificate),
            )
            yield _observation(hop, detail, entry, failure)

    def _answered(self, handshake: Record, failure: str | None) -> bool:
        """Whether anything came back after the ClientHello."""
        if failure is None or failure in CERTIFICATE_FAILURES or handshake.get("peer_certificates"):
            return True
        transaction, address = fields.whole(handshake.get("transaction_id")), handshake.get("address")
        for event in fields.entries(self.keys.get("network_events")):
            same = (
                fields.whole(event.get("transaction_id")) == transaction
                if transaction
                else bool(address) and event.get("address") == address
            )
            if same and event.get("operation") == "read" and (fields.number(event.get("num_bytes")) or 0) > 0:
                return True
        return False


def _observation(
    hop: Hop, detail: DnsQuery | TcpConnect | TlsHandshake, entry: Record, failure: str | None
) -> Observation:
    offset, duration = times_of(entry)
    return Observation(detail=detail, offset_us=offset, duration_us=duration, failure=failure, hop=hop.index)


def _connected(entry: Record) -> bool:
    status = fields.record(entry.get("status"))
    return status.get("success") is True and not status.get("failure")


def _isolated(entry: Record) -> bool:
    """Whether an innocuous name was sent on purpose: our own agents do that, and their export says so."""
    return ISOLATION_TAG in fields.texts(entry.get("tags"))


def _greets(entry: Record, hop: Hop) -> bool:
    """Whether a handshake is of this hop."""
    depth, name = depth_of(entry), fields.name(entry.get("server_name"))
    if _isolated(entry):
        return depth == hop.index
    return depth in (None, hop.index) and (name == hop.host or (not name and hop.index == 0))


def _belongs(address: str, hop: Hop, names: Iterable[Observation]) -> bool:
    """Whether a connection that does not say its hop is of this one: one of its addresses, or the target's own."""
    return hop.index == 0 or address == hop.host or any(address in _query(o).addresses for o in names)


def _source(address: str, names: list[Observation]) -> AddressSource:
    for kind, source in _SOURCES.items():
        if any(_kind(o) is kind and address in _query(o).addresses for o in names):
            return source
    return AddressSource.UNKNOWN if any(_kind(o) is ResolverKind.SYSTEM for o in names) else AddressSource.LITERAL


def _query(observation: Observation) -> DnsQuery:
    assert isinstance(observation.detail, DnsQuery)
    return observation.detail


def _kind(observation: Observation) -> ResolverKind:
    return _query(observation).resolver_kind


def _address(observation: Observation) -> str:
    assert isinstance(observation.detail, TcpConnect | TlsHandshake)
    return observation.detail.address
