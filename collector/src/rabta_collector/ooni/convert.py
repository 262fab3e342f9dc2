"""An OONI web_connectivity measurement as a measurement of ours, beside its own controls. Pure and total.

Specifications: ts-017 (web connectivity), df-001 (requests), df-002 (queries), df-005 (tcp_connect), df-006
(tls_handshakes), df-007 (failures), df-008 (network_events); test versions 0.4 and 0.5, and older ones as far as they
are alike. OONI's own conclusions (`blocking`, `accessible`, `x_blocking_flags`, ...) are not looked at, but for two,
which stand in where raw data are missing; the reasons then say so.

What our rules ask for and OONI's data do not hold, and what stands in for it:

* Repeats. Only silence and SERVFAIL need them; tries.py says what counts as one.
* Controls. The helper's answer, as of the moment the measurement began (helper.py). None: no proof by control.
* SNI isolation. OONI makes none, so nothing is ever said to hang on the name (`tls.reset.other`, not `tls.reset.sni`).
* DNS over HTTPS. 0.5 asks a public resolver over UDP, now and then over HTTPS, and dials what the helper resolved: a
  certificate valid for the name on such an address is our proof of a lie of DNS. 0.4 has but the helper's answer.
* Networks. An address in a network (AS) in which the helper's answers are too, or which showed a valid certificate, or
  (where no network is told) in a measurement whose `dns_consistency` says so, is as good as the helper's own answer.
  So is one in the probe's own network, where caches stand, unless it showed somebody else's certificate.
* Certificates. The helper keeps none: whether it saw the same one cannot be told.
* Redirects. The helper says how the chain ended, and not where it led (helper.py). A plain redirect to a site of
  another name is compared with the helper's page only where it ends in a plain page of success.
* A body that was not kept has the length that OONI's `body_proportion` comes to, where that is like the helper's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rabta_collector.ooni import fields
from rabta_collector.ooni.asking import Asking
from rabta_collector.ooni.chain import Hop, host_of, read_hops
from rabta_collector.ooni.failures import CERTIFICATE_FAILURES
from rabta_collector.ooni.fields import Record
from rabta_collector.ooni.helper import Helper, same_site
from rabta_collector.ooni.own import read_own
from rabta_collector.ooni.pages import Reader, read_helper_page
from rabta_collector.ooni.prints import Prints
from rabta_collector.ooni.tries import notes_of_tries, number_tries
from rabta_collector.ooni.vantage import Vantage
from rabta_collector.special import is_special
from rabta_collector.verdict.background import NOTHING, Background
from rabta_collector.verdict.fingerprints import OURS, Known
from rabta_collector.verdict.legs import REDIRECTS, dns, http, read_legs, tls
from rabta_collector.verdict.pages import LEAST_LENGTH_RATIO, same_page
from rabta_collector.verdict.support import last_page
from rabta_proto.model import (
    DnsQuery,
    HttpRoundTrip,
    Measurement,
    NetworkContext,
    Observation,
    TcpConnect,
)
from rabta_proto.vocabulary import AddressSource, NetworkKind, Trigger

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {"wifi": NetworkKind.WIFI, "mobile": NetworkKind.MOBILE, "wired_ethernet": NetworkKind.ETHERNET}
_CONSISTENT = ("consistent", "reverse_match")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A measurement, its controls, the marks to know it by, and what a reader has to be told beside the finding."""

    measurement: Measurement
    controls: tuple[Measurement, ...] = ()
    references: tuple[Measurement, ...] = ()
    known: Known = OURS
    background: Background = NOTHING
    notes: tuple[str, ...] = ()


