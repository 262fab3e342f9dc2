"""Where controls find each target: addresses at which they lately got all the way, for agents to try as well. Pure.

All the way is, by the target's scheme: a certificate valid for the name (https), a QUIC handshake with one (quic), an
answer to a request (http), a connection (tcp). Only what controls say counts, so no volunteer can send others to
an address; redirects do not count, for they lead elsewhere.

An address is good for an hour after a control confirmed it (or three of the target's intervals, where that is longer),
and forgotten after a day. An agent's plan holds up to two addresses of a target: good ones first, of those IPv4, and
of those the last confirmed. A content delivery network answers differently every time, and plans are not made anew for
that: a plan is outdated only where none of its addresses of some target is good any more, and another one is.

All of it follows from the journal's entries in their order, so it is known again after a restart.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from math import inf

from rabta_collector.catalogue import Catalogue
from rabta_collector.entries import Entry, Measured
from rabta_collector.eventtime import reckon
from rabta_collector.locators import VPNS, parse_locator
from rabta_collector.special import is_special
from rabta_proto.alike import by_likeness
from rabta_proto.model import (
    HttpRoundTrip,
    Measurement,
    Observation,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
    VpnHandshake,
)
from rabta_proto.vocabulary import Role

GIVEN = 2  # addresses of a target in a plan
KEPT = 16  # addresses of a target in memory
GOOD_S = 3600.0
GOOD_INTERVALS = 3.0
FORGOTTEN_S = 86_400.0

Directory = Mapping[str, tuple[str, ...]]
"""Addresses by the URL of a target; a target without any is not in it."""


class Whereabouts:
    """What controls have confirmed. In the lab an address that no site can have is as good as any."""

    def __init__(self, catalogue: Catalogue, *, lab: bool) -> None:
        self._lab = lab
        locators = {target.url: parse_locator(target.url) for target in catalogue.targets}
        self._urls = [url for url, locator in locators.items() if not locator.address]
        self._good_s = {
            target.url: max(GOOD_S, GOOD_INTERVALS * target.interval_s)
            for target in catalogue.targets
            if not locators[target.url].address
        }
        self._confirmed: dict[str, dict[str, float]] = {url: {} for url in self._urls}
        """When each address of a target was confirmed last, by the collector's clock."""

    def hear(self, entry: Entry) -> None:
        """Takes in what a control measured; anybody else's word changes nothing."""
        if not isinstance(entry, Measured) or entry.role is not Role.CONTROL:
            return
        for measurement in entry.measurements:
            if measurement.target in self._confirmed and _speaks(measurement):
                told = reckon(measurement, entry.at)
                if told.doubt is not None:
                    continue
                moment = min(entry.at, told.at)
                for address in _reached(measurement):
                    if self._lab or not is_special(address):
                        self._confirm(measurement.target, address, moment)

    def _confirm(self, url: str, address: str, moment: float) -> None:
        confirmed = self._confirmed[url]
        confirmed[address] = max(moment, confirmed.get(address, moment))
        if len(confirmed) > KEPT:
            del confirmed[min(confirmed, key=lambda known: (confirmed[known], known))]

    def directory(self, now: float) -> Directory:
        """What a plan made now holds."""
        found = {url: self._newest(url, now) for url in self._urls}
        return {url: addresses for url, addresses in found.items() if addresses}

    def outdated(self, given: Directory, now: float) -> bool:
        """Whether a plan made now would have addresses for a target that an older plan has none or no good one of."""
        return any(
            not self._any_good(url, given.get(url, ()), now) and self._any_good(url, self._newest(url, now), now)
            for url in self._urls
        )

    def _newest(self, url: str, now: float) -> tuple[str, ...]:
        confirmed = self._confirmed[url]

        def rank(address: str) -> tuple[bool, bool, float, str]:
            return not self._good(url, address, now), ":" in address, -confirmed[address], address

        lately = (address for address, moment in confirmed.items() if now - moment < FORGOTTEN_S)
        return tuple(sorted(lately, key=rank)[:GIVEN])

    def _any_good(self, url: str, addresses: Iterable[str], now: float) -> bool:
        return any(self._good(url, address, now) for address in addresses)

    def _good(self, url: str, address: str, now: float) -> bool:
        return now - self._confirmed[url].get(address, -inf) < self._good_s[url]


def _speaks(measurement: Measurement) -> bool:
    """As for a verdict: what a portal or a VPN puts in the way is none of the site's addresses."""
    return not measurement.network.captive_portal and not measurement.network.vpn


@by_likeness
def _reached(measurement: Measurement) -> frozenset[str]:
    """Addresses, in canonical form, at which a measurement got all the way."""
    scheme = parse_locator(measurement.target).scheme
    texts = (_end(observation, scheme) for observation in measurement.observations if observation.hop == 0)
    return frozenset(address for text in texts if text and (address := _canonical(text)))


def _end(observation: Observation, scheme: str) -> str:
    """The address, where the observation is the last step of its scheme and went well."""
    if observation.failure is not None:
        return ""
    match observation.detail:
        case TlsHandshake(verified=True, isolation=False) as tls if scheme in ("https", "tls"):
            return tls.address
        case QuicHandshake(verified=True, isolation=False) as quic if scheme == "quic":
            return quic.address
        case HttpRoundTrip() as http if scheme == "http":
            return http.address
        case TcpConnect() as tcp if scheme == "tcp":
            return tcp.address
        case VpnHandshake() as vpn if scheme in VPNS:
            return vpn.address
    return ""


def _canonical(text: str) -> str | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if getattr(address, "scope_id", None) else str(address)
