"""From a peer's address to its prefix, as a number that tells nobody anything: limits per prefix are counted under it.

A prefix is an IPv4 /24 or an IPv6 /48, what one subscriber or one small network usually holds (RFC 6177). It is hashed
with a salt that is drawn in memory, kept nowhere, and replaced every day: what was counted under one salt cannot be
joined to what is counted under the next, nor to an address after the process ends. Pure: time and salt are arguments.
"""

import hashlib
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

SALT_BYTES = 32
SALT_LIFE_S = 86_400
V4_BITS, V6_BITS = 24, 48


class Prefixes:
    """Names prefixes for a day."""

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        """`draw` gives so many random bytes."""
        self._draw = draw
        self._salt = draw(SALT_BYTES)
        self._drawn_at: float | None = None

    def of(self, address: str, now: float) -> bytes | None:
        """The prefix of an address; `None` for this machine's own, and for what is no address.

        `now`: seconds of a clock that never falls.
        """
        prefix = _prefix(address)
        if prefix is None:
            return None
        if self._drawn_at is None:
            self._drawn_at = now
        elif now - self._drawn_at >= SALT_LIFE_S:
            self._salt, self._drawn_at = self._draw(SALT_BYTES), now
        return hashlib.sha256(self._salt + prefix.encode()).digest()


def _prefix(address: str) -> str | None:
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return None
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.is_loopback:
        return None
    bits = V4_BITS if parsed.version == 4 else V6_BITS
    return str(ip_network((parsed, bits), strict=False))
