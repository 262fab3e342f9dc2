"""Rows about handshakes: TLS on a connection that stood."""

from collections.abc import Callable

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.manners import Manner
from rabta_collector.verdict.rule import Rule, by_control, proved, unknown
from rabta_collector.verdict.weights import BY_CONTROL_AND_SILENCE, PERHAPS_BLOCKED, SITE_S_FAULT
from rabta_proto.vocabulary import Mechanism, Step


def _proved_by_name(manner: Manner) -> Callable[[Facts], bool]:
    """Only the name sets it off, and it is not the site itself that does so to everybody."""
    return lambda f: f.by_name(manner) and not f.voices.site_s_doing


def _works(*manners: Manner) -> Callable[[Facts], bool]:
    return lambda f: f.ends(Step.TLS, *manners) and f.works


PROVED = (
    proved(
        id="tls.reset.sni.isolated",
        step=Step.TLS,
        when=_proved_by_name(Manner.RESET),
        mechanism=Mechanism.TLS_RESET_SNI,
        evidence=evidence.handshaking,
        comment="reset after a ClientHello with this name; the same address answers another name",
    ),
    proved(
        id="tls.eof.sni.isolated",
        step=Step.TLS,
        when=_proved_by_name(Manner.CLOSE),
        mechanism=Mechanism.TLS_EOF_SNI,
        evidence=evidence.handshaking,
        comment="closed after a ClientHello with this name; the same address answers another name",
    ),
    unknown(
        id="tls.slow",
        step=Step.TLS,
        when=lambda f: f.ends(Step.TLS, Manner.SILENCE) and f.server_spoke,
        weights=PERHAPS_BLOCKED,
        evidence=evidence.handshaking,
        comment="the server had begun to answer: slow, and not silent",
    ),
    proved(
        id="tls.timeout.sni.isolated",
        step=Step.TLS,
        when=_proved_by_name(Manner.SILENCE),
        mechanism=Mechanism.TLS_TIMEOUT_SNI,
        evidence=evidence.handshaking,
        comment="silence after a ClientHello with this name; the same address answers another name",
    ),
)

SITE_S_CERTIFICATE = Rule(
    id="site.certificate",
    step=Step.TLS,
    when=lambda f: f.foreign_certificate and f.voices.fail_alike,
    weights=SITE_S_FAULT,
    evidence=evidence.certificate,
    by_control=True,
    comment="the site's certificate is bad for the controls, too",
)

BY_CONTROL = (
    by_control(
        id="tls.mitm.control_valid",
        step=Step.TLS,
        when=_works(Manner.CERTIFICATE),
        mechanism=Mechanism.TLS_MITM,
        evidence=evidence.certificate,
        comment="another's certificate; controls see a valid one",
    ),
    by_control(
        id="tls.alert.sni.control_valid",
        step=Step.TLS,
        when=lambda f: f.by_name(Manner.GARBLE) and f.works,
        mechanism=Mechanism.TLS_ALERT_SNI,
        evidence=evidence.handshaking,
        comment="an alert or garbage for this name; the same address answers another name, and controls this one",
    ),
    by_control(
        id="tls.reset.control_valid",
        step=Step.TLS,
        when=_works(Manner.RESET),
        mechanism=Mechanism.TLS_RESET_OTHER,
        evidence=evidence.handshaking,
        comment="reset after the ClientHello, not shown to hang on the name; controls complete the handshake",
    ),
    by_control(
        id="tls.eof.control_valid",
        step=Step.TLS,
        when=_works(Manner.CLOSE),
        mechanism=Mechanism.TLS_EOF_OTHER,
        evidence=evidence.handshaking,
        comment="closed after the ClientHello, not shown to hang on the name; controls complete the handshake",
    ),
    by_control(
        id="tls.timeout.control_valid",
        step=Step.TLS,
        when=_works(Manner.SILENCE),
        weights=BY_CONTROL_AND_SILENCE,
        mechanism=Mechanism.TLS_TIMEOUT_OTHER,
        evidence=evidence.handshaking,
        comment="silence after the ClientHello, not shown to hang on the name; controls complete the handshake",
    ),
)
