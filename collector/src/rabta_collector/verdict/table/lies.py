"""Rows about names that prove a lie without a control: another address works, or the true answer came after it."""

from collections.abc import Callable

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.manners import Manner
from rabta_collector.verdict.rule import proved
from rabta_collector.verdict.weights import ELSEWHERE_WORKS, GHOST, SECOND_ANSWER
from rabta_proto.vocabulary import Mechanism, Step


def _elsewhere(*manners: Manner) -> Callable[[Facts], bool]:
    return lambda f: f.ends(Step.DNS, *manners) and f.naming.elsewhere


def _at_controls(*manners: Manner) -> Callable[[Facts], bool]:
    return lambda f: f.ends(Step.DNS, *manners) and f.naming.elsewhere_by_control


def _raced(*manners: Manner) -> Callable[[Facts], bool]:
    return lambda f: f.ends(Step.DNS, *manners) and bool(f.naming.raced)


PROVED = (
    proved(
        id="dns.nxdomain.doh_reachable",
        step=Step.DNS,
        when=_elsewhere(Manner.NXDOMAIN),
        mechanism=Mechanism.DNS_NXDOMAIN,
        evidence=evidence.elsewhere,
        comment="the resolver denies a name that a public resolver finds, with a valid certificate behind it",
    ),
    proved(
        id="dns.refused.doh_reachable",
        step=Step.DNS,
        when=_elsewhere(Manner.DENIAL),
        mechanism=Mechanism.DNS_REFUSED,
        evidence=evidence.elsewhere,
        comment="the resolver refuses a name that a public resolver finds, with a valid certificate behind it",
    ),
    proved(
        id="dns.timeout.doh_reachable",
        step=Step.DNS,
        when=_elsewhere(Manner.SILENCE),
        mechanism=Mechanism.DNS_TIMEOUT,
        evidence=evidence.elsewhere,
        comment="the resolver is silent for a name that a public resolver finds, with a valid certificate behind it",
    ),
    proved(
        id="dns.empty.doh_reachable",
        step=Step.DNS,
        when=_elsewhere(Manner.EMPTY),
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.elsewhere,
        comment="the resolver gives no address where a public resolver gives one with a valid certificate behind it",
    ),
    proved(
        id="dns.bogon.doh_reachable",
        step=Step.DNS,
        when=_elsewhere(Manner.SPECIAL),
        mechanism=Mechanism.DNS_BOGON,
        evidence=evidence.elsewhere,
        comment="the resolver gives an address that no site can have; a public resolver's shows a valid certificate",
    ),
    proved(
        id="dns.other.doh_reachable",
        step=Step.DNS,
        when=lambda f: f.foreign_certificate and f.naming.unvouched and f.naming.elsewhere,
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.elsewhere,
        comment="the resolver's address shows another's certificate; a public resolver's shows a valid one",
    ),
    proved(
        id="dns.nxdomain.control_address_reachable",
        step=Step.DNS,
        when=_at_controls(Manner.NXDOMAIN),
        mechanism=Mechanism.DNS_NXDOMAIN,
        evidence=evidence.elsewhere,
        comment="the resolver denies a name, and the address that controls have for it shows a valid certificate here",
    ),
    proved(
        id="dns.refused.control_address_reachable",
        step=Step.DNS,
        when=_at_controls(Manner.DENIAL),
        mechanism=Mechanism.DNS_REFUSED,
        evidence=evidence.elsewhere,
        comment="the resolver refuses a name, and the address that controls have for it shows a valid certificate here",
    ),
    proved(
        id="dns.timeout.control_address_reachable",
        step=Step.DNS,
        when=_at_controls(Manner.SILENCE),
        mechanism=Mechanism.DNS_TIMEOUT,
        evidence=evidence.elsewhere,
        comment="the resolver is silent, and the address that controls have shows a valid certificate here",
    ),
    proved(
        id="dns.empty.control_address_reachable",
        step=Step.DNS,
        when=_at_controls(Manner.EMPTY),
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.elsewhere,
        comment="the resolver gives no address, and the one that controls have shows a valid certificate here",
    ),
    proved(
        id="dns.bogon.control_address_reachable",
        step=Step.DNS,
        when=_at_controls(Manner.SPECIAL),
        mechanism=Mechanism.DNS_BOGON,
        evidence=evidence.elsewhere,
        comment="the resolver gives an address that no site can have; the controls' shows a valid certificate here",
    ),
    proved(
        id="dns.other.control_address_reachable",
        step=Step.DNS,
        when=lambda f: f.foreign_certificate and f.naming.unvouched and f.naming.elsewhere_by_control,
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.elsewhere,
        comment="the resolver's address shows another's certificate; the controls' shows a valid one here",
    ),
    proved(
        id="dns.nxdomain.second_answer",
        step=Step.DNS,
        when=_raced(Manner.NXDOMAIN),
        weights=SECOND_ANSWER,
        mechanism=Mechanism.DNS_NXDOMAIN,
        evidence=evidence.others_said,
        comment="a denial, and a moment later a second answer with the true address: the first was injected",
    ),
    proved(
        id="dns.refused.second_answer",
        step=Step.DNS,
        when=_raced(Manner.DENIAL),
        weights=SECOND_ANSWER,
        mechanism=Mechanism.DNS_REFUSED,
        evidence=evidence.others_said,
        comment="a refusal, and a moment later a second answer with the true address: the first was injected",
    ),
    proved(
        id="dns.empty.second_answer",
        step=Step.DNS,
        when=_raced(Manner.EMPTY),
        weights=SECOND_ANSWER,
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.others_said,
        comment="an answer without an address, and a moment later the true one: the first was injected",
    ),
    proved(
        id="dns.bogon.second_answer",
        step=Step.DNS,
        when=_raced(Manner.SPECIAL),
        weights=SECOND_ANSWER,
        mechanism=Mechanism.DNS_BOGON,
        evidence=evidence.others_said,
        comment="an address that no site can have, and a moment later the true one: the first was injected",
    ),
    proved(
        id="dns.other.second_answer",
        step=Step.DNS,
        when=lambda f: bool(f.naming.raced) and f.naming.unvouched and (f.step not in (None, Step.DNS) or f.named_only),
        weights=SECOND_ANSWER,
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.raced,
        comment="another address, and a moment later the true one: the first was injected",
    ),
    proved(
        id="dns.other.address_fails",
        step=Step.DNS,
        when=lambda f: f.own_address_fails and f.works,
        weights=ELSEWHERE_WORKS,
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.address_fails,
        by_control=True,
        comment="an address that only this resolver gives, in nobody else's network, fails; one that others give works",
    ),
    proved(
        id="dns.bogon.ghost",
        step=Step.DNS,
        when=lambda f: f.ends(Step.DNS, Manner.SPECIAL) and f.name_gone,
        weights=GHOST,
        mechanism=Mechanism.DNS_BOGON,
        evidence=evidence.others_said,
        by_control=True,
        comment="a name that no longer exists still gets an injected answer: a block that outlived its site",
    ),
    proved(
        id="dns.other.ghost",
        step=Step.DNS,
        when=lambda f: f.foreign_certificate and f.name_gone,
        weights=GHOST,
        mechanism=Mechanism.DNS_OTHER,
        evidence=evidence.others_said,
        by_control=True,
        comment="a name that no longer exists is answered here, by another's server: a block that outlived its site",
    ),
)
