"""The rules by which one measurement is judged, as a table: first match wins, the last row matches anything.

Ids are public and for ever; a changed meaning is a new id, and any change of the table raises `RULES_VERSION`. A row
says when it matches (a question to `Facts`), what follows, what a person is told (`evidence`), and why it is so
(`comment`, shown beside verdicts that hang on it; `source` names where the reasoning comes from).

Order: a vantage that says nothing; marks that decide by themselves; success; what proves a block without a control; the
site's own faults; what a control proves; and why nothing can be said.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.legs import Manner
from rabta_collector.verdict.support import Support
from rabta_proto.vocabulary import Judgement, Mechanism, Step

RULES_VERSION = 2

METHODS = "collector/README.md, decisions"
TS017 = "OONI ts-017 (web connectivity)"
PAKISTAN = "pages seen in Pakistan since 2012"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row. `step` is `None` where the rule is about no step, or about whichever it ended at."""

    id: str
    step: Step | None
    when: Callable[[Facts], bool]
    judgement: Judgement
    evidence: Callable[[Facts], str]
    comment: str
    source: str = METHODS
    mechanism: Mechanism | None = None
    server_side: bool = False
    by_control: bool = False  # the controls' part of the proof is told, too


_inconclusive = partial(Rule, judgement=Judgement.INCONCLUSIVE)
_ok = partial(Rule, judgement=Judgement.OK)
_blocked = partial(Rule, judgement=Judgement.BLOCKED)
_down = partial(Rule, judgement=Judgement.DOWN, by_control=True)


def _proved_by_name(manner: Manner) -> Callable[[Facts], bool]:
    """Only the name sets it off, and it is not the site itself that does so to everybody."""
    return lambda f: f.by_name(manner) and not f.voices.fail_alike


def _elsewhere(*manners: Manner) -> Callable[[Facts], bool]:
    return lambda f: f.ends(Step.DNS, *manners) and f.reachable_elsewhere


def _works(step: Step, *manners: Manner) -> Callable[[Facts], bool]:
    return lambda f: f.ends(step, *manners) and f.works


def _says(support: Support) -> Callable[[Facts], bool]:
    return lambda f: f.voices.support is support


VANTAGE = (
    _inconclusive(
        id="vantage.nothing_measured",
        step=None,
        when=lambda f: not f.measurement.observations,
        evidence=lambda f: "The measurement holds no step",
        comment="nothing was measured",
    ),
    _inconclusive(
        id="vantage.vpn",
        step=None,
        when=lambda f: f.measurement.network.vpn is True,
        evidence=lambda f: "The measurement ran through a VPN or another tunnel",
        comment="measured through a VPN, which says nothing about the ISP",
    ),
    _inconclusive(
        id="vantage.captive_portal",
        step=None,
        when=lambda f: f.measurement.network.captive_portal is True,
        evidence=lambda f: "A captive portal answers in place of the network",
        comment="measured behind a captive portal",
    ),
    _inconclusive(
        id="vantage.offline",
        step=None,
        when=lambda f: f.offline,
        evidence=lambda f: "Nobody answered anything, public resolvers included",
        comment="the agent had no working network",
    ),
    _inconclusive(
        id="vantage.family_filter",
        step=Step.DNS,
        when=lambda f: f.own_filtered and not f.reached,
        evidence=evidence.answer,
        comment="an opt-in family filter, a product and not a block",
        source=PAKISTAN,
    ),
)

FINGERPRINTS = (
    _blocked(
        id="dns.blockpage.address",
        step=Step.DNS,
        when=lambda f: f.own_block_page and not f.reached,
        mechanism=Mechanism.DNS_BLOCKPAGE,
        evidence=evidence.answer,
        comment="the resolver gave the address of a known block page",
        source=PAKISTAN,
    ),
    _blocked(
        id="http.redirect.known",
        step=Step.HTTP,
        when=lambda f: f.block_host is not None,
        mechanism=Mechanism.HTTP_REDIRECT,
        evidence=evidence.redirect,
        comment="a plain response sent on to a host known for block pages",
        source=PAKISTAN,
    ),
    _blocked(
        id="dns.blockpage.page",
        step=Step.DNS,
        when=lambda f: f.block_page is not None and f.foreign_addresses,
        mechanism=Mechanism.DNS_BLOCKPAGE,
        evidence=lambda f: f"{evidence.others_said(f)}; {evidence.block_page(f)}",
        comment="a known block page stood at an address that only this resolver gives",
        source=PAKISTAN,
    ),
    _blocked(
        id="http.blockpage.known",
        step=Step.HTTP,
        when=lambda f: f.block_page is not None,
        mechanism=Mechanism.HTTP_BLOCKPAGE,
        evidence=evidence.block_page,
        comment="a known block page in place of the site",
        source=PAKISTAN,
    ),
)

