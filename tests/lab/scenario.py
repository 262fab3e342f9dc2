"""The table of scenarios: what a site does, what a censor does, where the client is, and what must be said of it.

Both labs play the same table (scenarios.toml); a scenario's id is the label of its names and the platform's id. What
the words mean on the wire is told beside each, and shown to plain clients by the tests of both labs.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from rabta_proto.vocabulary import Mechanism, State

TABLE = Path(__file__).parent / "scenarios.toml"


class ScenarioError(ValueError):
    """A table that cannot be played; one line that names the entry and the key."""


class LabName(StrEnum):
    LOOPBACK = "loopback"  # 127.0.0.0/8, no root
    NETNS = "netns"  # network namespaces and the kernel's own packets; root


class Scheme(StrEnum):
    """How the target is written: `https://ID.example/`, `quic://ID.example/`, `tcp://ID.example:5222`, `dns:…`."""

    HTTPS = "https"
    HTTP = "http"
    QUIC = "quic"
    TCP = "tcp"
    DNS = "dns"


class SiteKind(StrEnum):
    """What a site is to everybody, or to clients inside the country and abroad."""

    PLAIN = "plain"  # one address, a valid certificate, one page, QUIC, and TCP/5222
    CHALLENGE = "challenge"  # inside: 403 with a content delivery network's challenge page; abroad: the page
    GEO_403 = "geo_403"  # inside: 403; abroad: the page
    GEO_451 = "geo_451"  # inside: 451; abroad: the page
    GEO_REDIRECT = "geo_redirect"  # inside: 302 to another site, with its own headers; abroad: the page
    GEO_CLOSE = "geo_close"  # inside, over TLS: FIN after the request and no response; abroad: the page
    EXPIRED = "expired"  # a certificate that has expired
    WRONG_NAME = "wrong_name"  # a certificate for another name
    UNTRUSTED = "untrusted"  # a certificate that no root vouches for
    NEW_AUTHORITY = "new_authority"  # a certificate by a root that the vantage `old_roots` does not have
    DEAD = "dead"  # RST to every SYN
    SILENT = "silent"  # no answer to a SYN, nor to a datagram
    DEAD_NAME = "dead_name"  # NXDOMAIN everywhere
    BOGON = "bogon"  # its zone holds 127.0.0.1
    LOOP = "loop"  # 302 to itself, in two steps
    BROKEN_REDIRECT = "broken_redirect"  # 302 to `http://`
    REDIRECTS_TO = "redirects_to"  # 302 to a plain site of another name, over the target's scheme
    REDIRECTS_TO_DEAD = "redirects_to_dead"  # 302 to a site that refuses everybody
    UPGRADE = "upgrade"  # http: 301 to https; https: the page
    BIG = "big"  # a page of 100 MB
    CHANGING = "changing"  # a page whose content changes at each load, its title and headers do not
    COMPRESSED = "compressed"  # gzip, in chunks
    CDN = "cdn"  # other addresses abroad than inside, with a page that differs in part
    HALF_DEAD = "half_dead"  # two addresses, the first refuses everybody
    TWO_ADDRESSES = "two_addresses"  # two addresses that work
    SLOW = "slow"  # the page comes after a second
    SLOW_OBJECT = "slow_object"  # the object comes at 16 kB a second, whoever asks and under whatever name
    DUAL_STACK = "dual_stack"  # an IPv6 address beside the IPv4 one
    IPV6_ONLY = "ipv6_only"  # an IPv6 address and no other


class CensorKind(StrEnum):
    """What the vantage's ISP does to this site and to no other."""

    NONE = "none"
    DNS_NXDOMAIN = "dns_nxdomain"  # the ISP's resolver: rcode 3
    DNS_REFUSED = "dns_refused"  # rcode 5
    DNS_SERVFAIL = "dns_servfail"  # rcode 2
    DNS_SILENCE = "dns_silence"  # no answer
    DNS_EMPTY = "dns_empty"  # rcode 0 without an answer
    DNS_BOGON = "dns_bogon"  # 127.0.0.1
    DNS_PRIVATE = "dns_private"  # 10.10.34.36
    DNS_BLOCKPAGE = "dns_blockpage"  # the address of a server with a page seen in Pakistan
    DNS_KNOWN_BLOCKPAGE = "dns_known_blockpage"  # 203.82.48.83
    DNS_FAMILY_FILTER = "dns_family_filter"  # 203.82.48.86
    DNS_OTHER = "dns_other"  # the address of another site
    DNS_INJECTED = "dns_injected"  # all plain UDP: another site's address first, the true answer after it
    DNS_INJECTED_NXDOMAIN = "dns_injected_nxdomain"  # all plain UDP: rcode 3 first, the true answer after it
    TCP_SILENCE = "tcp_silence"  # SYN dropped
    TCP_SILENCE_FIRST = "tcp_silence_first"  # SYN to the first of two addresses dropped
    TCP_SILENCE_IPV6 = "tcp_silence_ipv6"  # SYN to the IPv6 address dropped
    TCP_REFUSED = "tcp_refused"  # RST to the SYN
    TCP_RESET = "tcp_reset"  # RST to the segment that ends TCP's handshake
    IP_UNREACHABLE = "ip_unreachable"  # ICMP host unreachable
    IP_PROHIBITED = "ip_prohibited"  # ICMP administratively prohibited
    SNI_RESET = "sni_reset"  # RST after a ClientHello with the name
    SNI_RESET_RESIDUAL = "sni_reset_residual"  # the same; then all packets from that client to that address dropped
    SNI_SILENCE = "sni_silence"  # nothing after it
    SNI_CLOSE = "sni_close"  # FIN after it
    SNI_ALERT = "sni_alert"  # a TLS alert (unrecognized_name) after it
    NEXT_SNI_RESET = "next_sni_reset"  # `sni_reset` on the name that the site redirects to
    TLS_RESET = "tls_reset"  # RST after any ClientHello to the address
    TLS_SILENCE = "tls_silence"  # nothing after it
    TLS_CLOSE = "tls_close"  # FIN after it
    TLS_FORGED = "tls_forged"  # a certificate with the right name that nobody vouches for
    HOST_RESET = "host_reset"  # RST after a request with the name in Host
    HOST_SILENCE = "host_silence"  # nothing after it
    HOST_CLOSE = "host_close"  # FIN after it
    HOST_BLOCKPAGE = "host_blockpage"  # a page seen in Pakistan
    HOST_BLOCKPAGE_UNKNOWN = "host_blockpage_unknown"  # a page that no list knows, status 200
    HOST_REDIRECT = "host_redirect"  # 302 to restrict.wateen.net
    HOST_REDIRECT_UNKNOWN = "host_redirect_unknown"  # 302 to a host that no list knows, with a page there
    QUIC_SILENCE = "quic_silence"  # datagrams to the address dropped
    QUIC_REFUSED = "quic_refused"  # ICMP port unreachable
    THROTTLE_SNI = "throttle_sni"  # after a ClientHello with the name: packets to the client above `rate` dropped
    THROTTLE_HOST = "throttle_host"  # after a request with the name in Host: the same
    THROTTLE_IP = "throttle_ip"  # packets from the address above `rate` dropped
    SHAPE_SNI = "shape_sni"  # after a ClientHello with the name: packets to the client queued, and sent at `rate`
    STALL_SNI = "stall_sni"  # after it: nothing more once 20 kB have come
    DELAY_SNI = "delay_sni"  # the ClientHello with the name dropped until it has been sent again for a second or so
    LOSS = "loss"  # `rate` of a hundred packets to and from the address lost: no censor
    CONGESTION = "congestion"  # packets from the address sent now at 128 kbit/s, now at 4 Mbit/s: no censor


