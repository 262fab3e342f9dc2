"""Rows about pages: what came back, and whether the controls were given the same."""

from collections.abc import Callable

from rabta_collector.verdict import evidence
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.legs import Scheme
from rabta_collector.verdict.manners import Manner
from rabta_collector.verdict.responses import Responses
from rabta_collector.verdict.rule import PAKISTAN, TS017, Rule, by_control, unknown
from rabta_collector.verdict.weights import (
    BY_CONTROL_AND_SILENCE,
    CERTIFIED,
    CERTIFIED_LATE,
    COMPARED,
    KNOWN_MARK,
    PERHAPS_BLOCKED,
    PERHAPS_OK,
    SAME_PAGE,
    SERVER_S_DOING,
)
from rabta_proto.vocabulary import Mechanism, Step


def _works(*manners: Manner) -> Callable[[Facts], bool]:
    return lambda f: f.ends(Step.HTTP, *manners) and f.works


def _differs(responses: Responses) -> bool:
    return not responses.status_as_controls or responses.comparable


KNOWN_REDIRECT = Rule(
    id="http.redirect.known",
    step=Step.HTTP,
    when=lambda f: f.responses.block_host is not None,
    weights=KNOWN_MARK,
    mechanism=Mechanism.HTTP_REDIRECT,
    evidence=evidence.redirect,
    comment="a plain response sent on to a host known for block pages",
    source=PAKISTAN,
)

KNOWN_PAGE = Rule(
    id="http.blockpage.known",
    step=Step.HTTP,
    when=lambda f: f.responses.block_page is not None,
    weights=KNOWN_MARK,
    mechanism=Mechanism.HTTP_BLOCKPAGE,
    evidence=evidence.block_page,
    comment="a known block page in place of the site",
    source=PAKISTAN,
)

DIVERTED = (
    unknown(
        id="http.redirect.by_server",
        step=Step.HTTP,
        when=lambda f: f.diverted and f.responses.diverted_by_server,
        weights=PERHAPS_OK,
        evidence=lambda f: f"{evidence.redirect_elsewhere(f)}; it bears a header of the site's own",
        server_side=True,
        comment="sent on to another site by the site itself, as its own header shows: by country, perhaps",
    ),
    Rule(
        id="http.redirect.elsewhere",
        step=Step.HTTP,
        when=lambda f: f.diverted and bool(f.voices.pages) and not f.responses.harmless,
        weights=COMPARED,
        mechanism=Mechanism.HTTP_REDIRECT,
        evidence=evidence.redirect_elsewhere,
        comment="a plain response sent on to another site, where no control was sent",
        source=TS017,
    ),
    unknown(
        id="http.redirect.unconfirmed",
        step=Step.HTTP,
        when=lambda f: f.diverted,
        weights=PERHAPS_BLOCKED,
        evidence=evidence.redirect,
        comment="a plain response sent on to another site, and no control to compare with",
    ),
)

REACHED = (
    Rule(
        id="ok.quic",
        step=Step.QUIC,
        when=lambda f: f.reached and f.first_time and f.leg.scheme is Scheme.QUIC,
        weights=CERTIFIED,
        evidence=evidence.reached,
        comment="a valid certificate over QUIC",
    ),
    Rule(
        id="ok.legal_reasons",
        step=Step.HTTP,
        when=lambda f: f.reached and f.unavailable_for_legal_reasons and not f.responses.status_as_controls,
        weights=SERVER_S_DOING,
        evidence=evidence.page,
        server_side=True,
        comment="reached, and the server itself says that this is unavailable for legal reasons (HTTP 451)",
        source="RFC 7725",
    ),
    Rule(
        id="ok.refused_by_server",
        step=Step.HTTP,
        when=lambda f: f.reached and f.responses.refused_service,
        weights=SERVER_S_DOING,
        evidence=evidence.refused,
        server_side=True,
        comment="reached, but the server treats clients here differently",
    ),
    Rule(
        id="ok.challenged",
        step=Step.HTTP,
        when=lambda f: f.reached and f.responses.challenged and not f.responses.status_as_controls,
        weights=SERVER_S_DOING,
        evidence=evidence.reached,
        server_side=True,
        comment="reached, and a content delivery network asks for proof of being human",
    ),
    Rule(
        id="ok.repeated",
        step=None,
        when=lambda f: f.reached and not f.first_time,
        weights=CERTIFIED_LATE,
        evidence=lambda f: f"{evidence.reached(f)}, though not at the first try",
        comment="reached when tried again: packet loss does that",
    ),
    Rule(
        id="ok.https",
        step=Step.HTTP,
        when=lambda f: f.reached and f.requested,
        weights=CERTIFIED,
        evidence=evidence.reached,
        comment="a valid certificate and an answer",
    ),
    Rule(
        id="ok.tls",
        step=Step.TLS,
        when=lambda f: f.reached,
        weights=CERTIFIED,
        evidence=evidence.reached,
        comment="a valid certificate; no request was made",
    ),
    unknown(
        id="http.451",
        step=Step.HTTP,
        when=lambda f: f.unavailable_for_legal_reasons and not f.responses.status_as_controls,
        weights=PERHAPS_OK,
        evidence=evidence.page,
        server_side=True,
        comment="unavailable for legal reasons (HTTP 451), said by the server or in its name",
        source="RFC 7725",
    ),
    Rule(
        id="ok.challenge",
        step=Step.HTTP,
        when=lambda f: f.requested and f.responses.challenged,
        weights=SERVER_S_DOING,
        evidence=evidence.page,
        server_side=True,
        comment="a content delivery network's own challenge page",
    ),
    Rule(
        id="ok.http",
        step=Step.HTTP,
        when=lambda f: f.requested and f.responses.as_controls,
        weights=SAME_PAGE,
        evidence=lambda f: f"{evidence.page(f)}, as for a control",
        comment="the same page as for a control",
        source=TS017,
    ),
)