REACHED = (
    _blocked(
        id="http.redirect.elsewhere",
        step=Step.HTTP,
        when=lambda f: f.diverted and bool(f.voices.pages) and not f.page_as_controls and not f.harmless_page,
        mechanism=Mechanism.HTTP_REDIRECT,
        evidence=lambda f: f"{evidence.redirect(f)}; {len(f.voices.pages)} controls were sent elsewhere",
        comment="a plain response sent on to another site, where no control was sent",
        source=TS017,
    ),
    _inconclusive(
        id="http.redirect.unconfirmed",
        step=Step.HTTP,
        when=lambda f: f.diverted and not f.page_as_controls,
        evidence=evidence.redirect,
        comment="a plain response sent on to another site, and no control to compare with",
    ),
    _ok(
        id="ok.refused_by_server",
        step=Step.HTTP,
        when=lambda f: f.reached and f.refused_service,
        evidence=evidence.page,
        server_side=True,
        comment="reached, but the server treats clients here differently",
    ),
    _ok(
        id="ok.repeated",
        step=None,
        when=lambda f: f.reached and not f.first_time,
        evidence=lambda f: f"{evidence.reached(f)}, though not at the first try",
        comment="reached when tried again: packet loss does that",
    ),
    _ok(
        id="ok.https",
        step=Step.HTTP,
        when=lambda f: f.reached and f.requested,
        evidence=evidence.reached,
        comment="a valid certificate and an answer",
    ),
    _ok(
        id="ok.tls",
        step=Step.TLS,
        when=lambda f: f.reached,
        evidence=evidence.reached,
        comment="a valid certificate; no request was made",
    ),
    _inconclusive(
        id="http.451",
        step=Step.HTTP,
        when=lambda f: f.requested and f.page is not None and f.page.status == 451 and not f.status_as_controls,
        evidence=evidence.page,
        server_side=True,
        comment="unavailable for legal reasons (HTTP 451), said by the server or in its name",
        source="RFC 7725",
    ),
    _ok(
        id="ok.challenge",
        step=Step.HTTP,
        when=lambda f: f.requested and f.challenged,
        evidence=evidence.page,
        server_side=True,
        comment="a content delivery network's own challenge page",
    ),
    _ok(
        id="ok.http",
        step=Step.HTTP,
        when=lambda f: f.requested and f.page_as_controls,
        evidence=lambda f: f"{evidence.page(f)}, as for a control",
        comment="the same page as for a control",
        source=TS017,
    ),
    _blocked(
        id="dns.other.page_differs",
        step=Step.DNS,
        when=lambda f: f.another_page and bool(f.visited),
        mechanism=Mechanism.DNS_OTHER,
        evidence=lambda f: f"{evidence.others_said(f)}; {evidence.page(f)}, unlike the controls' page",
        by_control=True,
        comment="another page, at an address that only this resolver gives and that a control has been to",
        source=TS017,
    ),
    _blocked(
        id="http.differs",
        step=Step.HTTP,
        when=lambda f: f.another_page,
        mechanism=Mechanism.HTTP_BLOCKPAGE,
        evidence=lambda f: f"{evidence.page(f)}, unlike the controls' page in length, headers and title",
        by_control=True,
        comment="another page in place of the one that the controls agree on",
        source=TS017,
    ),
    _inconclusive(
        id="http.status_differs",
        step=Step.HTTP,
        when=lambda f: f.requested and bool(f.voices.pages),
        evidence=lambda f: f"{evidence.page(f)}, unlike the controls' page",
        server_side=True,
        comment="a plain response unlike the controls', which the server itself may give",
    ),
    _inconclusive(
        id="http.uncompared",
        step=Step.HTTP,
        when=lambda f: f.requested,
        evidence=evidence.page,
        by_control=True,
        comment="a plain response, and no control's to compare it with",
    ),
    _inconclusive(
        id="http.not_asked",
        step=Step.TCP,
        when=lambda f: f.step is None,
        evidence=lambda f: f"The server of {f.name} accepted a connection; no request was made",
        comment="a mere connection does not show whether plain HTTP works",
    ),
)

