"""Rows about VPN protocols: the first message to a server, and what came of it.

There is no innocuous word to compare with, as there is a name in TLS: what proves a cut here is that controls are
answered, and over UDP that something else of that agent's got through.
"""

from collections.abc import Callable

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.legs import Scheme, vpn
from rabta_collector.verdict.manners import Manner
from rabta_collector.verdict.rule import Rule, by_control, unknown
from rabta_collector.verdict.weights import BY_CONTROL_AND_SILENCE, PERHAPS_BLOCKED, PROVED, UNCERTIFIED
from rabta_proto.vocabulary import Mechanism, Step, VpnProtocol

CLOCK_S = 5.0
"""By how much an agent's clock may be off: WireGuard's servers answer no timestamp older than the last one."""


def _works(manner: Manner) -> Callable[[Facts], bool]:
    return lambda f: f.ends(Step.VPN, manner) and f.works


def _lost(f: Facts) -> bool:
    return f.ends(Step.VPN, Manner.SILENCE, Manner.REFUSAL, Manner.UNREACHABLE)


def _over_tcp(f: Facts) -> bool:
    return any(vpn(o).over_tcp for o in f.leg.failed)


def _untimely(f: Facts) -> bool:
    """Whether a WireGuard server may have been silent because the message looked old."""
    offset_us, jumped = f.measurement.clock_offset_us, f.measurement.clock_jumped
    timed = offset_us is not None and not jumped and abs(offset_us) <= CLOCK_S * 1e6
    spoken = {vpn(o).protocol for o in f.leg.vpn}
    return f.ends(Step.VPN, Manner.SILENCE) and VpnProtocol.WIREGUARD in spoken and not timed


def _ech_is_cut(f: Facts) -> bool:
    """Whether a ClientHello with Encrypted Client Hello came to nothing, where an answer would be ServerHello."""
    cut = f.ends(Step.VPN, Manner.SILENCE, Manner.RESET, Manner.CLOSE, Manner.REFUSAL, Manner.UNREACHABLE)
    return cut and {vpn(o).protocol for o in f.leg.failed} == {VpnProtocol.ECH}


def _set_off_by_ech(f: Facts) -> bool:
    """Whether that was so in every pass, and at once after each of them the same hello without it was answered."""
    failed = {(o.attempt, vpn(o).address) for o in f.leg.failed}
    return f.leg.repeated and failed <= {(o.attempt, vpn(o).address) for o in f.leg.plain if o.failure is None}


ANSWERED = Rule(
    id="ok.vpn",
    step=Step.VPN,
    when=lambda f: f.passes(Scheme.VPN) and bool(f.leg.vpn),
    weights=UNCERTIFIED,
    evidence=evidence.answered_as_vpn,
    comment="the server answered the protocol's first message; whether a tunnel would stand was not tried",
)

EXCUSES = (
    unknown(
        id="vantage.udp_unproven",
        step=Step.VPN,
        when=lambda f: _lost(f) and not _over_tcp(f) and f.background.udp_works is not True,
        evidence=evidence.nothing_over_udp,
        comment="nothing else is known to leave this network over UDP: UDP cut as a whole is no block of a server",
    ),
    unknown(
        id="vantage.clock.wireguard",
        step=Step.VPN,
        when=_untimely,
        evidence=evidence.greeting,
        comment="a WireGuard server is silent to messages that look old, and this agent's clock is off, or not known",
        source="WireGuard white paper, section 5.4.2",
    ),
    unknown(
        id="ech.unproven",
        step=Step.VPN,
        when=lambda f: _ech_is_cut(f) and not _set_off_by_ech(f),
        evidence=evidence.perhaps_ech,
        comment="what cuts a plain ClientHello, too, or was seen once alone, is not shown to be set off by Encrypted "
        "Client Hello",
    ),
)

BY_CONTROL = (
    by_control(
        id="tls.ech.isolated",
        step=Step.VPN,
        when=lambda f: _ech_is_cut(f) and f.works,
        weights=PROVED,
        mechanism=Mechanism.TLS_ECH,
        evidence=evidence.by_ech,
        comment="a ClientHello with Encrypted Client Hello is cut each time, and the same one without it is answered; "
        "controls are answered with it",
        source="draft-ietf-tls-esni, section 6.2 (GREASE ECH)",
    ),
    by_control(
        id="vpn.timeout.control_answered",
        step=Step.VPN,
        when=_works(Manner.SILENCE),
        weights=BY_CONTROL_AND_SILENCE,
        mechanism=Mechanism.VPN_TIMEOUT,
        evidence=evidence.greeting,
        comment="silence after the protocol's first message; controls are answered",
    ),
    by_control(
        id="vpn.reset.control_answered",
        step=Step.VPN,
        when=_works(Manner.RESET),
        mechanism=Mechanism.VPN_RESET,
        evidence=evidence.greeting,
        comment="a reset after the protocol's first message; controls are answered",
    ),
    by_control(
        id="vpn.eof.control_answered",
        step=Step.VPN,
        when=_works(Manner.CLOSE),
        mechanism=Mechanism.VPN_EOF,
        evidence=evidence.greeting,
        comment="the connection is closed after the protocol's first message; controls are answered",
    ),
    by_control(
        id="vpn.refused.control_answered",
        step=Step.VPN,
        when=_works(Manner.REFUSAL),
        mechanism=Mechanism.VPN_REFUSED,
        evidence=evidence.greeting,
        comment="the server's UDP port is refused; controls are answered",
    ),
    by_control(
        id="vpn.unreachable.control_answered",
        step=Step.VPN,
        when=_works(Manner.UNREACHABLE),
        weights=BY_CONTROL_AND_SILENCE,
        mechanism=Mechanism.IP_UNREACHABLE,
        evidence=evidence.greeting,
        comment="a router says that there is no way; controls are answered",
    ),
)

UNEXPLAINED = (
    unknown(
        id="vpn.strange",
        step=Step.VPN,
        when=lambda f: f.ends(Step.VPN, Manner.GARBLE),
        weights=PERHAPS_BLOCKED,
        evidence=evidence.greeting,
        by_control=True,
        comment="something else than this protocol came back: the server's doing, perhaps",
    ),
)
