"""The table's invariants, and one story at least for every row."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from rabta_collector.pages import method
from rabta_collector.verdict.background import NOTHING, Background
from rabta_collector.verdict.classify import Finding, classify
from rabta_collector.verdict.fingerprints import BLOCK_PAGE_ADDRESSES, FAMILY_FILTER_ADDRESSES
from rabta_collector.verdict.rules import RULES, RULES_BY_ID, RULES_VERSION, to_markdown
from rabta_proto.model import Measurement, NetworkContext
from rabta_proto.vocabulary import Depth, Failure, Judgement, Mechanism, ResolverKind, Step, VpnProtocol
from support.factories import (
    BOGON,
    CHAT,
    CONTROL,
    DOH,
    EOF,
    FAR,
    FORGED,
    LITERAL,
    NAME,
    NEAR,
    NOON,
    OPENVPN,
    PLAIN,
    QUIC,
    RESET,
    SILENCE,
    SIX,
    URL,
    Story,
    bad_certificate,
    dead,
    dns_lie,
    dns_trouble,
    gone,
    http_trouble,
    offline,
    quic_trouble,
    story,
    tcp_trouble,
    tls_trouble,
    vpn_trouble,
    works,
    works_again,
    works_as_vpn,
    works_light,
    works_over_quic,
)
from support.timed import FAST, HELD, ROUND, A, B, R, read, slowed, timed

(BLOCK_PAGE,) = BLOCK_PAGE_ADDRESSES
(FAMILY_FILTER,) = FAMILY_FILTER_ADDRESSES


BY_DOH = ResolverKind.DOH


def controls(told: Story, *, before: Story | None = None) -> tuple[Measurement, ...]:
    """What two controls saw: the same before and after, unless it is said what was before."""
    first = (before or told).measurement(at=NOON - 20, epoch=1)
    return first, told.measurement(at=NOON + 10, epoch=1), told.measurement(at=NOON + 15, epoch=2)


def ech_trouble(failure: str = RESET, *, plain: str | None = None, passes: int = 3, address: str = NEAR) -> Story:
    """Every pass fails with Encrypted Client Hello, and goes on without it."""
    told = story("ech://x.com").names(address).names(address, by=ResolverKind.DOH)
    for _ in range(passes):
        told.connects(address).greets(address, failure=failure, over_tcp=True, protocol=VpnProtocol.ECH)
        told.connects(address).greets(address, failure=plain, over_tcp=True, protocol=VpnProtocol.TLS).again()
    return told


UP = controls(works(address=FAR))
PLAIN_UP = controls(works(PLAIN, address=FAR))
GONE = controls(gone())
CHAT_UP = controls(story(CHAT).names(FAR).connects(FAR))
VPN_UP = controls(works_as_vpn(FAR))
OVER_TCP = {"target": f"openvpn+tcp://{OPENVPN.partition('://')[2]}:443", "over_tcp": True}
TCP_VPN_UP = controls(works_as_vpn(FAR, **OVER_TCP))
TOR = {"target": "tor://x.com:9001", "over_tcp": True, "protocol": VpnProtocol.TOR}
TOR_UP = controls(works_as_vpn(FAR, **TOR))
ECH = {"target": "ech://x.com", "over_tcp": True, "protocol": VpnProtocol.ECH}
ECH_UP = controls(works_as_vpn(FAR, **ECH))
WIREGUARD = {"target": "wireguard://x.com?public=a&private=b", "protocol": VpnProtocol.WIREGUARD}
WIREGUARD_UP = controls(works_as_vpn(FAR, **WIREGUARD))
SPEAKS_UDP = Background(udp_works=True)
QUIC_UP = controls(works_over_quic(FAR))
LOSES = Background(loses=True)
HAS_IPV6 = NetworkContext(ipv4=True, ipv6=True)
GOOGLE = "8.8.8.8"
BOTH_PASSED = tuple(works(address=FAR).measurement(at=NOON - 20, epoch=epoch) for epoch in (1, 2))
FOUND_ALIVE = (
    story(PLAIN).says(Failure.DNS_NXDOMAIN, ResolverKind.UNKNOWN).connects(FORGED, LITERAL).measurement(at=NOON + 12)
)
WENT_THERE = (
    story()
    .says(Failure.DNS_NXDOMAIN, ResolverKind.UNKNOWN)
    .fails_tcp(FORGED, SILENCE, LITERAL)
    .measurement(at=NOON + 12)
)
SAW_ANOTHER = (
    story()
    .says(Failure.DNS_NXDOMAIN, ResolverKind.UNKNOWN)
    .connects(FORGED, LITERAL)
    .fails_tls(FORGED, Failure.SSL_INVALID_HOSTNAME, LITERAL)
    .measurement(at=NOON + 12)
)
SAW_THE_SITE = (
    story()
    .says(Failure.DNS_NXDOMAIN, ResolverKind.UNKNOWN)
    .connects(FORGED, LITERAL)
    .handshakes(FORGED, LITERAL)
    .measurement(at=NOON + 12)
)
BLOCK_TEXT: dict[str, Any] = {"marks": ("pk.prohibited",), "title": "", "header_names": (), "body_bytes": 300}
OTHER_PAGE: dict[str, Any] = {"title": "", "header_names": ("date",), "body_bytes": 300}
REDIRECT: dict[str, Any] = {"status": 302, "title": "", "body_bytes": 0, "header_names": ("date",)}


def plain(**page: Any) -> Story:
    return story(PLAIN).names(NEAR).names(NEAR, by=ResolverKind.DOH).connects(NEAR).answers(NEAR, **page)


def sent_to(name: str, location: str, **facts: Any) -> Story:
    told = plain(**{**REDIRECT, **facts}, location=location)
    return told.follows(name).names(FORGED).connects(FORGED).handshakes(FORGED).answers(FORGED, **OTHER_PAGE)


def told_of_the_dead() -> Story:
    """The machine's own resolver alone names an address where nobody is."""
    told = story()
    for _ in range(3):
        told.names(FORGED).fails_tcp(FORGED, SILENCE).again()
    return told


