"""The test helper's answer as measurements by controls, about one hop of the probe's. Pure.

The helper looks the name up, dials the addresses that it got and those that the probe sent it, and asks for the page,
following redirects without a word of where they led. Its voice is that of up to two controls:

* one at its own addresses (and at the probe's, where the two have an address in common), with the page;
* one at the probe's addresses, where none of these is its own. A site that is dead there and alive elsewhere is no
  proof of a block by itself, and the two voices then do not agree.

What the helper did not do is not told: a control that never took a step does not speak of it. A page that it got proves
the steps on the way there. Where it got none, the failure is put at the earliest step not known to have worked.

Of a hop to another name the helper says nothing but how the whole chain ended. That counts where both names are of one
site (they share their last two labels), or where the site itself sent the probe there, over https from hop to hop. Not
then, though, where the names differ by the country alone (shop.com, shop.pk): sites send people to their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rabta_collector.ooni import fields
from rabta_collector.ooni.chain import Hop
from rabta_collector.ooni.failures import CERTIFICATE_FAILURES, DNS_FAILURES, read_failure
from rabta_collector.ooni.fields import Record
from rabta_collector.ooni.pages import read_helper_page
from rabta_collector.verdict.responses import brand
from rabta_proto.model import DnsAnswer, DnsQuery, HttpRoundTrip, Measurement, Observation, TcpConnect, TlsHandshake
from rabta_proto.vocabulary import UNKNOWN_FAILURE, AddressSource, Failure, ResolverKind

_UNTOLD = f"{UNKNOWN_FAILURE}: not told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """The section `control` of a measurement of `target`, whose name is `host`."""

    answer: Record
    target: str
    host: str
    started_at: datetime

    @property
    def spoke(self) -> bool:
        """Whether there is anything in its answer; a probe that got none may write one of zeros and nulls."""
        if any(self.answer.get(part) for part in ("tcp_connect", "tls_handshake")):
            return True
        names, page = (fields.record(self.answer.get(part)) for part in ("dns", "http_request"))
        resolved = isinstance(names.get("addrs"), list) or bool(names.get("failure"))
        return resolved or bool(page.get("status_code") or page.get("failure"))

    @property
    def addresses(self) -> tuple[str, ...]:
        """What it resolved the target's name to; a literal address is its own answer."""
        if literal := fields.address(self.host):
            return (literal,)
        found = (fields.address(item) for item in fields.texts(fields.record(self.answer.get("dns")).get("addrs")))
        return tuple(dict.fromkeys(address for address in found if address))

    @property
    def reached(self) -> frozenset[str]:
        """Addresses that it connected to, whatever the port."""
        table = fields.record(self.answer.get("tcp_connect"))
        return frozenset(
            fields.endpoint(name)[0] for name in list(table)[: fields.LIST_LIMIT] if _worked(fields.record(table[name]))
        ) - {""}

    @property
    def disowned(self) -> frozenset[str]:
        """Addresses where it met somebody else's certificate, while one of its own showed the site's."""
        table = fields.record(self.answer.get("tls_handshake"))
        said = {fields.endpoint(name)[0]: fields.record(table[name]) for name in list(table)[: fields.LIST_LIMIT]}
        if not any(_worked(said.get(address, {})) for address in self.addresses):
            return frozenset()
        foreign = {address for address, one in said.items() if read_failure(one.get("failure")) in CERTIFICATE_FAILURES}
        return frozenset(foreign - set(self.addresses))

    def networks(self) -> dict[str, int]:
        """The networks (AS numbers) of addresses, by its own database."""
        table = fields.record(self.answer.get("ip_info"))
        names = list(table)[: fields.LIST_LIMIT]
        pairs = ((fields.address(name), fields.whole(fields.record(table[name]).get("asn"))) for name in names)
        return {address: asn for address, asn in pairs if address and asn}

    def about(self, hops: Sequence[Hop], *, own: frozenset[str], vouched: frozenset[str]) -> tuple[Measurement, ...]:
        """What it says of the last hop, as measurements by controls.

        `own`: the probe's own addresses; `vouched`: those that are as good as the helper's.
        """
        hop = hops[-1]
        if not self.spoke:
            return ()
        if hop.host == self.host:
            return tuple(self._controls(hop, own, vouched))
        if self.went(hops):
            return (self._control(hop, list(self._at_the_end(hop))),)
        first = Hop(index=0, url=self.target, host=self.host, port=0, secure=False)
        return tuple(self._controls(first, own, vouched))

    def went(self, hops: Sequence[Hop]) -> bool:
        """Whether it came to the last hop too, which has another name than the target."""
        host = hops[-1].host
        sent_by_the_site = all(hop.secure for hop in hops[:-1])
        return same_site(host, self.host) or (sent_by_the_site and brand(host) != brand(self.host))

    def _controls(self, hop: Hop, own: frozenset[str], vouched: frozenset[str]) -> Iterator[Measurement]:
        mine = frozenset(self.addresses)
        endpoints = list(self._endpoints(hop))
        common = not own or bool(own & mine)
        names = [*self._names(hop), _named(hop.host, vouched & own)]
        here = [o for o in endpoints if (common and mine) or _address(o) in mine]
        yield self._control(hop, [*names, *here, *self._from_page(hop, mine, tuple(here))])
        if not common or not mine:
            there = [o for o in endpoints if _address(o) in own]
            if there:
                yield self._control(hop, [_named(hop.host), *there])

    @property
    def _no_name(self) -> bool:
        """Whether it found no address for the name, and that is told already."""
        return not self.addresses and bool(self.answer.get("dns"))

    def _at_the_end(self, hop: Hop) -> Iterator[Observation]:
        """A hop of which only the end of the chain is known: a failure is put at its first step."""
        part = fields.record(self.answer.get("http_request"))
        failure = read_failure(part.get("failure"))
        yield _named(hop.host)
        if failure is None:
            yield from self._from_page(hop, frozenset(), ())
        else:
            yield _seen(DnsQuery(resolver_kind=ResolverKind.SYSTEM, hostname=hop.host, query_type="A"), failure)

    def _control(self, hop: Hop, seen: list[Observation]) -> Measurement:
        return Measurement(
            target=hop.url, started_at=self.started_at, duration_us=0, agent_version="", observations=tuple(seen)
        )

    def _names(self, hop: Hop) -> Iterator[Observation]:
        if fields.address(hop.host):
            return
        part = fields.record(self.answer.get("dns"))
        failure = read_failure(part.get("failure"))
        if not self.addresses and not part:
            return
        if not self.addresses:
            failure = failure if failure in DNS_FAILURES else Failure.DNS_SERVFAIL if failure else Failure.DNS_NO_ANSWER
            yield _seen(DnsQuery(resolver_kind=ResolverKind.SYSTEM, hostname=hop.host, query_type="A"), failure)
            return
        yield _seen(
            DnsQuery(
                resolver_kind=ResolverKind.SYSTEM,
                hostname=hop.host,
                query_type="A",
                rcode=0,
                answers=_answers(self.addresses),
            )
        )

    def _endpoints(self, hop: Hop) -> Iterator[Observation]:
        """Connections and handshakes at this hop's port."""
        mine = self.addresses
        for kind in ("tcp_connect", "tls_handshake") if hop.secure else ("tcp_connect",):
            table = fields.record(self.answer.get(kind))
            for name in list(table)[: fields.LIST_LIMIT]:
                (address, port), said = fields.endpoint(name), fields.record(table[name])
                greeted = fields.name(said.get("server_name"))
                if not address or port != hop.port or greeted not in ("", hop.host):
                    continue
                source = AddressSource.SYSTEM if address in mine else AddressSource.LITERAL
                failure = None if _worked(said) else read_failure(said.get("failure")) or _UNTOLD
                if kind == "tcp_connect":
                    yield _seen(TcpConnect(address=address, port=port, source=source), failure)
                else:
                    yield _seen(_handshake(hop, address, source), failure)

    def _from_page(self, hop: Hop, mine: frozenset[str], seen: tuple[Observation, ...]) -> Iterator[Observation]:
        """What follows from the page that it got, or did not get."""
        part = fields.record(self.answer.get("http_request"))
        connected = [_address(o) for o in seen if isinstance(o.detail, TcpConnect) and o.failure is None]
        refused = [o for o in seen if isinstance(o.detail, TcpConnect) and o.failure]
        greeted = [o for o in seen if isinstance(o.detail, TlsHandshake)]
        secured = [_address(o) for o in greeted if o.failure is None]
        address = next(iter([*secured, *connected, *sorted(mine)]), hop.host)
        source = AddressSource.SYSTEM if address in mine else AddressSource.LITERAL
        page = read_helper_page(part, address=address, port=hop.port, url=hop.url)
        failure = read_failure(part.get("failure"))
        if page is None and (failure is None or failure in DNS_FAILURES or (not mine and self._no_name)):
            return
        steps = _steps(hop, address, source)
        if not connected and (page is not None or not refused):
            yield _seen(steps[0], None if page is not None or _beyond_tcp(failure) else failure)
        if hop.secure and not greeted and (page is not None or connected or _beyond_tcp(failure)):
            yield _seen(steps[1], None if page is not None else failure)
        if page is not None:
            yield _seen(page)
        elif secured or (connected and not hop.secure):
            yield _seen(HttpRoundTrip(address=address, port=hop.port, url=hop.url, tls=hop.secure), failure)