PROVED = (
    _inconclusive(
        id="vantage.own_fault",
        step=None,
        when=lambda f: f.leg.manner is Manner.LOCAL,
        evidence=evidence.end,
        comment="the agent's own machine was in the way",
    ),
    _inconclusive(
        id="vantage.references_fail",
        step=None,
        when=lambda f: f.references_fail,
        evidence=lambda f: f"{evidence.end(f)}; so does every reference that this agent measures",
        comment="everything fails at this vantage, references too",
    ),
    _inconclusive(
        id="vantage.unrepeated",
        step=None,
        when=lambda f: f.leg.manner in (Manner.SILENCE, Manner.SERVFAIL) and not f.leg.repeated,
        evidence=evidence.end,
        comment="silence that was not tried again: packet loss does that",
    ),
    _blocked(
        id="dns.nxdomain.doh_reachable",
        step=Step.DNS,
        when=_elsewhere(Manner.NXDOMAIN),
        mechanism=Mechanism.DNS_NXDOMAIN,
        evidence=evidence.elsewhere,
        comment="the resolver denies a name that a public resolver finds, with a valid certificate behind it",
    ),
    _blocked(
        id="dns.refused.doh_reachable",
        step=Step.DNS,
        when=_elsewhere(Manner.DENIAL),
        mechanism=Mechanism.DNS_REFUSED,
        evidence=evidence.elsewhere,
        comment="the resolver refuses a name that a public resolver finds, with a valid certificate behind it",
    ),
    _blocked(
        id="dns.timeout.doh_reachable",
        step=Step.DNS,
        when=_elsewhere(Manner.SILENCE),
        mechanism=Mechanism.DNS_TIMEOUT,
        evidence=evidence.elsewhere,
        comment="the resolver is silent for a name that a public resolver finds, with a valid certificate behind it",
    ),
    _blocked(
        id="dns.empty.doh_reachable",
        step=Step.DNS,
        when=_elsewhere(Manner.EMPTY),
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.elsewhere,
        comment="the resolver gives no address where a public resolver gives one with a valid certificate behind it",
    ),
    _blocked(
        id="dns.bogon.doh_reachable",
        step=Step.DNS,
        when=_elsewhere(Manner.SPECIAL),
        mechanism=Mechanism.DNS_BOGON,
        evidence=evidence.elsewhere,
        comment="the resolver gives an address that no site can have; a public resolver's shows a valid certificate",
    ),
    _blocked(
        id="dns.other.doh_reachable",
        step=Step.DNS,
        when=lambda f: f.ends(Step.TLS, Manner.CERTIFICATE) and f.foreign_addresses and f.reachable_elsewhere,
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.elsewhere,
        comment="the resolver's address shows another's certificate; a public resolver's shows a valid one",
    ),
    _blocked(
        id="dns.bogon.ghost",
        step=Step.DNS,
        when=lambda f: f.ends(Step.DNS, Manner.SPECIAL) and f.name_gone,
        mechanism=Mechanism.DNS_BOGON,
        evidence=evidence.others_said,
        by_control=True,
        comment="a name that no longer exists still gets an injected answer: a block that outlived its site",
    ),
    _blocked(
        id="dns.other.ghost",
        step=Step.DNS,
        when=lambda f: f.ends(Step.TLS, Manner.CERTIFICATE) and f.name_gone,
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.others_said,
        by_control=True,
        comment="a name that no longer exists is answered here, by another's server: a block that outlived its site",
    ),
    _blocked(
        id="tls.reset.sni.isolated",
        step=Step.TLS,
        when=_proved_by_name(Manner.RESET),
        mechanism=Mechanism.TLS_RESET_SNI,
        evidence=evidence.isolated,
        comment="reset after a ClientHello with this name; the same address answers another name",
    ),
    _blocked(
        id="tls.eof.sni.isolated",
        step=Step.TLS,
        when=_proved_by_name(Manner.CLOSE),
        mechanism=Mechanism.TLS_EOF_SNI,
        evidence=evidence.isolated,
        comment="closed after a ClientHello with this name; the same address answers another name",
    ),
    _inconclusive(
        id="tls.slow",
        step=Step.TLS,
        when=lambda f: f.ends(Step.TLS, Manner.SILENCE) and f.server_spoke,
        evidence=evidence.handshaking,
        comment="the server had begun to answer: slow, and not silent",
    ),
    _blocked(
        id="tls.timeout.sni.isolated",
        step=Step.TLS,
        when=_proved_by_name(Manner.SILENCE),
        mechanism=Mechanism.TLS_TIMEOUT_SNI,
        evidence=evidence.isolated,
        comment="silence after a ClientHello with this name; the same address answers another name",
    ),
)