def convert(document: Record, prints: Prints | None = None) -> Case:
    """A web_connectivity measurement in our words, or one that we wrote ourselves."""
    keys = fields.record(document.get("test_keys"))
    if (own := read_own(keys)) is not None:
        return Case(
            measurement=own.measurement,
            controls=own.controls,
            references=own.references,
            background=own.background,
        )
    target = fields.text(document.get("input"))
    reader = Reader(prints=prints or Prints(), country=fields.text(document.get("probe_cc")).upper())
    helper = Helper(
        answer={} if fields.text(keys.get("control_failure")) else fields.record(keys.get("control")),
        target=target,
        host=host_of(target),
        started_at=read_time(document.get("measurement_start_time")) or _NO_TIME,
    )
    hops = read_hops(target, keys) if helper.host else ()
    seen = _observe(document, keys, hops, helper, reader)
    measurement = _measurement(document, keys, seen, helper)
    known = _known(measurement, reader)
    if not measurement.observations:
        return Case(measurement=measurement, notes=_empty_notes(keys, bool(helper.host)))
    vouched, trusting = _vouched(document, keys, measurement, helper)
    controls = helper.about(hops, own=_own(measurement), vouched=vouched)
    measurement, notes = _measure_body(measurement, controls, keys)
    return Case(
        measurement=measurement,
        controls=_comparable(measurement, controls, helper.host),
        known=known,
        background=_background({**_networks(keys), **helper.networks()}),
        notes=(*notes_of_tries(measurement), *trusting, *notes, *_notes(keys, hops, helper)),
    )


def _observe(
    document: Record, keys: Record, hops: tuple[Hop, ...], helper: Helper, reader: Reader
) -> list[Observation]:
    """Everything that was seen, each observation one try."""
    known = helper.reached | frozenset(helper.addresses)
    vantage = Vantage(keys=keys, known=known, disowned=helper.disowned)
    asking = Asking(vantage=vantage, reader=reader, again=_version(document) < (0, 5))
    theirs = read_helper_page(fields.record(helper.answer.get("http_request")), address="", port=0, url=helper.target)
    for hop in hops:
        requests = [] if hop.secure or theirs is None else list(filter(vantage.may_be_special, hop.requests))
        pages = (reader.read(request, address="", port=0, url=hop.url, tls=False) for request in requests)
        vantage.observe(hop, trusted=theirs is not None and any(same_page(page, theirs) for page in pages))
        for request in hop.requests:
            asking.ask(hop, request)
        vantage.name(hop)
    if vantage.seen and helper.spoke:  # the network was up
        here = TcpConnect(address="the test helper", port=443, source=AddressSource.UNKNOWN)
        vantage.add(hops[-1], here)
    return vantage.seen


def _measurement(document: Record, keys: Record, seen: list[Observation], helper: Helper) -> Measurement:
    bare = Measurement(
        target=helper.target,
        started_at=helper.started_at,
        duration_us=max((o.offset_us + o.duration_us for o in seen), default=0),
        agent_version=fields.text(document.get("software_version"))[:40],
        trigger=Trigger.UNKNOWN,
        network=_network(document, keys),
        observations=tuple(seen),
    )
    return replace(bare, observations=tuple(number_tries(bare, keys, up=helper.spoke)))


def _own(measurement: Measurement) -> frozenset[str]:
    """The addresses of the machine's own way to the last hop."""
    legs = read_legs(measurement)
    return frozenset(legs[-1].own) if legs else frozenset()


