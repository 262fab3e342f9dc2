"""Rows about the place that was measured from: what it says nothing of, and what it is to blame for itself."""

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.manners import Manner
from rabta_collector.verdict.rule import PAKISTAN, unknown
from rabta_collector.verdict.weights import PERHAPS_BLOCKED, PERHAPS_OK
from rabta_proto.vocabulary import Depth, Step


def _wrong_by_dates(f: Facts) -> bool:
    not_expired = f.step is Step.TLS and f.certificates.clock_is_wrong
    return not_expired or (f.certificates.out_of_date and not f.naming.unvouched)


SPEECHLESS = (
    unknown(
        id="vantage.nothing_measured",
        step=None,
        when=lambda f: not f.measurement.observations,
        evidence=lambda f: "The measurement holds no step",
        comment="nothing was measured",
    ),
    unknown(
        id="vantage.trace",
        step=Step.TRACE,
        when=lambda f: f.measurement.depth is Depth.TRACE,
        evidence=lambda f: "The measurement looked where on the path the target is cut off",
        comment="a trace, which says where something is cut off and never whether",
    ),
    unknown(
        id="vantage.vpn",
        step=None,
        when=lambda f: f.measurement.network.vpn is True,
        evidence=lambda f: "The measurement ran through a VPN or another tunnel",
        comment="measured through a VPN, which says nothing about the ISP",
    ),
    unknown(
        id="vantage.network_changed",
        step=None,
        when=lambda f: f.measurement.network.changed is True,
        evidence=lambda f: "The machine moved to another network while the measurement ran",
        comment="the machine changed its network meanwhile: the steps speak of two networks",
    ),
    unknown(
        id="vantage.other_isp",
        step=None,
        when=lambda f: bool(f.measurement.network.seen_isp),
        evidence=lambda f: f"The collector saw the machine at another ISP ({f.measurement.network.seen_isp})",
        comment="measured at another ISP than the one that the volunteer named: it says nothing of that one",
    ),
    unknown(
        id="vantage.captive_portal",
        step=None,
        when=lambda f: f.measurement.network.captive_portal is True,
        evidence=lambda f: "A captive portal answers in place of the network",
        comment="measured behind a captive portal",
    ),
    unknown(
        id="vantage.offline",
        step=None,
        when=lambda f: f.offline,
        evidence=lambda f: "Nobody answered anything, public resolvers included",
        comment="the agent had no working network",
    ),
    unknown(
        id="vantage.family_filter",
        step=Step.DNS,
        when=lambda f: f.own_filtered and not f.reached,
        evidence=evidence.filter_address,
        comment="an opt-in family filter, a product and not a block",
        source=PAKISTAN,
    ),
)
"""First of all."""

ASTRAY = (
    unknown(
        id="vantage.references_fail",
        step=None,
        when=lambda f: f.references_fail,
        evidence=lambda f: f"{evidence.end(f)}; so does every reference that this agent measures",
        comment="everything fails at this vantage, references too",
    ),
)
"""Before pages are judged: a captive portal answers everything."""

IN_THE_WAY = (
    unknown(
        id="vantage.own_fault",
        step=None,
        when=lambda f: f.leg.manner is Manner.LOCAL,
        evidence=evidence.end,
        comment="the agent's own machine was in the way",
    ),
    unknown(
        id="vantage.unrepeated",
        step=None,
        when=lambda f: f.leg.manner in (Manner.SILENCE, Manner.SERVFAIL) and not f.leg.repeated,
        evidence=evidence.end,
        comment="silence that was not tried again: packet loss does that",
    ),
    unknown(
        id="vantage.line_left",
        step=None,
        when=lambda f: f.leg.manner is Manner.UNREACHABLE and f.leg.tried_again and not f.leg.repeated,
        evidence=lambda f: f"{evidence.end(f)}; tried again, it failed in another way",
        comment="the word that there is no way, and no such word when tried again: a line that goes away looks so",
    ),
    unknown(
        id="vantage.loses",
        step=None,
        when=lambda f: f.leg.manner in (Manner.SILENCE, Manner.SERVFAIL) and f.background.loses is True,
        evidence=lambda f: f"{evidence.end(f)}; silence met much of what was reached from here, too",
        comment="a line or a resolver that loses much: silence meets what is reached, too",
    ),
    unknown(
        id="vantage.chosen_resolver",
        step=Step.DNS,
        when=lambda f: f.lied_to and not f.naming.network_s_word and not f.voices.fail_alike,
        weights=PERHAPS_BLOCKED,
        evidence=evidence.others_said,
        comment="the word of a public resolver of the volunteer's choice, which may filter; no sign that it was forged",
    ),
)
"""Before failures are judged."""

EXCUSES = (
    unknown(
        id="vantage.no_ipv6",
        step=Step.DNS,
        when=lambda f: f.naming.lacks_ipv6,
        evidence=evidence.others_said,
        comment="the site has IPv6 addresses alone, and this machine has no IPv6",
    ),
    unknown(
        id="vantage.broken_ipv6",
        step=None,
        when=lambda f: f.ipv6_unsure,
        evidence=evidence.end,
        comment="IPv6 addresses alone fail, at a machine whose IPv6 may be broken",
    ),
    unknown(
        id="vantage.no_quic",
        step=Step.QUIC,
        when=lambda f: f.lost_over_quic and not f.quic_works and f.background.quic_works is False,
        evidence=evidence.nothing_over_quic,
        comment="no QUIC leaves this network, as in many offices: UDP cut as a whole is no block of a site",
    ),
    unknown(
        id="vantage.quic_unproven",
        step=Step.QUIC,
        when=lambda f: f.lost_over_quic and not f.quic_works,
        evidence=evidence.nothing_over_quic,
        comment="nothing else has been reached over QUIC from here lately, so that it may be cut as a whole",
    ),
    unknown(
        id="vantage.certificate_store",
        step=Step.TLS,
        when=lambda f: f.foreign_certificate and f.certificates.as_controls,
        weights=PERHAPS_OK,
        evidence=evidence.certificate,
        comment="the site's own certificate, which this machine does not believe: its clock or its roots are old",
    ),
    unknown(
        id="vantage.tls_opened",
        step=None,
        when=lambda f: f.foreign_certificate and f.certificates.opened_for_all,
        weights=PERHAPS_OK,
        evidence=lambda f: f"{evidence.certificate(f)}; so do others from here, and none its own",
        comment="another's certificate, here for others than the site, too: an office that opens TLS, perhaps",
    ),
    unknown(
        id="vantage.clock",
        step=Step.TLS,
        when=lambda f: f.foreign_certificate and _wrong_by_dates(f),
        weights=PERHAPS_OK,
        evidence=evidence.certificate,
        comment="a certificate of which nothing but its dates is called wrong: the machine's clock may be",
    ),
)
"""Before controls prove anything: what is so here may be this machine's doing."""