SITE = (
    _down(
        id="site.certificate",
        step=Step.TLS,
        when=lambda f: f.ends(Step.TLS, Manner.CERTIFICATE) and f.voices.fail_alike,
        evidence=evidence.certificate,
        comment="the site's certificate is bad for the controls, too",
    ),
    _down(
        id="site.down",
        step=None,
        when=lambda f: f.fails,
        evidence=evidence.end,
        comment="it fails for the controls, too",
    ),
)

BY_CONTROL = (
    _blocked(
        id="dns.nxdomain.control_resolves",
        step=Step.DNS,
        when=_works(Step.DNS, Manner.NXDOMAIN),
        mechanism=Mechanism.DNS_NXDOMAIN,
        evidence=evidence.others_said,
        by_control=True,
        comment="the resolver denies a name that resolves for the controls",
    ),
    _blocked(
        id="dns.refused.control_resolves",
        step=Step.DNS,
        when=_works(Step.DNS, Manner.DENIAL),
        mechanism=Mechanism.DNS_REFUSED,
        evidence=evidence.others_said,
        by_control=True,
        comment="the resolver refuses a name that resolves for the controls",
    ),
    _blocked(
        id="dns.timeout.control_resolves",
        step=Step.DNS,
        when=_works(Step.DNS, Manner.SILENCE),
        mechanism=Mechanism.DNS_TIMEOUT,
        evidence=evidence.others_said,
        by_control=True,
        comment="the resolver is silent for a name that resolves for the controls",
    ),
    _blocked(
        id="dns.empty.control_resolves",
        step=Step.DNS,
        when=_works(Step.DNS, Manner.EMPTY),
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.others_said,
        by_control=True,
        comment="the resolver gives no address for a name that resolves for the controls",
    ),
    _blocked(
        id="dns.servfail.control_resolves",
        step=Step.DNS,
        when=_works(Step.DNS, Manner.SERVFAIL),
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.others_said,
        by_control=True,
        comment="the resolver fails, again and again, for a name that resolves for the controls",
    ),
    _blocked(
        id="dns.bogon.control_differs",
        step=Step.DNS,
        when=lambda f: f.ends(Step.DNS, Manner.SPECIAL) and f.works and f.foreign_addresses,
        mechanism=Mechanism.DNS_BOGON,
        evidence=evidence.others_said,
        by_control=True,
        comment="the resolver gives an address that no site can have, and the controls another",
    ),
    _blocked(
        id="dns.other.not_the_site",
        step=Step.DNS,
        when=lambda f: f.step in (Step.TCP, Step.TLS) and f.not_the_site and f.voices.some_passed,
        mechanism=Mechanism.DNS_OTHER,
        evidence=lambda f: f"{evidence.others_said(f)}; {evidence.end(f)}",
        by_control=True,
        comment="an address that only this resolver gives, where a control finds no site either; at its own it does",
        source=TS017,
    ),
    _blocked(
        id="tcp.reset.control_connects",
        step=Step.TCP,
        when=_works(Step.TCP, Manner.RESET),
        mechanism=Mechanism.TCP_RESET,
        evidence=evidence.connecting,
        by_control=True,
        comment="the connection is reset; controls connect",
    ),
    _blocked(
        id="tcp.refused.control_connects",
        step=Step.TCP,
        when=_works(Step.TCP, Manner.REFUSAL),
        mechanism=Mechanism.TCP_REFUSED,
        evidence=evidence.connecting,
        by_control=True,
        comment="the connection is refused; controls connect",
    ),
    _blocked(
        id="ip.unreachable.control_connects",
        step=Step.TCP,
        when=_works(Step.TCP, Manner.UNREACHABLE),
        mechanism=Mechanism.IP_UNREACHABLE,
        evidence=evidence.connecting,
        by_control=True,
        comment="a router says that there is no way there; controls connect",
    ),
    _blocked(
        id="tcp.timeout.control_connects",
        step=Step.TCP,
        when=_works(Step.TCP, Manner.SILENCE),
        mechanism=Mechanism.TCP_TIMEOUT,
        evidence=evidence.connecting,
        by_control=True,
        comment="the address is silent; controls connect",
    ),
    _inconclusive(
        id="vantage.certificate_store",
        step=Step.TLS,
        when=lambda f: f.ends(Step.TLS, Manner.CERTIFICATE) and f.certificate_as_controls,
        evidence=evidence.certificate,
        comment="the site's own certificate, which this machine does not believe: its clock or its roots are old",
    ),
    _blocked(
        id="dns.other.control_differs",
        step=Step.DNS,
        when=lambda f: f.ends(Step.TLS, Manner.CERTIFICATE) and f.works and f.only_own_resolver,
        mechanism=Mechanism.DNS_OTHER,
        evidence=lambda f: f"{evidence.others_said(f)}; {evidence.certificate(f)}",
        by_control=True,
        comment="another's certificate, at an address that only this resolver gives; controls see a valid one",
    ),
    _blocked(
        id="tls.mitm.control_valid",
        step=Step.TLS,
        when=_works(Step.TLS, Manner.CERTIFICATE),
        mechanism=Mechanism.TLS_MITM,
        evidence=evidence.certificate,
        by_control=True,
        comment="another's certificate; controls see a valid one",
    ),
    _blocked(
        id="tls.alert.sni.control_valid",
        step=Step.TLS,
        when=lambda f: f.by_name(Manner.GARBLE) and f.works,
        mechanism=Mechanism.TLS_ALERT_SNI,
        evidence=evidence.isolated,
        by_control=True,
        comment="an alert or garbage for this name; the same address answers another name, and controls this one",
    ),
    _blocked(
        id="tls.reset.control_valid",
        step=Step.TLS,
        when=_works(Step.TLS, Manner.RESET),
        mechanism=Mechanism.TLS_RESET_OTHER,
        evidence=evidence.handshaking,
        by_control=True,
        comment="reset after the ClientHello, not shown to hang on the name; controls complete the handshake",
    ),
    _blocked(
        id="tls.eof.control_valid",
        step=Step.TLS,
        when=_works(Step.TLS, Manner.CLOSE),
        mechanism=Mechanism.TLS_EOF_OTHER,
        evidence=evidence.handshaking,
        by_control=True,
        comment="closed after the ClientHello, not shown to hang on the name; controls complete the handshake",
    ),
    _blocked(
        id="tls.timeout.control_valid",
        step=Step.TLS,
        when=_works(Step.TLS, Manner.SILENCE),
        mechanism=Mechanism.TLS_TIMEOUT_OTHER,
        evidence=evidence.handshaking,
        by_control=True,
        comment="silence after the ClientHello, not shown to hang on the name; controls complete the handshake",
    ),
    _inconclusive(
        id="http.slow",
        step=Step.HTTP,
        when=lambda f: f.ends(Step.HTTP, Manner.SILENCE) and f.leg.secure,
        evidence=evidence.requesting,
        comment="no answer in time on a connection with a valid certificate: slow, perhaps",
    ),
    _blocked(
        id="http.reset.control_answered",
        step=Step.HTTP,
        when=_works(Step.HTTP, Manner.RESET),
        mechanism=Mechanism.HTTP_RESET_HOST,
        evidence=evidence.requesting,
        by_control=True,
        comment="reset after the request; controls are answered",
    ),
    _blocked(
        id="http.eof.control_answered",
        step=Step.HTTP,
        when=_works(Step.HTTP, Manner.CLOSE),
        mechanism=Mechanism.HTTP_EOF_HOST,
        evidence=evidence.requesting,
        by_control=True,
        comment="closed after the request; controls are answered",
    ),
    _blocked(
        id="http.timeout.control_answered",
        step=Step.HTTP,
        when=_works(Step.HTTP, Manner.SILENCE),
        mechanism=Mechanism.HTTP_TIMEOUT_HOST,
        evidence=evidence.requesting,
        by_control=True,
        comment="silence after the request; controls are answered",
    ),
)

