"""What is known beside a measurement and its controls: of the agent's network, and of addresses. Plain values.

The caller supplies it, so that judging stays pure; `None` is "not known" throughout, and never counts against anybody.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Of the same agent, from about the same time, and of other targets than the one that is judged:

    `quic_works`: a QUIC handshake with the target's name succeeded (true); none did, though one at least was tried to
    its end (false). Without a true here, silence on UDP/443 is never called a block: offices cut all of it.
    `udp_works`: a QUIC handshake, or a VPN server's over UDP, succeeded (true); none did, though one at least was tried
    (false). Without a true here, a VPN protocol's silence over UDP is never called a block.
    `ipv6_works`: a connection or a QUIC handshake to an IPv6 address succeeded (true); none did, though two targets at
    least were tried (false).
    `tls_works`: a certificate valid for the target's name was shown (true); none was, and two targets at least showed
    another's (false). Who opens all TLS, an office or an antivirus, shows another's for a site that nobody blocks.
    `loses`: of a quarter or more of what it reached, something met silence that answered in the end (true): there
    silence shows nothing. What never answered, such as one dead address of two, is no loss.

    `controls_sound`: controls to whose measurement nobody at all answered are known to have had a line that worked, so
    that their silence speaks; without it they are not listened to.
    `controls_to_come`: controls that have come lately and have yet to look at the target for the first time.
    `asn_of`: number of the network (AS) that announces an address, and `None` for an unknown one.
    """

    quic_works: bool | None = None
    udp_works: bool | None = None
    ipv6_works: bool | None = None
    tls_works: bool | None = None
    loses: bool | None = None
    controls_sound: bool = False
    controls_to_come: int = 0
    asn_of: Callable[[str], int | None] | None = None


NOTHING = Background()
"""What is known where nobody tells."""
