"""States, kinds and mechanisms in plain words and symbols. Pure. English here; languages.py has the others.

The README's table of mechanisms and the alerts' messages have their words from here, to which tests hold them.

A state is always a symbol and a word, and a colour only besides.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rabta_proto.vocabulary import IspKind, IspState, Mechanism, State, Step, VpnProtocol

SYMBOLS = {
    State.REACHABLE: "✓",
    State.BLOCKED: "✕",
    State.THROTTLED: "◔",
    State.DISRUPTED: "◐",
    State.DOWN: "▼",
    State.INCONCLUSIVE: "?",
    IspState.UP: "✓",
    IspState.DEGRADED: "◐",
    IspState.UNKNOWN: "?",
}  # both kinds of `down` are one word, and one symbol
MEANINGS = {
    State.REACHABLE: "nearly all agents there reach it",
    State.BLOCKED: "something on the way keeps users from it",
    State.THROTTLED: "reached, but slowed by its name",
    State.DISRUPTED: "part of the agents, or part of the time",
    State.DOWN: "fails from abroad, too",
    State.INCONCLUSIVE: "not known",
}
ISP_MEANINGS = {
    IspState.UP: "its agents report, and what a healthy line must reach is reached",
    IspState.DEGRADED: "a part of what a healthy line must reach fails",
    IspState.DOWN: "its agents fell silent together, or nothing is reached any more",
    IspState.UNKNOWN: "no agent was heard there",
}
KINDS = {IspKind.FIXED: "Fixed lines", IspKind.MOBILE: "Mobile", IspKind.OTHER: "Other networks"}

MECHANISMS = {
    Mechanism.DNS_NXDOMAIN: "The network's name server says that the site's name does not exist, though it does.",
    Mechanism.DNS_BOGON: "The network's name server gives an address that no site can have.",
    Mechanism.DNS_BLOCKPAGE: "The network's name server gives the address of a block page in place of the site's.",
    Mechanism.DNS_OTHER: "The network's name server, or somebody who answers before it does, gives a wrong "
    "address, or none.",
    Mechanism.DNS_REFUSED: "The network's name server refuses to answer for this name.",
    Mechanism.DNS_TIMEOUT: "The network's name server stays silent when it is asked for this name.",
    Mechanism.TCP_RESET: "Connections to the site's address are cut before anything was said.",
    Mechanism.TCP_TIMEOUT: "The site's address does not answer from this network, though it answers elsewhere.",
    Mechanism.TCP_REFUSED: "Connections to the site's address are refused on this network, and accepted elsewhere.",
    Mechanism.IP_UNREACHABLE: "A router on the way says that the site's address cannot be reached.",
    Mechanism.TLS_RESET_SNI: "The connection is cut as soon as the site's name is sent over it; with another name "
    "the same address answers.",
    Mechanism.TLS_RESET_OTHER: "The connection is cut at the beginning of encryption; whether the site's name does it "
    "is not shown.",
    Mechanism.TLS_TIMEOUT_SNI: "The connection falls silent as soon as the site's name is sent over it; with another "
    "name the same address answers.",
    Mechanism.TLS_TIMEOUT_OTHER: "The connection falls silent at the beginning of encryption; whether the site's name "
    "does it is not shown.",
    Mechanism.TLS_EOF_SNI: "The connection is closed as soon as the site's name is sent over it; with another name "
    "the same address answers.",
    Mechanism.TLS_EOF_OTHER: "The connection is closed at the beginning of encryption; whether the site's name does "
    "it is not shown.",
    Mechanism.TLS_ALERT_SNI: "An error comes back as soon as the site's name is sent; with another name the same "
    "address answers.",
    Mechanism.TLS_MITM: "Somebody else answers in place of the site, under a certificate of their own.",
    Mechanism.TLS_ECH: "The connection is cut where the site's name is sent encrypted (ECH), and not where it is sent "
    "in the open.",
    Mechanism.HTTP_BLOCKPAGE: "A block page is shown in place of the site.",
    Mechanism.HTTP_REDIRECT: "Visitors are sent on to another site, such as a block page.",
    Mechanism.HTTP_RESET_HOST: "The connection is cut after the page is asked for.",
    Mechanism.HTTP_TIMEOUT_HOST: "The connection falls silent after the page is asked for.",
    Mechanism.HTTP_EOF_HOST: "The connection is closed after the page is asked for.",
    Mechanism.QUIC_TIMEOUT: "QUIC, the newer way to load sites, gets no answer for this one; the older way may "
    "still work.",
    Mechanism.QUIC_REFUSED: "QUIC, the newer way to load sites, is refused for this one; the older way may still work.",
    Mechanism.THROTTLE_SNI: "The connection is slowed once the site's name is sent; under another name the same "
    "server is fast.",
    Mechanism.THROTTLE_HOST: "The connection is slowed once the site's page is asked for.",
    Mechanism.THROTTLE_IP: "All that the site's server gives is held to one rate, while other sites come faster, "
    "and this one comes faster abroad.",
    Mechanism.VPN_TIMEOUT: "The first message to a VPN server or a Tor relay stays without an answer, though it is "
    "answered abroad.",
    Mechanism.VPN_RESET: "The connection is cut after the first message to a VPN server or a Tor relay, which is "
    "answered abroad.",
    Mechanism.VPN_EOF: "The connection is closed after the first message to a VPN server or a Tor relay, which is "
    "answered abroad.",
    Mechanism.VPN_REFUSED: "The VPN server is refused on this network, and answers elsewhere.",
}
STEPS = {
    Step.DNS: "asking for the site's address",
    Step.TCP: "connecting",
    Step.TLS: "beginning encryption",
    Step.QUIC: "beginning encryption over QUIC",
    Step.HTTP: "asking for the page",
    Step.TRANSFER: "loading a file, timed",
    Step.VPN: "greeting a VPN server or a Tor relay",
    Step.TRACE: "looking where on the way it is cut off",
}
GREETINGS = {
    VpnProtocol.TOR: "beginning encryption with a Tor relay",
    VpnProtocol.ECH: "beginning encryption with ECH",
    VpnProtocol.TLS: "beginning encryption without ECH, for comparison",
}
"""Of the step `vpn`, what is none of a VPN's."""

PARTS = ("messages", "media", "network", "website")
"""Names of parts of platforms that are known in every language; an operator's own are shown as they are."""

SEVERITY = (
    "blocked",
    "throttled",
    "disrupted",
    "degraded",
    "down",
    "inconclusive",
    "unknown",
    "reachable",
    "up",
)
"""What hides what where only one can be drawn, first to last: a block of three minutes must not vanish in an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A state as it is shown; `word` also names its style."""

    symbol: str
    word: str


def make_mark(state: str) -> Mark:
    known: Mapping[str, str] = {str(word): symbol for word, symbol in SYMBOLS.items()}
    return Mark(symbol=known.get(state, "?"), word=state)


def explain(mechanism: str | None) -> str | None:
    """A mechanism in a plain sentence; `None` where there is none, or it is not known here."""
    known: Mapping[str, str] = {str(one): text for one, text in MECHANISMS.items()}
    return None if mechanism is None else known.get(mechanism)