def lied_to_by_certificate(*, elsewhere: bool) -> Story:
    told = bad_certificate(FORGED, honest=NEAR)
    return told.connects(NEAR, DOH).handshakes(NEAR, DOH) if elsewhere else told


def at_a_portal(target: str) -> Measurement:
    """A reference whose reader is sent to log in first."""
    told = (
        story(target, "reference.example").names(NEAR).connects(NEAR).answers(NEAR, 302, location="http://p.example/")
    )
    return told.follows("p.example").names(FORGED).connects(FORGED).answers(FORGED).measurement()


def chosen_lie(address: str, *, by_udp: str = NEAR) -> Story:
    """Another's certificate at an address that a resolver of the volunteer's choice gives."""
    told = story().names(address, chosen=GOOGLE).names(by_udp, by=ResolverKind.UDP).names(NEAR, by=BY_DOH)
    for _ in range(3):
        told.connects(address).refuses_certificate(address).again()
    return told.connects(NEAR, DOH).handshakes(NEAR, DOH)


def lied_to_over_quic() -> Story:
    told = story(QUIC).names(FORGED).names(NEAR, by=BY_DOH)
    for _ in range(3):
        told.fails_quic(FORGED, Failure.SSL_INVALID_HOSTNAME, server_answered=True).again()
    return told.shakes_over_quic(NEAR, DOH)


def comes_and_goes(failure: str) -> Story:
    """A line that goes away while a site is measured: at first there is no way, then no answer from anybody."""
    told = story().names(NEAR).names(NEAR, by=BY_DOH).fails_tcp(NEAR, failure)
    return told.again().says(SILENCE).again().says(SILENCE)


def refused() -> Story:
    """Another's certificate, and no word of a public resolver."""
    return story().names(NEAR).connects(NEAR).refuses_certificate(NEAR)


def wrong_clock(**dates: int) -> Story:
    """A delivery network's certificate, not the controls', that a machine calls invalid; `days` until it expires."""
    told = story().names(NEAR)
    for _ in range(3):
        told.connects(NEAR).refuses_certificate(NEAR, Failure.SSL_INVALID_CERTIFICATE, key=9, **dates).again()
    return told


def raced(kind: Failure) -> Story:
    """A denial, and the true address a moment later."""
    return story().says(kind, later=(NEAR,)).names(NEAR, by=BY_DOH)


def named_by_control(told: Story) -> Story:
    return told.connects(NEAR, CONTROL).handshakes(NEAR, CONTROL)


def dead_end(failure: str, *, honest: str = NEAR, alive: bool = True, chosen: str = "") -> Story:
    """The machine's own resolver alone names an address, which fails; one that others name works, or fails too."""
    told = story().names(FORGED, chosen=chosen).names(honest, by=BY_DOH).fails_tcp(FORGED, failure)
    if alive:
        told.connects(honest, DOH).handshakes(honest, DOH)
    else:
        told.fails_tcp(honest, failure, DOH)
    for _ in range(2):
        told.again().names(FORGED, chosen=chosen).fails_tcp(FORGED, failure)
    return told


