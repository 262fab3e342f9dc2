"""The table's invariants, and one story at least for every row."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rabta_collector.verdict.classify import classify
from rabta_collector.verdict.fingerprints import BLOCK_PAGE_ADDRESSES, FAMILY_FILTER_ADDRESSES
from rabta_collector.verdict.rules import RULES, RULES_BY_ID, RULES_VERSION, to_markdown
from rabta_proto.model import Measurement, NetworkContext
from rabta_proto.vocabulary import Depth, Failure, Judgement, Mechanism, ResolverKind, Step
from support.factories import (
    BOGON,
    DOH,
    EOF,
    FAR,
    FORGED,
    LITERAL,
    NEAR,
    NOON,
    PLAIN,
    RESET,
    SILENCE,
    URL,
    Story,
    bad_certificate,
    dead,
    dns_lie,
    dns_trouble,
    gone,
    http_trouble,
    offline,
    story,
    tcp_trouble,
    tls_trouble,
    works,
    works_again,
    works_light,
)

(BLOCK_PAGE,) = BLOCK_PAGE_ADDRESSES
(FAMILY_FILTER,) = FAMILY_FILTER_ADDRESSES


def controls(told: Story, *, before: Story | None = None) -> tuple[Measurement, ...]:
    """What two controls saw: the same before and after, unless it is said what was before."""
    first = (before or told).measurement(at=NOON - 20)
    return first, told.measurement(at=NOON + 10), told.measurement(at=NOON + 15)


UP = controls(works(address=FAR))
PLAIN_UP = controls(works(PLAIN, address=FAR))
GONE = controls(gone())
FOUND_ALIVE = (
    story(PLAIN).says(Failure.DNS_NXDOMAIN, ResolverKind.UNKNOWN).connects(FORGED, LITERAL).measurement(at=NOON + 12)
)
WENT_THERE = (
    story()
    .says(Failure.DNS_NXDOMAIN, ResolverKind.UNKNOWN)
    .fails_tcp(FORGED, SILENCE, LITERAL)
    .measurement(at=NOON + 12)
)
BLOCK_TEXT: dict[str, Any] = {"marks": ("pk.prohibited",), "title": "", "header_names": (), "body_bytes": 300}
OTHER_PAGE: dict[str, Any] = {"title": "", "header_names": ("date",), "body_bytes": 300}
REDIRECT: dict[str, Any] = {"status": 302, "title": "", "body_bytes": 0}


def plain(**page: Any) -> Story:
    return story(PLAIN).names(NEAR).names(NEAR, by=ResolverKind.DOH).connects(NEAR).answers(NEAR, **page)


def sent_to(name: str, location: str) -> Story:
    told = plain(**REDIRECT, location=location)
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

    @property
    def measurement(self) -> Measurement:
        return self.told.measurement(network=self.network, depth=self.depth)


def case(what: str, rule: str, told: Story, seen: tuple[Measurement, ...] = (), **facts: Any) -> Case:
    return Case(what=what, rule=rule, told=told, controls=seen, **facts)


VANTAGES = [
    case("nothing was measured", "vantage.nothing_measured", story(), UP),
    case("a VPN says nothing of a block", "vantage.vpn", tls_trouble(RESET), UP, network=NetworkContext(vpn=True)),
    case("a VPN says nothing of success", "vantage.vpn", works(), UP, network=NetworkContext(vpn=True)),
    case(
        "a captive portal", "vantage.captive_portal", bad_certificate(), UP, network=NetworkContext(captive_portal=True)
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
    case("the machine's roots are old", "vantage.certificate_store", bad_certificate(key=1), UP),
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
    case("a bogon, controls see another", "dns.bogon.control_differs", dns_lie(BOGON, elsewhere=False), UP),
    case(
        "a liar's certificate, controls see another",
        "dns.other.control_differs",
        lied_to_by_certificate(elsewhere=False),
        UP,
    ),
    case("the address of a block page", "dns.blockpage.address", bad_certificate(BLOCK_PAGE, honest=NEAR)),
    case(
        "a block page at an address of this resolver alone",
        "dns.blockpage.page",
        story(PLAIN).names(FORGED).names(NEAR, by=ResolverKind.DOH).connects(FORGED).answers(FORGED, **BLOCK_TEXT),
    ),
    case("a bogon for a name that is gone", "dns.bogon.ghost", dns_lie(BOGON, elsewhere=False, honest=False), GONE),
    case("a liar for a name that is gone", "dns.other.ghost", bad_certificate(FORGED, honest=None), GONE),
]
CONNECTIONS = [
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
        "a reset that turns into silence",
        "tls.reset.sni.isolated",
        tls_trouble(SILENCE).connects(NEAR).fails_tls(NEAR, RESET),
    ),
    case("an alert by its name", "tls.alert.sni.control_valid", tls_trouble(Failure.SSL_FAILED_HANDSHAKE), UP),
    case("an alert, and no control", "control.none", tls_trouble(Failure.SSL_FAILED_HANDSHAKE)),
    case("begun and not finished", "tls.slow", tls_trouble(SILENCE, answered=True), UP),
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
CASES = VANTAGES + SUCCESSES + NAMES + CONNECTIONS + HANDSHAKES + PAGES + SITES + CONTROLS


@pytest.mark.parametrize("told", CASES, ids=[f"{told.rule}-{told.what}" for told in CASES])
def test_a_story_matches_its_rule(told: Case) -> None:
    found = classify(told.measurement, told.controls, told.references)
    assert (told.rule, RULES_BY_ID[told.rule].judgement) == (found.rule, found.judgement)


@pytest.mark.parametrize("told", CASES, ids=[f"{told.rule}-{told.what}" for told in CASES])
def test_reasons_are_sentences(told: Case) -> None:
    for reason in classify(told.measurement, told.controls, told.references).reasons:
        assert re.fullmatch(r"[A-Z0-9h].{15,}[^.\s]", reason), reason
        assert "None" not in reason


def test_every_rule_has_a_story() -> None:
    assert set(RULES_BY_ID) == {told.rule for told in CASES}


def test_ids_are_unique_and_well_formed() -> None:
    assert len(RULES) == len(RULES_BY_ID)
    assert all(re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", rule.id) for rule in RULES)


def test_a_row_has_a_mechanism_if_and_only_if_it_blocks() -> None:
    assert [rule.id for rule in RULES if (rule.mechanism is not None) != (rule.judgement is Judgement.BLOCKED)] == []


def test_a_row_explains_itself() -> None:
    assert all(rule.comment and rule.source for rule in RULES)
    assert RULES_VERSION >= 1


def test_every_mechanism_that_these_steps_can_show_has_a_row() -> None:
    later = {Mechanism.QUIC_TIMEOUT, Mechanism.THROTTLE_SNI, Mechanism.THROTTLE_HOST, Mechanism.THROTTLE_IP}
    assert set(Mechanism) - later == {rule.mechanism for rule in RULES if rule.mechanism}


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


@pytest.mark.parametrize("mechanism", Mechanism)
def test_the_readme_says_every_mechanism_in_plain_words(mechanism: Mechanism) -> None:
    assert re.search(rf"^\| .*`{re.escape(mechanism)}`.* \| [A-Z]", readme(), re.MULTILINE)