DIFFERENT = (
    by_control(
        id="http.differs",
        step=Step.HTTP,
        when=lambda f: f.requested and f.responses.another,
        weights=COMPARED,
        mechanism=Mechanism.HTTP_BLOCKPAGE,
        evidence=lambda f: f"{evidence.page(f)}, unlike the controls' page in length, headers and title",
        comment="another page in place of the one that the controls agree on",
        source=TS017,
    ),
    unknown(
        id="http.status_differs",
        step=Step.HTTP,
        when=lambda f: f.requested and bool(f.voices.pages) and _differs(f.responses),
        weights=PERHAPS_OK,
        evidence=lambda f: f"{evidence.page(f)}, unlike the controls' page",
        server_side=True,
        comment="a plain response unlike the controls', which the server itself may give",
    ),
    unknown(
        id="http.uncompared",
        step=Step.HTTP,
        when=lambda f: f.requested,
        weights=PERHAPS_OK,
        evidence=evidence.page,
        by_control=True,
        comment="a plain response, and no control's to compare it with, or not enough known of one of them",
    ),
)

NOT_ASKED = (
    unknown(
        id="http.not_asked",
        step=Step.TCP,
        when=lambda f: f.step is None,
        weights=PERHAPS_OK,
        evidence=lambda f: f"The server of {f.name} accepted a connection; no request was made",
        comment="a mere connection does not show whether plain HTTP works",
    ),
)

BY_CONTROL = (
    unknown(
        id="http.slow",
        step=Step.HTTP,
        when=lambda f: f.ends(Step.HTTP, Manner.SILENCE) and f.leg.secure,
        weights=PERHAPS_OK,
        evidence=evidence.requesting,
        comment="no answer in time on a connection with a valid certificate: slow, perhaps",
    ),
    unknown(
        id="http.closed",
        step=Step.HTTP,
        when=lambda f: f.ends(Step.HTTP, Manner.CLOSE) and f.leg.secure,
        weights=PERHAPS_BLOCKED,
        evidence=evidence.requesting,
        server_side=True,
        comment="closed after a request that nobody but the server, whose certificate is valid, could read",
    ),
    by_control(
        id="http.reset.control_answered",
        step=Step.HTTP,
        when=_works(Manner.RESET),
        mechanism=Mechanism.HTTP_RESET_HOST,
        evidence=evidence.requesting,
        comment="reset after the request; controls are answered",
    ),
    by_control(
        id="http.eof.control_answered",
        step=Step.HTTP,
        when=_works(Manner.CLOSE),
        mechanism=Mechanism.HTTP_EOF_HOST,
        evidence=evidence.requesting,
        comment="closed after the request; controls are answered",
    ),
    by_control(
        id="http.timeout.control_answered",
        step=Step.HTTP,
        when=_works(Manner.SILENCE),
        weights=BY_CONTROL_AND_SILENCE,
        mechanism=Mechanism.HTTP_TIMEOUT_HOST,
        evidence=evidence.requesting,
        comment="silence after the request; controls are answered",
    ),
)