def same_site(one: str, other: str) -> bool:
    """Whether two names share their last two labels, or three where the last two are short, as in co.uk."""
    first, second = one.split("."), other.split(".")
    count = 3 if len(first) > 2 and len(first[-1]) == 2 and len(first[-2]) <= 3 else 2
    return len(first) >= count and first[-count:] == second[-count:]


def _beyond_tcp(failure: str | None) -> bool:
    """Whether a failure shows that a connection came about."""
    return failure in CERTIFICATE_FAILURES or failure == Failure.SSL_FAILED_HANDSHAKE


def _steps(hop: Hop, address: str, source: AddressSource) -> tuple[TcpConnect, TlsHandshake]:
    return TcpConnect(address=address, port=hop.port, source=source), _handshake(hop, address, source)


def _handshake(hop: Hop, address: str, source: AddressSource) -> TlsHandshake:
    return TlsHandshake(
        address=address, port=hop.port, server_name=hop.host, source=source, verified=True, server_answered=True
    )


def _named(host: str, addresses: frozenset[str] = frozenset()) -> Observation:
    """The name alone, and addresses that are as good as its own answer."""
    return _seen(
        DnsQuery(
            resolver_kind=ResolverKind.UNKNOWN,
            hostname=host,
            query_type="A",
            answers=_answers(tuple(sorted(addresses))),
        )
    )


def _answers(addresses: tuple[str, ...]) -> tuple[DnsAnswer, ...]:
    return tuple(DnsAnswer(type="AAAA" if ":" in address else "A", value=address) for address in addresses)


def _seen(detail: DnsQuery | TcpConnect | TlsHandshake | HttpRoundTrip, failure: str | None = None) -> Observation:
    return Observation(detail=detail, offset_us=0, duration_us=0, failure=failure)


def _worked(said: Record) -> bool:
    return said.get("status") is True and not said.get("failure")


def _address(observation: Observation) -> str:
    assert isinstance(observation.detail, TcpConnect | TlsHandshake)
    return observation.detail.address