def reset_elsewhere(*, isolated: bool) -> Story:
    """The machine's own resolver alone names an address that resets handshakes; one that DoH names works."""
    told = story().names(FORGED).names(NEAR, by=BY_DOH)
    told.connects(FORGED).fails_tls(FORGED, RESET).isolates(FORGED, answered=isolated)
    return told.connects(NEAR, DOH).handshakes(NEAR, DOH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A story and the row that it must match."""

    what: str
    rule: str
    told: Story
    controls: tuple[Measurement, ...] = ()
    references: tuple[Measurement, ...] = ()
    network: NetworkContext | None = None
    depth: Depth = Depth.FULL
    background: Background = NOTHING
    clock_offset_us: int | None = None

    def judge(self) -> Finding:
        measurement = self.told.measurement(network=self.network, depth=self.depth)
        measurement = replace(measurement, clock_offset_us=self.clock_offset_us)
        return classify(measurement, self.controls, self.references, background=self.background)


def case(what: str, rule: str, told: Story, seen: tuple[Measurement, ...] = (), **facts: Any) -> Case:
    return Case(what=what, rule=rule, told=told, controls=seen, **facts)


VANTAGES = [
    case("at a friend's", "vantage.other_isp", tls_trouble(RESET), UP, network=NetworkContext(seen_isp="zong")),
    case("nothing was measured", "vantage.nothing_measured", story(), UP),
    case("a trace of a block is none", "vantage.trace", tls_trouble(RESET), UP, depth=Depth.TRACE),
    case("a trace of what is reached says as little", "vantage.trace", works(), UP, depth=Depth.TRACE),
    case("a VPN says nothing of a block", "vantage.vpn", tls_trouble(RESET), UP, network=NetworkContext(vpn=True)),
    case("a VPN says nothing of success", "vantage.vpn", works(), UP, network=NetworkContext(vpn=True)),
    case(
        "a captive portal", "vantage.captive_portal", bad_certificate(), UP, network=NetworkContext(captive_portal=True)
    ),
    case(
        "the machine moved to another ISP between two steps",
        "vantage.network_changed",
        tls_trouble(RESET),
        UP,
        network=NetworkContext(changed=True),
    ),
    case("no packet comes back", "vantage.offline", offline(), UP),
    case("no route at all", "vantage.offline", tcp_trouble(SILENCE), UP, network=NetworkContext(ipv4=False)),
    case(
        "an opt-in family filter",
        "vantage.family_filter",
        bad_certificate(FAMILY_FILTER),
        UP,
    ),
    case("a local firewall", "vantage.own_fault", tcp_trouble(Failure.PERMISSION_DENIED), UP),
    case("no resolver", "vantage.own_fault", dns_trouble(Failure.DNS_NO_RESOLVER), UP),
    case(
        "the resolver is silent for references too",
        "vantage.references_fail",
        dns_trouble(SILENCE),
        UP,
        references=(dns_trouble(SILENCE).measurement(),),
    ),
    case("silence that was not tried again", "vantage.unrepeated", tcp_trouble(SILENCE, passes=1), UP),
    case("one lost query", "vantage.unrepeated", dns_trouble(SILENCE, passes=1), UP),
    case("silence on a line that loses much", "vantage.loses", tcp_trouble(SILENCE), UP, background=LOSES),
    case("a resolver that is overloaded", "vantage.loses", dns_trouble(SILENCE), UP, background=LOSES),
    *(
        case(f"a line that goes away: {failure}", "vantage.line_left", comes_and_goes(failure), UP)
        for failure in (Failure.HOST_UNREACHABLE, Failure.NETWORK_UNREACHABLE)
    ),
    case("a wrong clock", "vantage.clock", wrong_clock(), UP),
    case("a certificate that has expired, here alone", "tls.mitm.control_valid", wrong_clock(days=-1), UP),
    case(
        "a wrong clock does not make a foreign authority the machine's own",
        "tls.mitm.control_valid",
        wrong_clock().connects(NEAR).refuses_certificate(NEAR, key=9),
        UP,
    ),
    case(
        "an office opens TLS, for public resolvers, too",
        "vantage.tls_opened",
        refused().says(Failure.SSL_UNKNOWN_AUTHORITY, ResolverKind.DOH),
        UP,
    ),
    case("an office opens TLS", "vantage.tls_opened", refused(), UP, background=Background(tls_works=False)),
    case(
        "TLS is opened for one site alone",
        "tls.mitm.control_valid",
        refused().says(Failure.SSL_UNKNOWN_AUTHORITY, ResolverKind.DOH),
        UP,
        background=Background(tls_works=True),
    ),
    case("the machine's roots are old", "vantage.certificate_store", bad_certificate(key=1), UP),
    case(
        "the machine's clock may be wrong",
        "vantage.clock",
        story().names(NEAR).connects(NEAR).fails_tls(NEAR, Failure.SSL_INVALID_CERTIFICATE),
        controls(story().names(NEAR).connects(NEAR).handshakes(NEAR)),
    ),
    case(
        "a portal sends requests to its own page, references too",
        "vantage.references_fail",
        sent_to("portal.example", "http://portal.example/"),
        PLAIN_UP,
        references=(bad_certificate().measurement(), at_a_portal("http://reference.example/")),
    ),
    case(
        "a filter of the volunteer's choice",
        "vantage.chosen_resolver",
        story().says(Failure.DNS_NXDOMAIN, chosen="9.9.9.9").names(NEAR, by=ResolverKind.UDP).names(NEAR, by=BY_DOH),
        UP,
    ),
    case(
        "a filter of the volunteer's choice, with a dead address",
        "vantage.chosen_resolver",
        dead_end(SILENCE, chosen="9.9.9.9"),
        UP,
    ),
    case(
        "another's certificate where a chosen resolver tells the truth",
        "tls.mitm.control_valid",
        story().names(NEAR, chosen=GOOGLE).names(NEAR, by=BY_DOH).connects(NEAR).refuses_certificate(NEAR),
        UP,
    ),
    case(
        "a filter of the volunteer's choice, with an address of its own",
        "vantage.chosen_resolver",
        chosen_lie(FORGED),
        UP,
    ),
    case(
        "a name without IPv4 addresses, and a machine without IPv6",
        "vantage.no_ipv6",
        dns_trouble(Failure.DNS_NO_ANSWER, elsewhere=False),
        controls(works(address=SIX)),
    ),
    case(
        "IPv6 that nothing gets through",
        "vantage.broken_ipv6",
        tcp_trouble(SILENCE, address=SIX),
        UP,
        network=HAS_IPV6,
        background=Background(ipv6_works=False),
    ),
    case("IPv6 addresses at a machine that has no IPv6", "vantage.broken_ipv6", tcp_trouble(SILENCE, address=SIX), UP),
    case(
        "a kernel without a route",
        "vantage.broken_ipv6",
        tcp_trouble(Failure.NETWORK_UNREACHABLE, address=SIX),
        UP,
        network=HAS_IPV6,
    ),
    case(
        "an office without QUIC",
        "vantage.no_quic",
        quic_trouble(SILENCE),
        QUIC_UP,
        background=Background(quic_works=False),
    ),
    case("nothing else over QUIC", "vantage.quic_unproven", quic_trouble(SILENCE), QUIC_UP),
    case("a firewall that refuses QUIC", "vantage.quic_unproven", quic_trouble(Failure.CONNECTION_REFUSED), QUIC_UP),
]
SUCCESSES = [
    case("a valid certificate and an answer", "ok.https", works()),
    case("it works here and fails for the controls", "ok.https", works(), controls(dead())),
    case(
        "broken IPv6 masks nothing",
        "ok.https",
        story()
        .names(NEAR)
        .names("2606:4700::1", family="AAAA")
        .fails_tcp("2606:4700::1", SILENCE)
        .connects(NEAR)
        .handshakes(NEAR)
        .answers(NEAR),
    ),
    case(
        "a name without IPv6 addresses",
        "ok.https",
        story().names(NEAR).says(Failure.DNS_NO_ANSWER, family="AAAA").connects(NEAR).handshakes(NEAR).answers(NEAR),
    ),
    case(
        "one of two addresses is blocked",
        "ok.https",
        story().names(NEAR, FAR).fails_tcp(NEAR, RESET).connects(FAR).handshakes(FAR).answers(FAR),
        UP,
    ),
    case(
        "a literal address has no names",
        "ok.https",
        story("https://104.244.42.1/", NEAR).connects(NEAR, LITERAL).handshakes(NEAR, LITERAL).answers(NEAR),
    ),
    case("a light measurement", "ok.tls", works_light(), depth=Depth.LIGHT),
    case("lost once, then there", "ok.repeated", works_again()),
    case("reset once, then there", "ok.repeated", works_again(RESET)),
    case(
        "silent resolver once, then there",
        "ok.repeated",
        story().says(SILENCE).again().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR),
    ),
    case(
        "a redirect that is followed to its end",
        "ok.https",
        plain(status=301, location=URL).follows("x.com").names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR),
    ),
    case(
        "a country's own site of the same brand",
        "ok.https",
        plain(status=301, location="https://www.x.co.uk/")
        .follows("www.x.co.uk")
        .names(NEAR)
        .connects(NEAR)
        .handshakes(NEAR)
        .answers(NEAR),
    ),
    case(
        "a redirect where controls are sent too",
        "ok.https",
        sent_to("elsewhere.example", "https://elsewhere.example/"),
        controls(sent_to("elsewhere.example", "https://elsewhere.example/")),
    ),
    case(
        "a 403 for this country, under a valid certificate",
        "ok.refused_by_server",
        story().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR, 403),
        UP,
    ),
    case(
        "a 451 under a valid certificate, whatever controls know",
        "ok.legal_reasons",
        story().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR, 451),
    ),
    case(
        "a 451 for everybody",
        "ok.https",
        story().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR, 451),
        controls(story().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR, 451)),
    ),
    case(
        "a challenge under a valid certificate, and no control",
        "ok.challenged",
        story().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR, 403, header_names=("cf-mitigated",)),
    ),
    case(
        "a 403 for everybody",
        "ok.https",
        story().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR, 403),
        controls(story().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR, 403)),
    ),
    case("the controls' page", "ok.http", plain(), PLAIN_UP),
    case(
        "a dynamic page of the same title",
        "ok.http",
        plain(body_bytes=9000, header_names=("date",), title="Welcome back"),
        PLAIN_UP,
    ),
    case("a certificate over QUIC", "ok.quic", works_over_quic()),
    case("QUIC at the second try", "ok.repeated", quic_trouble(SILENCE, passes=1).names(NEAR).shakes_over_quic(NEAR)),
    case("a port that accepts", "ok.tcp", story(CHAT).names(NEAR).connects(NEAR)),
    case(
        "a port that accepts, at an address that differs by place",
        "ok.tcp",
        story(CHAT).names(NEAR).names(FAR, by=BY_DOH).connects(NEAR),
    ),
    case("an answer as everybody's", "ok.dns", story(NAME).names(NEAR).names(NEAR, by=BY_DOH)),
    case(
        "an answer from the same network as everybody's",
        "ok.dns",
        story(NAME).names(NEAR).names(FAR, by=BY_DOH),
        background=Background(asn_of={NEAR: 13414, FAR: 13414}.get),
    ),
    case(
        "an empty redirect as for the controls",
        "ok.http",
        plain(**{**REDIRECT, "header_names": ()}),
        controls(plain(**{**REDIRECT, "header_names": ()})),
    ),
    case("a challenge", "ok.challenge", plain(status=503, server="cloudflare", header_names=("cf-ray",)), PLAIN_UP),
]
NAMES = [
    case("denied, and there by DoH", "dns.nxdomain.doh_reachable", dns_trouble(Failure.DNS_NXDOMAIN)),
    case("denied at once", "dns.nxdomain.doh_reachable", dns_trouble(Failure.DNS_NXDOMAIN, passes=1), UP),
    case("refused, and there by DoH", "dns.refused.doh_reachable", dns_trouble(Failure.DNS_REFUSED)),
    case("silent, and there by DoH", "dns.timeout.doh_reachable", dns_trouble(SILENCE)),
    case("empty, and there by DoH", "dns.empty.doh_reachable", dns_trouble(Failure.DNS_NO_ANSWER)),
    case("a bogon, and there by DoH", "dns.bogon.doh_reachable", dns_lie(BOGON)),
    case("a liar's certificate, and there by DoH", "dns.other.doh_reachable", lied_to_by_certificate(elsewhere=True)),
    case(
        "denied, controls resolve",
        "dns.nxdomain.control_resolves",
        dns_trouble(Failure.DNS_NXDOMAIN, elsewhere=False),
        UP,
    ),
    case(
        "refused, controls resolve",
        "dns.refused.control_resolves",
        dns_trouble(Failure.DNS_REFUSED, elsewhere=False),
        UP,
    ),
    case(
        "silent, controls resolve",
        "dns.timeout.control_resolves",
        dns_trouble(SILENCE, elsewhere=False).says(Failure.DNS_REFUSED, ResolverKind.UDP),
        UP,
    ),
    case(
        "empty, controls resolve", "dns.empty.control_resolves", dns_trouble(Failure.DNS_NO_ANSWER, elsewhere=False), UP
    ),
    case(
        "fails, controls resolve",
        "dns.servfail.control_resolves",
        dns_trouble(Failure.DNS_SERVFAIL, elsewhere=False),
        UP,
    ),
    case(
        "denied over plain HTTP",
        "dns.nxdomain.control_resolves",
        dns_trouble(Failure.DNS_NXDOMAIN, target=PLAIN),
        PLAIN_UP,
    ),
    case(
        "an address that is nobody's, to a control too that went there",
        "dns.other.not_the_site",
        told_of_the_dead(),
        (WENT_THERE, *UP[1:]),
    ),
    case(
        "another's certificate to a control too that went there",
        "dns.other.not_the_site",
        bad_certificate(FORGED, honest=None),
        (SAW_ANOTHER, *UP[1:]),
    ),
    case(
        "a certificate for the name at an address that a control went to",
        "tls.mitm.control_valid",
        bad_certificate(FORGED, honest=None),
        (SAW_THE_SITE, *UP[1:]),
    ),
    case("a bogon, controls see another", "dns.bogon.control_differs", dns_lie(BOGON, elsewhere=False), UP),
    case(
        "a liar's certificate, controls see another",
        "dns.other.control_differs",
        lied_to_by_certificate(elsewhere=False),
        UP,
    ),
    case(
        "the address of a block page, which is the site's own",
        "site.certificate",
        bad_certificate(BLOCK_PAGE, honest=BLOCK_PAGE),
        controls(bad_certificate(BLOCK_PAGE, honest=BLOCK_PAGE)),
    ),
    case("the address of a block page", "dns.blockpage.address", bad_certificate(BLOCK_PAGE, honest=NEAR)),
    case(
        "a block page at an address of this resolver alone",
        "dns.blockpage.page",
        story(PLAIN).names(FORGED).names(NEAR, by=ResolverKind.DOH).connects(FORGED).answers(FORGED, **BLOCK_TEXT),
    ),
    case("a bogon for a name that is gone", "dns.bogon.ghost", dns_lie(BOGON, elsewhere=False, honest=False), GONE),
    case(
        "a liar for a name that is gone, told on the way",
        "dns.other.ghost",
        bad_certificate(FORGED, honest=None).names(FORGED, by=ResolverKind.UDP),
        GONE,
    ),
    case("a liar for a name that is gone", "dns.other.ghost", bad_certificate(FORGED, honest=None), GONE),
]
NAMES += [
    case(
        f"{failure}, and there by the controls' address",
        f"dns.{word}.control_address_reachable",
        named_by_control(dns_trouble(failure, elsewhere=False)),
    )
    for failure, word in [
        (Failure.DNS_NXDOMAIN, "nxdomain"),
        (Failure.DNS_REFUSED, "refused"),
        (SILENCE, "timeout"),
        (Failure.DNS_NO_ANSWER, "empty"),
    ]
]
NAMES += [
    case(f"{failure}, and then the truth", f"dns.{word}.second_answer", raced(failure))
    for failure, word in [
        (Failure.DNS_NXDOMAIN, "nxdomain"),
        (Failure.DNS_REFUSED, "refused"),
        (Failure.DNS_NO_ANSWER, "empty"),
    ]
]
NAMES += [
    case(
        "a bogon, and there by the controls' address",
        "dns.bogon.control_address_reachable",
        named_by_control(dns_lie(BOGON, elsewhere=False)),
    ),
    case(
        "a liar's certificate, and there by the controls' address",
        "dns.other.control_address_reachable",
        named_by_control(lied_to_by_certificate(elsewhere=False)),
    ),
    case(
        "a bogon, and then the truth",
        "dns.bogon.second_answer",
        story().names(BOGON, later=(NEAR,)).names(NEAR, by=BY_DOH).fails_tcp(BOGON, Failure.SPECIAL_ADDRESS),
    ),
    case(
        "another address, and then the truth",
        "dns.other.second_answer",
        story().names(FORGED, later=(NEAR,)).names(NEAR, by=BY_DOH).fails_tcp(FORGED, RESET),
    ),
    case(
        "another address for a mere name, and then the truth",
        "dns.other.second_answer",
        story(NAME).names(FORGED, later=(NEAR,)).names(NEAR, by=BY_DOH),
    ),
    case("an address that is nobody's, and there by DoH", "dns.other.address_fails", dead_end(SILENCE), UP),
    case("an address that is old, perhaps, and no control", "control.none", dead_end(SILENCE)),
    case(
        "the address of everybody fails, and that of DoH fails too",
        "tcp.timeout.control_connects",
        dead_end(SILENCE, alive=False),
        UP,
    ),
    case(
        "another address of the same network fails",
        "tcp.timeout.control_connects",
        dead_end(SILENCE),
        UP,
        background=Background(asn_of={FORGED: 13414, NEAR: 13414}.get),
    ),
    case(
        "a page of nobody's at an address of this resolver alone",
        "dns.other.page_at_foreign_address",
        story(PLAIN).names(FORGED).names(NEAR, by=BY_DOH).connects(FORGED).answers(FORGED, **OTHER_PAGE),
        PLAIN_UP,
    ),
    case("an answer unlike everybody's", "dns.differs", story(NAME).names(NEAR).names(FAR, by=BY_DOH)),
    case(
        "a web port at an address unlike everybody's",
        "dns.differs",
        story("tcp://x.com:443").names(NEAR).names(FAR, by=BY_DOH).connects(NEAR),
    ),
    case("an answer, and nobody else's", "dns.uncompared", story(NAME).names(NEAR)),
    case(
        "denied, as a mere name",
        "dns.nxdomain.control_resolves",
        dns_trouble(Failure.DNS_NXDOMAIN, target=NAME, elsewhere=False),
        controls(story(NAME).names(NEAR)),
    ),
    case(
        "a bogon for a mere name",
        "dns.bogon.control_differs",
        story(NAME).names(BOGON),
        controls(story(NAME).names(NEAR)),
    ),
    case(
        "a lie about a public resolver's answer, told twice",
        "dns.other.doh_reachable",
        chosen_lie(FORGED, by_udp=FORGED),
    ),
    case("a lie over QUIC", "dns.other.doh_reachable", lied_to_over_quic()),
]
QUICS = [
    case("silent by its name", "quic.timeout.sni.isolated", quic_trouble(SILENCE, isolated=True)),
    case(
        "it falls silent for everybody, and one control has yet to look",
        "control.awaited",
        quic_trouble(SILENCE, isolated=True),
        (
            works_over_quic().measurement(at=NOON - 20, epoch=1),
            works_over_quic().measurement(at=NOON - 20, epoch=2),
            quic_trouble(SILENCE, isolated=True).measurement(at=NOON + 1, epoch=1),
        ),
    ),
    case(
        "silent whatever the name",
        "quic.timeout.control_connects",
        quic_trouble(SILENCE),
        QUIC_UP,
        background=Background(quic_works=True),
    ),
    case(
        "refused",
        "quic.refused.control_connects",
        quic_trouble(Failure.CONNECTION_REFUSED),
        QUIC_UP,
        background=Background(quic_works=True),
    ),
    case(
        "unreachable",
        "quic.unreachable.control_connects",
        quic_trouble(Failure.HOST_UNREACHABLE),
        QUIC_UP,
        background=Background(quic_works=True),
    ),
    case(
        "begun and not finished",
        "quic.slow",
        story(QUIC)
        .names(NEAR)
        .fails_quic(NEAR, SILENCE, server_answered=True)
        .again()
        .fails_quic(NEAR, SILENCE, server_answered=True),
        QUIC_UP,
    ),
    case("turned away", "quic.closed", quic_trouble(Failure.QUIC_FAILED_HANDSHAKE), QUIC_UP),
    case(
        "silent to everybody",
        "site.down",
        quic_trouble(SILENCE),
        controls(quic_trouble(SILENCE)),
    ),
    case("silent once", "vantage.unrepeated", quic_trouble(SILENCE, passes=1), QUIC_UP),
    case(
        "a bad certificate, for everybody",
        "site.certificate",
        quic_trouble(Failure.SSL_INVALID_CERTIFICATE),
        controls(quic_trouble(Failure.SSL_INVALID_CERTIFICATE)),
    ),
]
VPNS = [
    case("an answer", "ok.vpn", works_as_vpn()),
    case("an answer over TCP", "ok.vpn", works_as_vpn(**OVER_TCP)),
    case("an answer at the second try", "ok.vpn", vpn_trouble(SILENCE, passes=1).names(NEAR).greets(NEAR)),
    case("silent", "vpn.timeout.control_answered", vpn_trouble(SILENCE), VPN_UP, background=SPEAKS_UDP),
    case("silent, and nothing over UDP", "vantage.udp_unproven", vpn_trouble(SILENCE), VPN_UP),
    case(
        "a network without UDP",
        "vantage.udp_unproven",
        vpn_trouble(Failure.CONNECTION_REFUSED),
        VPN_UP,
        background=Background(udp_works=False),
    ),
    case("silent after a connection", "vpn.timeout.control_answered", vpn_trouble(SILENCE, **OVER_TCP), TCP_VPN_UP),
    case("reset after a connection", "vpn.reset.control_answered", vpn_trouble(RESET, **OVER_TCP), TCP_VPN_UP),
    case("closed after a connection", "vpn.eof.control_answered", vpn_trouble(EOF, **OVER_TCP), TCP_VPN_UP),
    case(
        "refused",
        "vpn.refused.control_answered",
        vpn_trouble(Failure.CONNECTION_REFUSED),
        VPN_UP,
        background=SPEAKS_UDP,
    ),
    case(
        "unreachable",
        "vpn.unreachable.control_answered",
        vpn_trouble(Failure.HOST_UNREACHABLE),
        VPN_UP,
        background=SPEAKS_UDP,
    ),
    case("a relay's port is reset", "vpn.reset.control_answered", vpn_trouble(RESET, **TOR), TOR_UP),
    case("an extension is cut", "tls.ech.isolated", ech_trouble(), ECH_UP),
    case("an extension is swallowed", "tls.ech.isolated", ech_trouble(SILENCE), ECH_UP),
    case("a hello is cut with it and without", "ech.unproven", ech_trouble(plain=RESET), ECH_UP),
    case("a hello that is cut with it once", "ech.unproven", ech_trouble(passes=1), ECH_UP),
    case("a server that cannot bear it", "site.down", ech_trouble(), controls(ech_trouble(address=FAR))),
    case("an alert at it", "vpn.strange", ech_trouble(Failure.VPN_FAILED_HANDSHAKE), ECH_UP),
    case("it is answered", "ok.vpn", works_as_vpn(**ECH), ECH_UP),
    case("strange", "vpn.strange", vpn_trouble(Failure.VPN_FAILED_HANDSHAKE), VPN_UP, background=SPEAKS_UDP),
    case("silent to all", "site.down", vpn_trouble(SILENCE), controls(vpn_trouble(SILENCE)), background=SPEAKS_UDP),
    case("silent once", "vantage.unrepeated", vpn_trouble(SILENCE, passes=1), VPN_UP, background=SPEAKS_UDP),
    case(
        "a clock that is right",
        "vpn.timeout.control_answered",
        vpn_trouble(SILENCE, **WIREGUARD),
        WIREGUARD_UP,
        background=SPEAKS_UDP,
        clock_offset_us=400_000,
    ),
    case(
        "a clock that nobody compared",
        "vantage.clock.wireguard",
        vpn_trouble(SILENCE, **WIREGUARD),
        WIREGUARD_UP,
        background=SPEAKS_UDP,
    ),
    case(
        "a clock that is behind",
        "vantage.clock.wireguard",
        vpn_trouble(SILENCE, **WIREGUARD),
        WIREGUARD_UP,
        background=SPEAKS_UDP,
        clock_offset_us=60_000_000,
    ),
    case(
        "the connection itself",
        "tcp.timeout.control_connects",
        story(str(OVER_TCP["target"])).names(NEAR).fails_tcp(NEAR, SILENCE).again().fails_tcp(NEAR, SILENCE),
        TCP_VPN_UP,
    ),
    case("a name that is denied", "dns.nxdomain.control_resolves", story(OPENVPN).says(Failure.DNS_NXDOMAIN), VPN_UP),
]
CONNECTIONS = [
    case(
        "IPv6 alone, where IPv6 works",
        "tcp.timeout.control_connects",
        tcp_trouble(SILENCE, address=SIX),
        controls(works(address=SIX)),
        network=HAS_IPV6,
    ),
    case("a port that is silent", "tcp.timeout.control_connects", tcp_trouble(SILENCE, target=CHAT), CHAT_UP),
    case("reset", "tcp.reset.control_connects", tcp_trouble(RESET), UP),
    case("refused", "tcp.refused.control_connects", tcp_trouble(Failure.CONNECTION_REFUSED), UP),
    case("unreachable", "ip.unreachable.control_connects", tcp_trouble(Failure.HOST_UNREACHABLE), UP),
    case("silent", "tcp.timeout.control_connects", tcp_trouble(SILENCE), UP),
    case("silent, plain", "tcp.timeout.control_connects", tcp_trouble(SILENCE, target=PLAIN), PLAIN_UP),
    case(
        "broken IPv6 masks a refusal",
        "tcp.refused.control_connects",
        tcp_trouble(Failure.CONNECTION_REFUSED).fails_tcp("2606:4700::1", RESET),
        UP,
    ),
    case(
        "a block at the second hop",
        "tcp.timeout.control_connects",
        plain(status=301, location=URL)
        .follows("x.com")
        .names(NEAR)
        .fails_tcp(NEAR, SILENCE)
        .again()
        .fails_tcp(NEAR, SILENCE),
        controls(
            plain(status=301, location=URL).follows("x.com").names(FAR).connects(FAR).handshakes(FAR).answers(FAR)
        ),
    ),
]
HANDSHAKES = [
    case("reset by its name", "tls.reset.sni.isolated", tls_trouble(RESET)),
    case("closed by its name", "tls.eof.sni.isolated", tls_trouble(EOF)),
    case("silent by its name", "tls.timeout.sni.isolated", tls_trouble(SILENCE)),
    case("reset by its name, and dead abroad", "tls.reset.sni.isolated", tls_trouble(RESET), controls(dead())),
    case(
        "reset by its name, and at one of two controls",
        "tls.reset.sni.isolated",
        tls_trouble(RESET),
        (tls_trouble(RESET).measurement(at=NOON + 1, epoch=1), works().measurement(at=NOON + 2, epoch=2)),
    ),
    case(
        "it begins to reset its name for everybody, and one control has yet to look",
        "control.awaited",
        tls_trouble(RESET),
        (*BOTH_PASSED, tls_trouble(RESET).measurement(at=NOON + 1, epoch=1)),
    ),
    case(
        "a reset that turns into silence",
        "tls.reset.sni.isolated",
        tls_trouble(SILENCE).connects(NEAR).fails_tls(NEAR, RESET),
    ),
    case("an alert by its name", "tls.alert.sni.control_valid", tls_trouble(Failure.SSL_FAILED_HANDSHAKE), UP),
    case("an alert, and no control", "control.none", tls_trouble(Failure.SSL_FAILED_HANDSHAKE)),
    case("begun and not finished", "tls.slow", tls_trouble(SILENCE, answered=True), UP),
    case(
        "begun once and not finished",
        "tls.slow",
        tls_trouble(SILENCE, passes=2).connects(NEAR).fails_tls(NEAR, SILENCE, answered=True),
        UP,
    ),
    case(
        "reset at an address of this resolver alone, and there by DoH",
        "dns.other.address_fails",
        reset_elsewhere(isolated=False),
        UP,
    ),
    case(
        "reset by its name at an address of this resolver alone, and there by DoH",
        "tls.reset.sni.isolated",
        reset_elsewhere(isolated=True),
        UP,
    ),
    case("reset whatever the name", "tls.reset.control_valid", tls_trouble(RESET, isolated=False), UP),
    case("closed whatever the name", "tls.eof.control_valid", tls_trouble(EOF, isolated=False), UP),
    case("silent whatever the name", "tls.timeout.control_valid", tls_trouble(SILENCE, isolated=False), UP),
    case("another's certificate", "tls.mitm.control_valid", bad_certificate(), UP),
    case("another's certificate, and no control", "control.none", bad_certificate()),
]
PAGES = [
    case("a known block page", "http.blockpage.known", plain(**BLOCK_TEXT)),
    case("a block page by its title", "http.blockpage.known", plain(title="Surf Safely", body_bytes=300), PLAIN_UP),
    case("the controls see the same mark", "ok.http", plain(**BLOCK_TEXT), controls(plain(**BLOCK_TEXT))),
    case(
        "sent on to a known host",
        "http.redirect.known",
        sent_to("restrict.wateen.net", "http://restrict.wateen.net/?u=x"),
    ),
    case(
        "sent on to somebody else",
        "http.redirect.elsewhere",
        sent_to("warning.example", "https://warning.example/"),
        PLAIN_UP,
    ),
    case(
        "sent on to a known host, where controls are sent, too",
        "ok.https",
        sent_to("restrict.wateen.net", "http://restrict.wateen.net/"),
        controls(sent_to("restrict.wateen.net", "http://restrict.wateen.net/")),
    ),
    case(
        "sent on to somebody else by the site itself",
        "http.redirect.by_server",
        sent_to("partner.example", "https://partner.example/", header_names=("date", "x-site")),
        PLAIN_UP,
    ),
    case(
        "sent on to somebody else, and no control",
        "http.redirect.unconfirmed",
        sent_to("warning.example", "https://warning.example/"),
    ),
    case("another page", "http.differs", plain(**OTHER_PAGE), PLAIN_UP),
    case(
        "another page at an address that a control found alive",
        "dns.other.page_differs",
        story(PLAIN).names(FORGED).connects(FORGED).answers(FORGED, **OTHER_PAGE),
        (FOUND_ALIVE, *PLAIN_UP),
    ),
    case("another page, and no control", "http.uncompared", plain(**OTHER_PAGE)),
    case("another status", "http.status_differs", plain(status=403, **OTHER_PAGE), PLAIN_UP),
    case("legal reasons", "http.451", plain(status=451, **OTHER_PAGE), PLAIN_UP),
    case(
        "a connection and no request",
        "http.not_asked",
        story(PLAIN).names(NEAR).connects(NEAR),
        PLAIN_UP,
        depth=Depth.LIGHT,
    ),
    case("reset after the request", "http.reset.control_answered", http_trouble(RESET), PLAIN_UP),
    case("closed after the request", "http.eof.control_answered", http_trouble(EOF), PLAIN_UP),
    case("closed after a request that is encrypted", "http.closed", http_trouble(EOF, target=URL), UP),
    case("silent after the request", "http.timeout.control_answered", http_trouble(SILENCE), PLAIN_UP),
    case("silent on a good connection", "http.slow", http_trouble(SILENCE, target=URL), UP),
]
SITES = [
    case("the certificate is bad for everybody", "site.certificate", bad_certificate(), controls(bad_certificate())),
    case("dead for everybody", "site.down", dead(), controls(dead())),
    case("its name is gone", "site.down", gone(), GONE),
    case("it refuses this name to everybody", "site.down", tls_trouble(RESET), controls(tls_trouble(RESET))),
    case(
        "it publishes a bogon",
        "site.down",
        dns_lie(BOGON, elsewhere=False, honest=False),
        controls(dns_lie(BOGON, elsewhere=False, honest=False)),
    ),
]
CONTROLS = [
    case("no control", "control.none", tcp_trouble(SILENCE)),
    case(
        "a control on a VPN does not speak",
        "control.none",
        tcp_trouble(SILENCE),
        (works().measurement(at=NOON + 5, network=NetworkContext(vpn=True)),),
    ),
    case("an offline control does not speak", "control.none", tcp_trouble(SILENCE), controls(offline())),
    case(
        "it had worked, and none has looked since",
        "control.awaited",
        tcp_trouble(SILENCE),
        (works().measurement(at=NOON - 1),),
    ),
    case("it had failed, and works again", "control.split", tcp_trouble(SILENCE), controls(works(), before=dead())),
    case(
        "one of two controls fails",
        "control.split",
        tcp_trouble(SILENCE),
        (works().measurement(at=NOON + 1), dead().measurement(at=NOON + 1)),
    ),
    case("it goes down between two looks", "site.down", dead(), controls(dead(), before=works())),
    case("a failure that nobody knows", "unexplained", tcp_trouble("unknown_failure: odd"), UP),
]
FREE = tuple(timed("ABBA").measurement(at=NOON + at, epoch=epoch) for epoch in (1, 2) for at in (-60, 60))
"""Controls that read the object as fast under either name."""

SLOW_SITE = tuple(slowed("ABBABAAB").measurement(at=NOON + at, epoch=epoch) for epoch in (1, 2) for at in (-60, 60))

TIMED = [
    case("held to a rate under its name", "throttle.sni.isolated", slowed(), FREE),
    case("stalled after some bytes under its name", "throttle.sni.isolated", slowed(rate=0.0), FREE),
    case(
        "held to a rate under its Host",
        "throttle.host.isolated",
        timed(ROUND, plain(), A=read(A, HELD, tls=False), B=read(B, tls=False)),
        tuple(timed("ABBA", plain(), A=read(A, tls=False)).measurement(at=NOON + at) for at in (-60, 60)),
    ),
    case("handshakes held up under its name", "throttle.sni.handshake", slowed(rate=FAST, handshake_s=3.0), FREE),
    case(
        "held to a rate under any name",
        "throttle.ip.control_faster",
        timed("ABBARRARRA", A=read(A, HELD), B=read(B, HELD)),
        FREE,
    ),
    case(
        "held to a rate where the server knows no other name",
        "throttle.ip.control_faster",
        timed("ABRRARAAR", A=read(A, HELD), B=read(B, status=404)),
        FREE,
    ),
    case("slow for the controls, too", "ok.slow_for_all", slowed(), SLOW_SITE),
    case("no control has read it", "throttle.unconfirmed", slowed()),
    case("two reads against two", "throttle.unconfirmed", slowed("ABBA"), FREE),
    case("as fast as under another name", "ok.https", timed("ABBA"), FREE),
    case("a slow line", "ok.https", timed("ABBARR", A=read(A, HELD), B=read(B, HELD), R=read(R, HELD)), FREE),
    case(
        "a VPN says nothing of speed",
        "vantage.vpn",
        slowed(),
        FREE,
        network=NetworkContext(vpn=True),
    ),
]

CASES = VANTAGES + SUCCESSES + NAMES + QUICS + VPNS + CONNECTIONS + HANDSHAKES + PAGES + SITES + CONTROLS + TIMED


@pytest.mark.parametrize("told", CASES, ids=[f"{told.rule}-{told.what}" for told in CASES])
def test_a_story_matches_its_rule(told: Case) -> None:
    found = told.judge()
    assert (told.rule, RULES_BY_ID[told.rule].judgement) == (found.rule, found.judgement)


@pytest.mark.parametrize("told", CASES, ids=[f"{told.rule}-{told.what}" for told in CASES])
def test_reasons_are_sentences(told: Case) -> None:
    for reason in told.judge().reasons:
        assert re.fullmatch(r"[A-Z0-9h].{15,}[^.\s]", reason), reason
        assert "None" not in reason


def test_every_rule_has_a_story() -> None:
    assert set(RULES_BY_ID) == {told.rule for told in CASES}


def test_ids_are_unique_and_well_formed() -> None:
    assert len(RULES) == len(RULES_BY_ID)
    assert all(re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", rule.id) for rule in RULES)


def test_a_row_has_a_mechanism_if_and_only_if_it_blocks_or_throttles() -> None:
    harm = (Judgement.BLOCKED, Judgement.THROTTLED)
    assert [rule.id for rule in RULES if (rule.mechanism is not None) != (rule.judgement in harm)] == []


def test_a_row_explains_itself() -> None:
    assert all(rule.comment and rule.source for rule in RULES)
    assert RULES_VERSION >= 1


def test_every_mechanism_that_these_steps_can_show_has_a_row() -> None:
    assert set(Mechanism) == {rule.mechanism for rule in RULES if rule.mechanism}


def test_weights_are_shares_and_make_the_judgement() -> None:
    for rule in RULES:
        weights = (rule.weights.blocked, rule.weights.down, rule.weights.ok, rule.weights.throttled)
        assert all(0 <= weight <= 1 for weight in weights), rule.id
        assert sum(weights) <= 1 + 1e-9, rule.id
        assert rule.judgement is rule.weights.judgement


def test_a_finding_is_as_sure_as_its_row() -> None:
    proved, told = classify(tls_trouble(RESET).measurement()), classify(tcp_trouble(SILENCE).measurement(), UP)
    assert (0.97, 0.85, 0) == (proved.weight, told.weight, classify(tcp_trouble(SILENCE).measurement()).weight)


def test_proof_by_controls_alone_is_less_sure_than_proof_without() -> None:
    blocks = [rule for rule in RULES if rule.judgement is Judgement.BLOCKED]
    proved = [rule.weights.blocked for rule in blocks if rule.id.endswith((".isolated", ".doh_reachable"))]
    told = [rule.weights.blocked for rule in blocks if ".control_" in rule.id and "reachable" not in rule.id]
    assert min(proved) > max(told)


def test_the_server_is_never_taken_for_a_censor() -> None:
    assert all(rule.judgement is not Judgement.BLOCKED for rule in RULES if rule.server_side)


def test_the_step_of_a_row_is_the_finding_s() -> None:
    assert Step.DNS is classify(dns_trouble(Failure.DNS_NXDOMAIN).measurement()).step
    assert Step.TLS is classify(bad_certificate().measurement(), controls(bad_certificate())).step
    assert Step.TCP is classify(dead().measurement(), controls(dead())).step


def readme() -> str:
    return (Path(__file__).resolve().parents[3] / "collector" / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_the_table_as_it_is() -> None:
    assert f"<!-- rules -->\n{to_markdown()}<!-- rules -->" in readme()


def test_the_readme_says_every_mechanism_in_the_words_of_the_pages_and_names_its_rules() -> None:
    assert f"<!-- mechanisms -->\n{method.to_markdown()}<!-- mechanisms -->" in readme()
