"""How a `wireguard://` target writes its keys: `public=KEY&private=KEY[&preshared=KEY]`, 32 bytes each in base64. Pure.

The private key is lent to everybody who measures the target, for a server answers nobody whom it does not know. Base64
is taken in its form for URLs (RFC 4648 section 5), or with escapes.
"""

from base64 import b64decode
from dataclasses import dataclass
from urllib.parse import unquote

KEY_BYTES = 32
_NAMES = frozenset({"public", "private", "preshared"})
_STANDARD = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True, kw_only=True)
class WireGuardKeys:
    """32 bytes each: the server's public key, the private one of who measures, and one that both share, if any."""

    public: bytes
    private: bytes
    preshared: bytes = bytes(KEY_BYTES)


def parse_keys(query: str) -> WireGuardKeys:
    """The keys of a target's query. Raises `ValueError` that names what is wrong, and quotes no key."""
    given = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
    wrong = set(given) - _NAMES or {"public", "private"} - set(given)
    if wrong:
        raise ValueError(f"write wireguard://host:port?public=KEY&private=KEY[&preshared=KEY], not {min(wrong)!r}")
    return WireGuardKeys(**{name: _decode(name, written) for name, written in given.items()})


def _decode(name: str, written: str) -> bytes:
    plain = unquote(written).translate(_STANDARD).rstrip("=")
    try:
        key = b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"the key {name!r} of a wireguard:// target is not {KEY_BYTES} bytes in base64")
    return key