UNKNOWN = (
    _inconclusive(
        id="control.split",
        step=None,
        when=_says(Support.SPLIT),
        evidence=evidence.end,
        by_control=True,
        comment="the controls do not agree whether the site works",
    ),
    _inconclusive(
        id="control.awaited",
        step=None,
        when=_says(Support.AWAITED),
        evidence=evidence.end,
        by_control=True,
        comment="no control has looked since",
    ),
    _inconclusive(
        id="control.none",
        step=None,
        when=_says(Support.NONE),
        evidence=evidence.end,
        by_control=True,
        comment="no control",
    ),
    _inconclusive(
        id="unexplained",
        step=None,
        when=lambda f: True,
        evidence=evidence.end,
        by_control=True,
        comment="a failure that no rule explains",
    ),
)


RULES: tuple[Rule, ...] = VANTAGE + FINGERPRINTS + REACHED + PROVED + SITE + BY_CONTROL + UNKNOWN
RULES_BY_ID = {rule.id: rule for rule in RULES}


def to_markdown() -> str:
    """The table for the README."""
    rows = [
        f"| `{rule.id}` | {rule.judgement}{', by the server itself' if rule.server_side else ''} "
        f"| {f'`{rule.mechanism}`' if rule.mechanism else ''} | {rule.comment} |"
        for rule in RULES
    ]
    return "\n".join(["| rule | finding | mechanism | because |", "|---|---|---|---|", *rows]) + "\n"
