"""Rows about how fast a site that is reached may be read (pace.py has the test)."""

from collections.abc import Callable

from rabta_collector.verdict import pacing
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.rule import Rule, unknown
from rabta_collector.verdict.weights import PERHAPS_THROTTLED, SAME_PAGE, SLOWED_BY_ADDRESS, SLOWED_BY_NAME
from rabta_proto.vocabulary import Mechanism, Step


def _got_there(f: Facts) -> bool:
    return f.reached or f.requested


def _borne_out(slowed: Callable[[Facts], bool]) -> Callable[[Facts], bool]:
    """The site is reached, it is slow for this agent, and controls read it faster."""
    return lambda f: f.reads.compared and _got_there(f) and slowed(f) and f.reads.controls_are_faster


def _over(f: Facts, *, tls: bool) -> bool:
    return any(read.url.startswith("https:") is tls for read in f.reads.own)


SLOWED = (
    Rule(
        id="throttle.sni.isolated",
        step=Step.TRANSFER,
        when=_borne_out(lambda f: f.reads.slowed_by_name and _over(f, tls=True)),
        weights=SLOWED_BY_NAME,
        mechanism=Mechanism.THROTTLE_SNI,
        evidence=pacing.by_name,
        comment="held to a fifth or less of what the same server gives under another name; controls read it faster",
    ),
    Rule(
        id="throttle.host.isolated",
        step=Step.TRANSFER,
        when=_borne_out(lambda f: f.reads.slowed_by_name and _over(f, tls=False)),
        weights=SLOWED_BY_NAME,
        mechanism=Mechanism.THROTTLE_HOST,
        evidence=pacing.by_name,
        comment="held to a fifth or less of what the same server gives under another Host; controls read it faster",
    ),
    Rule(
        id="throttle.sni.handshake",
        step=Step.TRANSFER,
        when=_borne_out(lambda f: f.reads.delayed_by_name),
        weights=SLOWED_BY_NAME,
        mechanism=Mechanism.THROTTLE_SNI,
        evidence=pacing.by_handshake,
        comment="the handshake is held up under this name, and not under another at the same server, nor for controls",
    ),
    Rule(
        id="throttle.ip.control_faster",
        step=Step.TRANSFER,
        when=_borne_out(lambda f: f.reads.slowed_by_address),
        weights=SLOWED_BY_ADDRESS,
        mechanism=Mechanism.THROTTLE_IP,
        evidence=pacing.by_address,
        comment="all that this server gives is held to one rate, under any name that it answers to; "
        "another site is read faster from here, and this one from abroad",
    ),
    Rule(
        id="ok.slow_for_all",
        step=Step.TRANSFER,
        when=lambda f: (
            f.reached and f.reads.suspicious and f.reads.controls_read > 0 and not f.reads.controls_are_faster
        ),
        weights=SAME_PAGE,
        evidence=pacing.for_all,
        comment="slow for the controls, too",
    ),
    unknown(
        id="throttle.unconfirmed",
        step=Step.TRANSFER,
        when=lambda f: _got_there(f) and f.reads.suspicious,
        weights=PERHAPS_THROTTLED,
        evidence=pacing.unconfirmed,
        comment="slower than what it is compared with, and not yet shown to be more than chance, or the server's doing",
    ),
)
"""After proofs that something else came in the site's place, before it is called reached."""
