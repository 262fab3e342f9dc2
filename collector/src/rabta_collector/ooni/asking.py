"""The requests of a hop, and what they add to the evidence. Pure.

Until 0.4 the probe connects first (one pass) and then fetches the page over new connections (another pass): a request
that fails ends at the first step that had not worked before, as one more try of it. Since 0.5 a request goes over the
connection that is there already, and one that failed before it was sent only repeats what stands elsewhere: it counts
where nothing else tells how the hop ended.

A response over https proves a certificate valid for the name, for OONI's probes verify it. Where the address of a
request is not told it is the first that had worked, or the name stands in for it.
"""

from dataclasses import dataclass

from rabta_collector.ooni.chain import Hop
from rabta_collector.ooni.failures import DNS_FAILURES, TCP_FAILURES, TLS_FAILURES, read_failure
from rabta_collector.ooni.fields import Record
from rabta_collector.ooni.lookups import times_of
from rabta_collector.ooni.pages import Reader, status_of
from rabta_collector.ooni.vantage import Vantage
from rabta_collector.verdict.legs import Leg
from rabta_proto.model import DnsQuery, Observation, TcpConnect, TlsHandshake
from rabta_proto.vocabulary import AddressSource, Failure, ResolverKind, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Adds requests to what a vantage saw. `again`: the probe connected anew for them (0.4 and before)."""

    vantage: Vantage
    reader: Reader
    again: bool

    def ask(self, hop: Hop, request: Record) -> None:
        """Takes in one request of a hop."""
        failure = read_failure(request.get("failure"))
        if status_of(request) is not None:
            self._answered(hop, request, failure)
        elif failure is not None:
            self._failed(hop, request, failure)

    def _answered(self, hop: Hop, request: Record, failure: str | None) -> None:
        leg, times = self.vantage.leg(hop), times_of(request)
        address = self.vantage.address_of(request) or self._address(hop, leg)
        source = self._source(hop, address, leg)
        if address not in leg.connected:
            self.vantage.add(hop, TcpConnect(address=address, port=hop.port, source=source), None, times)
        if hop.secure and address not in leg.secured:
            self.vantage.add(hop, _valid(hop, address, source), None, times)
        self._add(hop, request, address, failure)

    def _failed(self, hop: Hop, request: Record, failure: str) -> None:
        leg = self.vantage.leg(hop)
        step = _step(hop, leg, failure)
        if not self.again and step is not Step.HTTP and leg.failed:
            return
        times = times_of(request)
        address = self.vantage.address_of(request) or self._address(hop, leg)
        source = self._source(hop, address, leg)
        match step:
            case Step.DNS:
                query = DnsQuery(resolver_kind=ResolverKind.SYSTEM, hostname=hop.host, query_type="A")
                self.vantage.add(hop, query, failure, times)
            case Step.TCP:
                self.vantage.add(hop, TcpConnect(address=address, port=hop.port, source=source), failure, times)
            case Step.TLS:
                if address not in leg.connected:
                    self.vantage.add(hop, TcpConnect(address=address, port=hop.port, source=source), None, times)
                self.vantage.add(hop, _valid(hop, address, source, failure), failure, times)
            case _:
                if address not in leg.connected:
                    self.vantage.add(hop, TcpConnect(address=address, port=hop.port, source=source), None, times)
                self._add(hop, request, address, failure)

    def _add(self, hop: Hop, request: Record, address: str, failure: str | None) -> None:
        detail = self.reader.read(request, address=address, port=hop.port, url=hop.url, tls=hop.secure)
        offset, duration = times_of(request)
        self.vantage.seen.append(
            Observation(detail=detail, offset_us=offset, duration_us=duration, failure=failure, hop=hop.index)
        )

    def _address(self, hop: Hop, leg: Leg) -> str:
        """Where a request went that does not say: the best own address, or another that worked, or the name itself."""
        own = leg.own - leg.special
        connected = leg.connected & (own or leg.connected)
        secured = leg.secured & (own or leg.secured)
        special = [] if hop.secure else sorted(leg.special)
        return next(iter([*sorted(secured), *sorted(connected), *sorted(own), *special]), hop.host)

    def _source(self, hop: Hop, address: str, leg: Leg) -> AddressSource:
        """The name standing in for an address is the machine's own way: the probe found one by itself."""
        if address == hop.host or address in leg.own:
            return AddressSource.LITERAL
        return self.vantage.source(hop, address)


def _step(hop: Hop, leg: Leg, failure: str) -> Step:
    """The step at which a request failed that was not answered."""
    own = leg.own - leg.special
    if failure in DNS_FAILURES:
        return Step.DNS
    if failure in TLS_FAILURES and hop.secure:
        return Step.TLS
    if not own and (hop.requests and not leg.dns):  # nothing is told of this hop
        return _usual_step(hop, failure)
    if not own:
        return Step.DNS
    if not own & leg.connected:
        return Step.TCP if leg.tcp else _usual_step(hop, failure)
    return Step.TLS if hop.secure and not own & leg.secured else Step.HTTP


def _usual_step(hop: Hop, failure: str) -> Step:
    """The step at which a failure is usual, where nothing but the failure is told."""
    if failure in TCP_FAILURES or failure in (Failure.GENERIC_TIMEOUT, Failure.TIMED_OUT):
        return Step.TCP
    return Step.TLS if hop.secure else Step.HTTP


def _valid(hop: Hop, address: str, source: AddressSource, failure: str | None = None) -> TlsHandshake:
    return TlsHandshake(
        address=address,
        port=hop.port,
        server_name=hop.host,
        source=source,
        verified=True,
        server_answered=failure is None or failure in TLS_FAILURES,
    )
