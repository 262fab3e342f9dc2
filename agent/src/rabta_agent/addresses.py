"""Which addresses a volunteer's machine must never dial, whoever names them, and how addresses are taken out of text.

Invariant: an address that is not plainly a unicast address of the public Internet is special. Pure.
The ranges are those of the IANA special-purpose registries (RFC 6890) and the ones that carry an IPv4 address within
(RFC 3056, 4380, 6052, 4291), which are special as a whole: no site needs them, and they lead into local networks.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from rabta_agent.words import tr

_V4 = (
    ("this network", "0.0.0.0/8"),
    ("private", "10.0.0.0/8"),
    ("shared (carrier-grade NAT)", "100.64.0.0/10"),
    ("loopback", "127.0.0.0/8"),
    ("link-local", "169.254.0.0/16"),
    ("private", "172.16.0.0/12"),
    ("protocol assignments", "192.0.0.0/24"),
    ("documentation", "192.0.2.0/24"),
    ("6to4 relay", "192.88.99.0/24"),
    ("private", "192.168.0.0/16"),
    ("benchmarking", "198.18.0.0/15"),
    ("documentation", "198.51.100.0/24"),
    ("documentation", "203.0.113.0/24"),
    ("multicast", "224.0.0.0/4"),
    ("reserved", "240.0.0.0/4"),
)
_V6 = (
    ("IPv4-mapped", "::ffff:0:0/96"),
    ("NAT64", "64:ff9b::/96"),
    ("NAT64, local use", "64:ff9b:1::/48"),
    ("discard", "100::/64"),
    ("Teredo", "2001::/32"),
    ("protocol assignments", "2001::/23"),
    ("documentation", "2001:db8::/32"),
    ("6to4", "2002::/16"),
    ("documentation", "3fff::/20"),
    ("segment routing", "5f00::/16"),
    ("unique local", "fc00::/7"),
    ("link-local", "fe80::/10"),
    ("multicast", "ff00::/8"),
    ("loopback or IPv4-compatible", "::/96"),
)
_SPECIAL_V4 = tuple((name, IPv4Network(network)) for name, network in _V4)
_SPECIAL_V6 = tuple((name, IPv6Network(network)) for name, network in _V6)
_GLOBAL_V6 = IPv6Network("2000::/3")


def find_special(address: str) -> str | None:
    """Name of the special range that an address is in; `None` for one that may be dialled.

    Raises `ValueError` for what is no address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return next((name for name, network in _SPECIAL_V4 if parsed in network), None)
    return _find_special_v6(parsed)


def _find_special_v6(address: IPv6Address) -> str | None:
    if address.scope_id is not None:
        return "link-local"
    named = next((name for name, network in _SPECIAL_V6 if address in network), None)
    return named or (None if address in _GLOBAL_V6 else "not global unicast")


def is_address(text: str) -> bool:
    """Whether a text is an IP address, and no name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def canonical(text: str) -> str | None:
    """An address in canonical text form, without brackets; `None` for what is no address."""
    try:
        return str(ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return None


def split_endpoint(text: str, default_port: int) -> tuple[str, int]:
    """`address`, `address:port`, `v6` or `[v6]:port` as address and port. Raises `ValueError` for anything else."""
    if (whole := canonical(text)) is not None:
        return whole, default_port
    host, _, port = text.rpartition(":")
    address = canonical(host)
    if address is None or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(tr("not an address with an optional port: {text}", text=repr(text)))
    return address, int(port)


BLANK = "[address]"
# Rather too much than too little: a time of day or a version in four parts goes too.
_ADDRESS_IN_TEXT = re.compile(
    r"(?<![0-9a-f:])(?:[0-9a-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]{0,4})(?![0-9a-f:])"
    r"|(?<!\d)(?:\d{1,3}\.){3}\d{1,3}(?!\d)",
    re.ASCII | re.IGNORECASE,
)
# What every match of it holds one of. Most pages have neither, and these begin with a letter that is quickly found.
_COLONS = re.compile(r":[0-9a-f]{0,4}:", re.ASCII | re.IGNORECASE)
_DOTS = re.compile(r"\.\d{1,3}\.\d{1,3}\.", re.ASCII)
_END_OF_NAME_AND_PORT = re.compile(r"[a-f]{1,4}:\d{1,5}:", re.ASCII | re.IGNORECASE)


def scrub(text: str) -> str:
    """Text from a stranger without addresses: block pages and captive portals like to print the visitor's own."""
    if _COLONS.search(text) is None and _DOTS.search(text) is None:
        return text
    return _ADDRESS_IN_TEXT.sub(_blank, text)


def _blank(found: re.Match[str]) -> str:
    """The end of a name and its port (`x.example:443: ...`) are no address: all IPv6 with two colons has them in a row.

    Only within a longer word, or it could be a part of an address that was cut off.
    """
    within_word = found.string[: found.start()][-1:].isalnum()
    return found[0] if within_word and _END_OF_NAME_AND_PORT.fullmatch(found[0]) else BLANK


def quote_stranger(text: str) -> str:
    """What a stranger says, fit for a line of ours: without addresses and control characters, and not long.

    A collector, or what stands in its place, knows the volunteer's address and may say it back, into log and status.
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in text[:2000])
    return scrub(" ".join(printable.split()))[:300]
