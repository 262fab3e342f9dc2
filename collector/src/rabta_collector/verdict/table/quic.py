"""Rows about QUIC. That it fails is no block of a site where nothing leaves the network over QUIC (vantage.no_quic)."""

from collections.abc import Callable

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.manners import Manner
from rabta_collector.verdict.rule import by_control, proved, unknown
from rabta_collector.verdict.weights import BY_CONTROL_AND_SILENCE, PERHAPS_BLOCKED
from rabta_proto.vocabulary import Mechanism, Step


def _works(manner: Manner) -> Callable[[Facts], bool]:
    """Rows before these have seen to it that something else was reached over QUIC."""
    return lambda f: f.ends(Step.QUIC, manner) and f.works and f.quic_works


PROVED = (
    unknown(
        id="quic.slow",
        step=Step.QUIC,
        when=lambda f: f.ends(Step.QUIC, Manner.SILENCE) and f.server_spoke,
        weights=PERHAPS_BLOCKED,
        evidence=evidence.handshaking,
        comment="the server had begun to answer over QUIC: slow, and not silent",
    ),
    proved(
        id="quic.timeout.sni.isolated",
        step=Step.QUIC,
        when=lambda f: f.by_name(Manner.SILENCE, Step.QUIC) and not f.voices.site_s_doing,
        mechanism=Mechanism.QUIC_TIMEOUT,
        evidence=evidence.handshaking,
        comment="silence after a QUIC handshake began with this name; the same address answers another name",
    ),
)

BY_CONTROL = (
    by_control(
        id="quic.timeout.control_connects",
        step=Step.QUIC,
        when=_works(Manner.SILENCE),
        weights=BY_CONTROL_AND_SILENCE,
        mechanism=Mechanism.QUIC_TIMEOUT,
        evidence=evidence.handshaking,
        comment="silence on UDP/443; controls complete the handshake, and other sites are reached over QUIC here",
    ),
    by_control(
        id="quic.refused.control_connects",
        step=Step.QUIC,
        when=_works(Manner.REFUSAL),
        mechanism=Mechanism.QUIC_REFUSED,
        evidence=evidence.handshaking,
        comment="UDP/443 is refused; controls complete the handshake, and other sites are reached over QUIC here",
    ),
    by_control(
        id="quic.unreachable.control_connects",
        step=Step.QUIC,
        when=_works(Manner.UNREACHABLE),
        weights=BY_CONTROL_AND_SILENCE,
        mechanism=Mechanism.IP_UNREACHABLE,
        evidence=evidence.handshaking,
        comment="a router says that there is no way; controls get there, and other sites are reached over QUIC here",
    ),
)

UNEXPLAINED = (
    unknown(
        id="quic.closed",
        step=Step.QUIC,
        when=lambda f: f.ends(Step.QUIC, Manner.GARBLE, Manner.CERTIFICATE),
        weights=PERHAPS_BLOCKED,
        evidence=evidence.handshaking,
        by_control=True,
        comment="the QUIC handshake was turned away, or showed another's certificate: the server's doing, perhaps",
    ),
)