class Vantage(StrEnum):
    """The network that the agents are in: an ISP of its own for each."""

    PLAIN = "plain"
    LOSSY = "lossy"  # 3 % of packets lost each way
    SLOW_LINE = "slow_line"  # each agent's own line carries 256 kbit/s
    SLOW_ISP = "slow_isp"  # what the ISP has to the world is 2 Mbit/s for all
    SLOW_RESOLVER = "slow_resolver"  # DNS answers after 0.8 s
    PORTAL = "portal"  # http: 302 to the portal, whoever is asked; https: the portal's own certificate
    VPN = "vpn"  # the default route goes through a tunnel
    BROKEN_IPV6 = "broken_ipv6"  # an IPv6 address and route; what is sent there is lost
    DUAL_STACK = "dual_stack"  # IPv6 that works
    FAMILY_FILTER = "family_filter"  # a resolver with an opt-in filter
    OLD_ROOTS = "old_roots"  # a trust store without the newest root
    NO_UDP = "no_udp"  # no UDP but DNS leaves the network
    OFFICE = "office"  # the same; and a proxy opens all TLS, with certificates of its own that agents do not trust


class Controls(StrEnum):
    """What the controls abroad can do for this target."""

    TWO = "two"
    ONE_BLOCKED = "one_blocked"  # two, of which one has the connection reset at the site's name, or its address silent
    ONE = "one"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One row. `states` and `mechanisms` begin with the right one; the others are not wrong either."""

    id: str
    title: str
    scheme: Scheme
    site: SiteKind
    censor: CensorKind
    vantage: Vantage
    controls: Controls
    labs: frozenset[LabName]
    states: tuple[State, ...]
    mechanisms: tuple[Mechanism, ...]
    object: bool = False  # agents read it against the clock
    rate: int = 0  # bits a second; of `loss` a share in a hundred

    @property
    def innocent(self) -> bool:
        """Whether calling it blocked or throttled is a lie."""
        return State.BLOCKED not in self.states and State.THROTTLED not in self.states

    @property
    def throttled(self) -> bool:
        return self.states[0] is State.THROTTLED

    @property
    def host(self) -> str:
        return f"{self.id}.example"


def load_scenarios(path: Path = TABLE) -> tuple[Scenario, ...]:
    """Reads the table; raises ScenarioError."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["scenario"]
    scenarios = tuple(_parse(row) for row in rows)
    ids = [scenario.id for scenario in scenarios]
    if repeated := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
        raise ScenarioError(f"{path.name}: {repeated[0]}: id: there are two of it")
    return scenarios


