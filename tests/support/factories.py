"""Ready-made stories: measurements as an agent makes them of a site that works, fails, or is lied about.

They go through all passes that the agent would make. telling.py has the words that they are told in.
"""

from typing import Any

from rabta_proto.vocabulary import Failure, ResolverKind
from support.telling import (
    BOGON,
    CHAT,
    CONTROL,
    DOH,
    EOF,
    FAR,
    FORGED,
    LITERAL,
    NAME,
    NEAR,
    NOON,
    OPENVPN,
    PLAIN,
    QUIC,
    RESET,
    SILENCE,
    SITE,
    SIX,
    SYSTEM,
    UDP,
    URL,
    Story,
    certificate,
    moment,
)

__all__ = [
    "BOGON",
    "CHAT",
    "CONTROL",
    "DOH",
    "EOF",
    "FAR",
    "FORGED",
    "LITERAL",
    "NAME",
    "NEAR",
    "NOON",
    "OPENVPN",
    "PLAIN",
    "QUIC",
    "RESET",
    "SILENCE",
    "SITE",
    "SIX",
    "SYSTEM",
    "UDP",
    "URL",
    "Story",
    "bad_certificate",
    "certificate",
    "cut_short_and_unanswered",
    "dead",
    "dns_lie",
    "dns_trouble",
    "gone",
    "http_trouble",
    "moment",
    "offline",
    "quic_trouble",
    "story",
    "tcp_trouble",
    "tls_trouble",
    "vpn_trouble",
    "works",
    "works_again",
    "works_as_vpn",
    "works_light",
    "works_over_quic",
]


def story(target: str = URL, name: str = SITE) -> Story:
    return Story(target=target, name=name)


def works(target: str = URL, name: str = SITE, address: str = NEAR) -> Story:
    """A site that works."""
    told = story(target, name).names(address).names(address, by=ResolverKind.DOH).connects(address)
    if target.startswith("https"):
        told.handshakes(address)
    return told.answers(address)


def works_light() -> Story:
    return story().names(NEAR).connects(NEAR).handshakes(NEAR)


def works_again(failure: str = SILENCE) -> Story:
    """Lost at first, and there at the second pass."""
    told = story().names(NEAR).connects(NEAR).fails_tls(NEAR, failure).isolates(NEAR)
    return told.again().names(NEAR).connects(NEAR).handshakes(NEAR).answers(NEAR)


def tls_trouble(
    failure: str,
    *,
    isolated: bool | None = True,
    answered: bool = False,
    passes: int = 3,
    target: str = URL,
    name: str = SITE,
) -> Story:
    """Every pass fails after the ClientHello; `isolated`: an innocuous name was answered or not, `None`: not tried."""
    told = story(target, name).names(NEAR).names(NEAR, by=ResolverKind.DOH)
    for turn in range(passes):
        told.connects(NEAR).fails_tls(NEAR, failure, answered=answered)
        if isolated is not None and (turn == 0 or not isolated):
            told.isolates(NEAR, answered=isolated)
        told.again()
    return told


def bad_certificate(address: str = NEAR, *, honest: str | None = NEAR, key: int = 66) -> Story:
    """A certificate that does not stand for the name; `honest` is what DoH says."""
    told = story().names(address)
    if honest:
        told.names(honest, by=ResolverKind.DOH)
    for _ in range(3):
        told.connects(address).refuses_certificate(address, key=key).again()
    return told


def tcp_trouble(failure: str, *, address: str = NEAR, passes: int = 3, target: str = URL) -> Story:
    told = story(target).names(address).names(address, by=ResolverKind.DOH)
    for _ in range(passes):
        told.fails_tcp(address, failure).again()
    return told


def dns_trouble(failure: str, *, elsewhere: bool = True, passes: int = 3, target: str = URL) -> Story:
    """The machine's own resolver gives nothing; `elsewhere`: the address that DoH gave works."""
    told = story(target).says(failure)
    if elsewhere:
        told.names(NEAR, by=ResolverKind.DOH).connects(NEAR, DOH)
        if target.startswith("https"):
            told.handshakes(NEAR, DOH)
    for _ in range(passes - 1):
        told.again().says(failure)
    return told


def cut_short_and_unanswered(failure: str) -> Story:
    """In every pass the answer does not fit, and nobody takes the question over TCP; DoH's address works."""
    told = (
        story().cuts_short(failure=failure).names(NEAR, by=ResolverKind.DOH).connects(NEAR, DOH).handshakes(NEAR, DOH)
    )
    for _ in range(2):
        told.again().cuts_short(failure=failure)
    return told


def dns_lie(address: str, *, elsewhere: bool = True, honest: bool = True) -> Story:
    """The machine's own resolver gives an address that the agent would not dial."""
    told = story().names(address)
    if honest:
        told.names(NEAR, by=ResolverKind.DOH)
    told.fails_tcp(address, Failure.SPECIAL_ADDRESS)
    if elsewhere:
        told.connects(NEAR, DOH).handshakes(NEAR, DOH)
    return told


def http_trouble(failure: str, *, target: str = PLAIN, passes: int = 3) -> Story:
    told = story(target).names(NEAR)
    for _ in range(passes):
        told.connects(NEAR)
        if target.startswith("https"):
            told.handshakes(NEAR)
        told.fails_http(NEAR, failure).again()
    return told


def offline() -> Story:
    """No packet comes back."""
    told = story()
    for by in (ResolverKind.SYSTEM, ResolverKind.UDP, ResolverKind.DOH):
        told.says(SILENCE, by)
    return told.again().says(SILENCE).again().says(SILENCE)


def gone() -> Story:
    """Nobody knows the name."""
    told = story()
    for by in (ResolverKind.SYSTEM, ResolverKind.UDP, ResolverKind.DOH):
        told.says(Failure.DNS_NXDOMAIN, by)
    return told


def dead() -> Story:
    """The name is known, and nobody is there."""
    return tcp_trouble(Failure.CONNECTION_REFUSED)


def quic_trouble(failure: str, *, isolated: bool = False, passes: int = 3, address: str = NEAR) -> Story:
    """Every pass fails over QUIC; `isolated`: an innocuous name was answered."""
    told = story(QUIC).names(address).names(address, by=ResolverKind.DOH)
    for turn in range(passes):
        told.fails_quic(address, failure)
        if turn == 0:
            told.isolates_quic(address, answered=isolated)
        told.again()
    return told


def vpn_trouble(failure: str, target: str = OPENVPN, *, passes: int = 3, **facts: Any) -> Story:
    """Every pass fails at the first message of a VPN protocol."""
    told = story(target).names(NEAR).names(NEAR, by=ResolverKind.DOH)
    for _ in range(passes):
        told.connects(NEAR) if facts.get("over_tcp") else told
        told.greets(NEAR, failure=failure, **facts).again()
    return told


def works_as_vpn(address: str = NEAR, target: str = OPENVPN, **facts: Any) -> Story:
    told = story(target).names(address).names(address, by=ResolverKind.DOH)
    return (told.connects(address) if facts.get("over_tcp") else told).greets(address, **facts)


def works_over_quic(address: str = NEAR) -> Story:
    return story(QUIC).names(address).names(address, by=ResolverKind.DOH).shakes_over_quic(address)
