"""A control's measurement as the test helper's answer (ts-017, `control`). Pure.

OONI has one helper, which looks while the probe does; we have several controls, which look in turns. The one that
stands in its place is the first that began since, or the last before where the finding does not hang on what came
after; where controls contradict each other none does, and `control_failure` says so.
"""

from collections.abc import Iterable, Sequence

from rabta_collector.ooni.failures import write_failure
from rabta_collector.ooni.testkeys import Keys, endpoint
from rabta_proto.model import (
    DnsQuery,
    HttpRoundTrip,
    Measurement,
    Observation,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
)
from rabta_proto.vocabulary import UNKNOWN_FAILURE, Failure

NONE = f"{UNKNOWN_FAILURE}: no control measured this at about that time"
AWAITED = f"{UNKNOWN_FAILURE}: no control has measured this since"
SPLIT = f"{UNKNOWN_FAILURE}: controls contradict each other"
_BY_HELPER, _VALID = 2, 8
"""Flags of `ip_info`: resolved by the helper, valid for the name by TLS."""


def write_helper(measurement: Measurement, controls: Sequence[Measurement], *, settled: bool) -> Keys:
    """`control` and `control_failure`. `settled`: the finding says something, and not that nothing can be said."""
    picked = pick(measurement, controls, settled=settled)
    if isinstance(picked, str):
        return {"control_failure": picked, "control": {}}
    return {"control_failure": None, "control": write_control(picked)}


def pick(measurement: Measurement, controls: Sequence[Measurement], *, settled: bool) -> Measurement | str:
    """The control that stands for all, or why none does."""
    able = sorted((c for c in controls if _able(c)), key=lambda control: control.started_at)
    before = [control for control in able if control.started_at < measurement.started_at]
    after = [control for control in able if control.started_at >= measurement.started_at]
    if not after:
        return before[-1] if before and settled else AWAITED if before else NONE
    good = [control for control in after if _arrived(control)]
    bad = [control for control in after if not _arrived(control)]
    worked_before = [_arrived(control) for control in before]
    if len(good) == len(bad) or (good and before and len(good) > len(bad) and 2 * sum(worked_before) <= len(before)):
        return after[0] if settled and _arrived(measurement) else SPLIT
    return good[0] if len(good) > len(bad) else bad[0]


def write_control(control: Measurement) -> Keys:
    """The helper's answer, of the target's own name and the end of its redirects."""
    first = [o for o in control.observations if o.hop == 0]
    names = [o for o in first if isinstance(o.detail, DnsQuery)]
    addresses = dict.fromkeys(address for o in names for address in _query(o).addresses)
    handshakes = [o for o in first if isinstance(o.detail, TlsHandshake) and not o.detail.isolation]
    quic = [o for o in first if isinstance(o.detail, QuicHandshake) and not o.detail.isolation]
    connects = [o for o in first if isinstance(o.detail, TcpConnect) and o.failure != Failure.SPECIAL_ADDRESS]
    valid = {o.detail.address for o in handshakes if isinstance(o.detail, TlsHandshake) and _good(o)}
    return {
        "tcp_connect": {name: _status(o) for name, o in _endpoints(connects)},
        "tls_handshake": {name: {**_named(o), **_status(o)} for name, o in _endpoints(handshakes)},
        "quic_handshake": {name: {**_named(o), **_status(o)} for name, o in _endpoints(quic)},
        "http_request": _page(control),
        "http3_request": None,
        "dns": {"failure": None if addresses else _lookup_failure(names), "addrs": list(addresses)},
        "ip_info": {ip: {"asn": 0, "flags": _BY_HELPER | (_VALID if ip in valid else 0)} for ip in addresses},
    }


def last_response(measurement: Measurement) -> HttpRoundTrip | None:
    """The response that a chain ended with."""
    pages = [o for o in measurement.observations if isinstance(o.detail, HttpRoundTrip) and o.detail.status is not None]
    last = max(pages, key=lambda o: (o.hop, o.attempt, o.offset_us), default=None)
    return last.detail if last is not None and isinstance(last.detail, HttpRoundTrip) else None


def _able(control: Measurement) -> bool:
    network = control.network
    return bool(control.observations) and not (network.vpn or network.captive_portal or network.changed)


def _arrived(measurement: Measurement) -> bool:
    """Whether a measurement came to the end of its steps."""
    deepest = max((o.hop for o in measurement.observations), default=0)
    last = [o for o in measurement.observations if o.hop == deepest]
    if any(isinstance(o.detail, HttpRoundTrip) for o in last):
        return any(isinstance(o.detail, HttpRoundTrip) and o.detail.status is not None for o in last)
    scheme = measurement.target.partition(":")[0] if deepest == 0 else "https"
    wanted = {"https": TlsHandshake, "quic": QuicHandshake, "tcp": TcpConnect, "dns": DnsQuery}.get(scheme)
    return wanted is not None and any(isinstance(o.detail, wanted) and _good(o) for o in last)


def _good(observation: Observation) -> bool:
    detail = observation.detail
    if isinstance(detail, TlsHandshake | QuicHandshake) and (detail.isolation or not detail.verified):
        return False
    return observation.failure is None


def _query(observation: Observation) -> DnsQuery:
    assert isinstance(observation.detail, DnsQuery)
    return observation.detail


def _endpoints(observations: Iterable[Observation]) -> list[tuple[str, Observation]]:
    """Of each endpoint the try that went best."""
    best: dict[str, Observation] = {}
    for o in observations:
        assert isinstance(o.detail, TcpConnect | TlsHandshake | QuicHandshake)
        name = endpoint(o.detail.address, o.detail.port)
        if name not in best or (_good(o) and not _good(best[name])):
            best[name] = o
    return list(best.items())


def _status(observation: Observation) -> Keys:
    good = _good(observation)
    failure = write_failure(observation.failure) or f"{UNKNOWN_FAILURE}: not verified"
    return {"status": good, "failure": None if good else failure}


def _named(observation: Observation) -> Keys:
    assert isinstance(observation.detail, TlsHandshake | QuicHandshake)
    return {"server_name": observation.detail.server_name}


def _lookup_failure(names: Sequence[Observation]) -> str | None:
    failures = [o.failure for o in names if o.failure]
    if Failure.DNS_NXDOMAIN in failures:
        return "dns_name_error"  # the helper's own word for it
    return write_failure(failures[0]) if failures else None


def _page(control: Measurement) -> Keys:
    """The end of its redirects; -1 where it asked for nothing, or got nothing."""
    page = last_response(control)
    if page is not None and _arrived(control):
        length = page.declared_bytes if page.truncated else page.body_bytes
        return {
            "body_length": -1 if length is None else length,
            "discovered_h3_endpoint": "",
            "failure": None,
            "title": page.title,
            "headers": dict.fromkeys(page.header_names, ""),
            "status_code": page.status,
        }
    failures = [o for o in control.observations if o.failure and not _good(o)]
    last = max(failures, key=lambda o: (o.hop, o.attempt, o.offset_us), default=None)
    failure = None if last is None or _arrived(control) else write_failure(last.failure)
    return {
        "body_length": -1,
        "discovered_h3_endpoint": "",
        "failure": failure,
        "title": "",
        "headers": {},
        "status_code": -1,
    }
