"""Rows about names: what the machine's own resolver says, held against what others say."""

from collections.abc import Callable

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.legs import Scheme
from rabta_collector.verdict.manners import Manner
from rabta_collector.verdict.rule import PAKISTAN, TS017, Rule, by_control, unknown
from rabta_collector.verdict.weights import (
    BY_CONTROL_AND_SILENCE,
    COMPARED,
    KNOWN_MARK,
    PERHAPS_OK,
    UNCERTIFIED,
)
from rabta_proto.vocabulary import Mechanism, Step


def _works(*manners: Manner) -> Callable[[Facts], bool]:
    return lambda f: f.ends(Step.DNS, *manners) and f.works


KNOWN = Rule(
    id="dns.blockpage.address",
    step=Step.DNS,
    when=lambda f: f.own_block_page and not f.reached,
    weights=KNOWN_MARK,
    mechanism=Mechanism.DNS_BLOCKPAGE,
    evidence=evidence.block_page_address,
    comment="the resolver gave the address of a known block page",
    source=PAKISTAN,
)

KNOWN_PAGE = Rule(
    id="dns.blockpage.page",
    step=Step.DNS,
    when=lambda f: f.responses.block_page is not None and (f.naming.foreign or f.naming.denied_by_others),
    weights=KNOWN_MARK,
    mechanism=Mechanism.DNS_BLOCKPAGE,
    evidence=lambda f: f"{evidence.others_said(f)}; {evidence.block_page(f)}",
    comment="a known block page stood at an address that only this resolver gives",
    source=PAKISTAN,
)

ANOTHER_PAGE = (
    by_control(
        id="dns.other.page_differs",
        step=Step.DNS,
        when=lambda f: f.requested and f.responses.another and bool(f.naming.visited),
        weights=COMPARED,
        mechanism=Mechanism.DNS_OTHER,
        evidence=lambda f: f"{evidence.others_said(f)}; {evidence.page(f)}, unlike the controls' page",
        comment="another page, at an address that only this resolver gives and that a control has been to",
        source=TS017,
    ),
    by_control(
        id="dns.other.page_at_foreign_address",
        step=Step.DNS,
        when=lambda f: f.requested and f.responses.another and f.at_a_foreign_address,
        weights=COMPARED,
        mechanism=Mechanism.DNS_OTHER,
        evidence=lambda f: f"{evidence.others_said(f)}; {evidence.page(f)}, unlike the controls' page",
        comment="another page, at an address that only this resolver gives",
        source=TS017,
    ),
)

AGREED = (
    Rule(
        id="ok.dns",
        step=Step.DNS,
        when=lambda f: f.passes(Scheme.DNS) and bool(f.naming.honest) and not f.naming.unvouched,
        weights=UNCERTIFIED,
        evidence=evidence.others_said,
        comment="the resolver's answer agrees with those of resolvers or controls that nobody here can forge",
    ),
    Rule(
        id="ok.tcp",
        step=Step.TCP,
        when=lambda f: f.passes(Scheme.TCP) and f.address_is_believed,
        weights=UNCERTIFIED,
        evidence=evidence.connected,
        comment="the server accepts connections",
    ),
)

UNDECIDED = (
    unknown(
        id="dns.differs",
        step=Step.DNS,
        when=lambda f: f.named_only and f.naming.unvouched,
        weights=PERHAPS_OK,
        evidence=evidence.others_said,
        comment="an answer unlike others', as delivery networks give by place; no certificate tells whose it is",
    ),
    unknown(
        id="dns.uncompared",
        step=Step.DNS,
        when=lambda f: f.named_only,
        weights=PERHAPS_OK,
        evidence=evidence.answer,
        by_control=True,
        comment="an answer, and nobody's to compare it with",
    ),
)

BY_CONTROL = (
    by_control(
        id="dns.nxdomain.control_resolves",
        step=Step.DNS,
        when=_works(Manner.NXDOMAIN),
        mechanism=Mechanism.DNS_NXDOMAIN,
        evidence=evidence.others_said,
        comment="the resolver denies a name that resolves for the controls",
    ),
    by_control(
        id="dns.refused.control_resolves",
        step=Step.DNS,
        when=_works(Manner.DENIAL),
        mechanism=Mechanism.DNS_REFUSED,
        evidence=evidence.others_said,
        comment="the resolver refuses a name that resolves for the controls",
    ),
    by_control(
        id="dns.timeout.control_resolves",
        step=Step.DNS,
        when=_works(Manner.SILENCE),
        weights=BY_CONTROL_AND_SILENCE,
        mechanism=Mechanism.DNS_TIMEOUT,
        evidence=evidence.others_said,
        comment="the resolver is silent for a name that resolves for the controls",
    ),
    by_control(
        id="dns.empty.control_resolves",
        step=Step.DNS,
        when=_works(Manner.EMPTY),
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.others_said,
        comment="the resolver gives no address for a name that resolves for the controls",
    ),
    by_control(
        id="dns.servfail.control_resolves",
        step=Step.DNS,
        when=_works(Manner.SERVFAIL),
        weights=COMPARED,
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.others_said,
        comment="the resolver fails, again and again, for a name that resolves for the controls",
    ),
    by_control(
        id="dns.bogon.control_differs",
        step=Step.DNS,
        when=lambda f: f.ends(Step.DNS, Manner.SPECIAL) and f.works and (f.naming.foreign or not f.leg.own),
        mechanism=Mechanism.DNS_BOGON,
        evidence=evidence.others_said,
        comment="the resolver gives an address that no site can have, and the controls another",
    ),
    by_control(
        id="dns.other.not_the_site",
        step=Step.DNS,
        when=lambda f: f.step in (Step.TCP, Step.TLS) and f.not_the_site and f.voices.some_passed,
        mechanism=Mechanism.DNS_OTHER,
        evidence=lambda f: f"{evidence.others_said(f)}; {evidence.end(f)}",
        comment="an address that only this resolver gives, where a control finds no site either; at its own it does",
        source=TS017,
    ),
)

CERTIFICATE_BY_CONTROL = by_control(
    id="dns.other.control_differs",
    step=Step.DNS,
    when=lambda f: f.foreign_certificate and f.works and f.naming.only_own_resolver and not f.naming.others_fail,
    mechanism=Mechanism.DNS_OTHER,
    evidence=lambda f: f"{evidence.others_said(f)}; {evidence.certificate(f)}",
    comment="another's certificate, at an address that only this resolver gives; controls see a valid one",
)
