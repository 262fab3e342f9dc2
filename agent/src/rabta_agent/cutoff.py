"""Whether a measurement ended as one that is worth tracing: its name was just cut off, by a reset or by silence. Pure.

Nothing else is ever traced: no target that was reached, none whose address is nobody's by name, none through a VPN,
behind a captive portal, or on a network that was left meanwhile. Silence at the handshake counts only where the same
address answered another name: an address that says nothing to anybody cannot be told from one that is dead.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rabta_agent.urls import InvalidTarget, WebUrl, parse_target
from rabta_proto.locating import Cut
from rabta_proto.model import HttpRoundTrip, Measurement, Observation, TcpConnect, TlsHandshake
from rabta_proto.vocabulary import AddressSource, Depth, Failure

_CUTS: dict[str, Cut] = {
    Failure.CONNECTION_RESET: Cut.RESET,
    Failure.GENERIC_TIMEOUT: Cut.SILENCE,
    Failure.TIMED_OUT: Cut.SILENCE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoff:
    """What was cut off where, and how."""

    url: WebUrl
    address: str
    source: AddressSource
    cut: Cut


def find_cutoff(measurement: Measurement) -> Cutoff | None:
    """What is to be traced after a measurement; `None`: nothing is."""
    network = measurement.network
    if measurement.depth is Depth.TRACE or network.vpn or network.captive_portal or network.changed:
        return None
    try:
        url = parse_target(measurement.target)
    except InvalidTarget:
        return None
    if not isinstance(url, WebUrl) or url.address is not None:
        return None
    steps = measurement.observations
    if any(one.hop > 0 for one in steps):
        return None  # the target itself was reached: it sent on
    return _of_tls(url, steps) if url.tls else _of_http(url, steps)


def _of_tls(url: WebUrl, steps: Iterable[Observation]) -> Cutoff | None:
    shaken = [(one, one.detail) for one in steps if isinstance(one.detail, TlsHandshake)]
    answered = {tls.address for _, tls in shaken if tls.isolation and tls.server_answered}
    own = [
        (one, tls) for one, tls in shaken if not tls.isolation and not tls.split and tls.source is AddressSource.SYSTEM
    ]
    if not own or any(one.failure is None or tls.server_answered for one, tls in own):
        return None
    last, tls = own[-1]
    cut = _CUTS.get(last.failure or "")
    if cut is None or (cut is Cut.SILENCE and tls.address not in answered):
        return None
    return Cutoff(url=url, address=tls.address, source=tls.source, cut=cut)


def _of_http(url: WebUrl, steps: Sequence[Observation]) -> Cutoff | None:
    connects = [one.detail for one in steps if isinstance(one.detail, TcpConnect)]
    own = {tcp.address for tcp in connects if tcp.source is AddressSource.SYSTEM}
    asked = [(one, one.detail) for one in steps if isinstance(one.detail, HttpRoundTrip) and one.detail.address in own]
    if not asked or any(one.failure is None or http.status is not None for one, http in asked):
        return None
    last, http = asked[-1]
    cut = _CUTS.get(last.failure or "")
    return None if cut is None else Cutoff(url=url, address=http.address, source=AddressSource.SYSTEM, cut=cut)