def _parse(row: Mapping[str, object]) -> Scenario:
    id_ = row.get("id")
    if not isinstance(id_, str) or not id_:
        raise ScenarioError(f"id: expected a text, found {id_!r}")
    left: dict[str, Any] = {key: value for key, value in row.items() if key != "id"}
    try:
        scenario = Scenario(
            id=id_,
            title=str(left.pop("title", "")),
            scheme=Scheme(left.pop("scheme", "https")),
            site=SiteKind(left.pop("site", "plain")),
            censor=CensorKind(left.pop("censor", "none")),
            vantage=Vantage(left.pop("vantage", "plain")),
            controls=Controls(left.pop("controls", "two")),
            object=bool(left.pop("object", False)),
            rate=int(left.pop("rate", 0)),
            labs=frozenset(map(LabName, _words(left.pop("labs", list(LabName))))),
            states=(State(left.pop("state", "")), *map(State, _words(left.pop("also", [])))),
            mechanisms=tuple(
                map(Mechanism, [*_words([left.pop("mechanism", [])]), *_words(left.pop("mechanisms", []))])
            ),
        )
    except ValueError as wrong:
        raise ScenarioError(f"{id_}: {wrong}") from None
    if left:
        raise ScenarioError(f"{id_}: {min(left)}: no such key")
    return scenario


def _words(value: object) -> list[str]:
    """A list of words, one word within a list, or none."""
    items = value if isinstance(value, list) else [value]
    return [str(word) for item in items for word in (item if isinstance(item, list) else [item])]