def _vouched(
    document: Record, keys: Record, measurement: Measurement, helper: Helper
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Addresses that are as good as the helper's own answer, and a note where OONI's word is all that says so."""
    leg = read_legs(measurement)[-1]
    networks = {**_networks(keys), **helper.networks()}
    theirs = {networks[address] for address in helper.addresses if address in networks}
    consistent = keys.get("dns_consistency") in _CONSISTENT
    home = fields.whole(_digits(fields.text(document.get("probe_asn"))))
    foreign = {tls(o).address for o in leg.tls if o.failure in CERTIFICATE_FAILURES}
    vouched, trusted = set(leg.secured), set[str]()
    for address in leg.own - leg.special - foreign - leg.secured - set(helper.addresses):
        network = networks.get(address)
        if network is not None and theirs:
            vouched.update({address} if network in theirs or network == home else ())
        elif consistent and helper.addresses:
            trusted.add(address)
    note = "No network of its addresses is told; they are the site's by OONI's dns_consistency"
    return frozenset(vouched | trusted), (note,) if trusted else ()


def _background(networks: Mapping[str, int]) -> Background:
    """What is told of networks; an address that no site can have is in none, whatever is told."""
    known = {address: asn for address, asn in networks.items() if not is_special(address)}
    return Background(asn_of=known.get) if known else NOTHING


def _networks(keys: Record) -> dict[str, int]:
    """The networks (AS numbers) of the probe's answers, by its own database."""
    found: dict[str, int] = {}
    for query in fields.entries(keys.get("queries")):
        for answer in fields.entries(query.get("answers")):
            asn = fields.whole(answer.get("asn"))
            address = fields.address(answer.get("ipv4")) or fields.address(answer.get("ipv6"))
            if asn and address:
                found[address] = asn
    return found


def _comparable(measurement: Measurement, controls: tuple[Measurement, ...], host: str) -> tuple[Measurement, ...]:
    """The controls, without their page where a redirect elsewhere cannot be compared with it."""
    legs = read_legs(measurement)
    end = last_page(legs)
    redirected = any(http(o).status in REDIRECTS and not http(o).tls for leg in legs for o in leg.answered)
    if not redirected or end is None or same_site(legs[-1].name, host):
        return controls
    if legs[-1].answered and not end.tls and end.status is not None and end.status < 400:
        return controls
    return tuple(
        replace(control, observations=tuple(o for o in control.observations if not isinstance(o.detail, HttpRoundTrip)))
        for control in controls
    )


def _measure_body(
    measurement: Measurement, controls: tuple[Measurement, ...], keys: Record
) -> tuple[Measurement, tuple[str, ...]]:
    """The measurement, with a length for a last body that was not kept, where OONI found it like the helper's.

    That it found them unlike proves nothing here: the title, by which they may be alike, went with the body.
    """
    proportion = fields.number(keys.get("body_proportion"))
    end = last_page(read_legs(measurement))
    theirs = [http(o) for control in controls for o in control.observations if isinstance(o.detail, HttpRoundTrip)]
    if proportion is None or not LEAST_LENGTH_RATIO < proportion <= 1 or not theirs or end is None:
        return measurement, ()
    if end.body_bytes or end.declared_bytes:
        return measurement, ()
    told = replace(end, body_bytes=round(proportion * theirs[0].body_bytes), truncated=False)
    seen = tuple(replace(o, detail=told) if o.detail == end else o for o in measurement.observations)
    return replace(measurement, observations=seen), ("The body was not kept; its length is by OONI's body_proportion",)


def _known(measurement: Measurement, reader: Reader) -> Known:
    """The marks that decide: ours, and those of the operator's fingerprints that matched."""
    addresses: set[str] = set()
    for o in measurement.observations:
        if isinstance(o.detail, DnsQuery) and reader.prints:
            found = reader.match_names([answer.value for answer in dns(o).answers])
            if found.block:
                addresses.update(dns(o).addresses)
    return replace(
        OURS,
        addresses=OURS.addresses | addresses,
        marks=OURS.marks | reader.block - reader.harmless,
        harmless=frozenset(reader.harmless),
    )


def _network(document: Record, keys: Record) -> NetworkContext:
    """A proxy is another network's way, as a VPN is."""
    kind = fields.text(fields.record(document.get("annotations")).get("network_type")).lower()
    proxied = bool(fields.text(keys.get("socksproxy"))) or kind == "vpn"
    return NetworkContext(kind=_KINDS.get(kind, NetworkKind.UNKNOWN), vpn=True if proxied else None)


def _notes(keys: Record, hops: tuple[Hop, ...], helper: Helper) -> tuple[str, ...]:
    if not helper.spoke:
        failure = fields.text(keys.get("control_failure"))[:80]
        return (f"The test helper gave no answer{f' ({failure})' if failure else ''}",)
    if hops[-1].host == helper.host:
        return ()
    if helper.went(hops):
        return (f"Of {hops[-1].host} the test helper says no more than how its own redirects ended",)
    return (f"The test helper did not say whether it was sent to {hops[-1].host}",)


def _empty_notes(keys: Record, measurable: bool) -> tuple[str, ...]:
    if not measurable:
        return ("Its input is no URL over http or https",)
    return () if keys else ("Its test_keys are empty, or no object",)


def _version(document: Record) -> tuple[int, ...]:
    numbers = fields.text(document.get("test_version")).split(".")[:3]
    return tuple(int(n) if n.isascii() and n.isdigit() and len(n) < 6 else 0 for n in numbers)


def _digits(asn: str) -> float | None:
    digits = asn.upper().removeprefix("AS")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 11 else None


def read_time(value: object) -> datetime | None:
    """A time in OONI's form, `2024-02-17 15:01:01` and UTC, or in another that says its offset."""
    try:
        read = datetime.fromisoformat(fields.text(value)[:32])
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
