"""How a target is written: as a URL whose scheme says which steps are measured. Pure.

    https://host[:port]/path   DNS, TCP, TLS, HTTP        quic://host[:port]/   DNS, a QUIC handshake
    http://host[:port]/path    DNS, TCP, HTTP             tcp://host:port       DNS, TCP
    dns:name                   DNS alone (RFC 4501)     tls://host[:port]     DNS, TCP, a TLS handshake

    openvpn://host[:port]      DNS, a VPN protocol's first message over UDP, and the server's answer; and so are
    ikev2://host[:port], wireguard://host[:port]?public=KEY&private=KEY[&preshared=KEY]
    openvpn+tcp://host:port    the same over a connection; and so are tor://host:port, ech://host[:port]

A host is a name, an IPv4 address or an IPv6 address in brackets. Agents are as strict: what passes here they take.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from rabta_proto.vpnkeys import parse_keys

WEB = ("https", "http")
VPNS = ("openvpn", "openvpn+tcp", "wireguard", "ikev2", "tor", "ech")
_PORT_NEEDED = ("tcp", "openvpn+tcp", "tor")
SCHEMES = (*WEB, "quic", "tls", "tcp", "dns", *VPNS)
NO_TELLING = ("quic", "dns", *VPNS)
"""A reference of these that fails tells nothing of a line: many let only TCP pass, and DNS alone says little."""

LONGEST = 2000  # characters
LONGEST_NAME = 253  # RFC 1035, without the root's dot

_BRACKETED = re.compile(r"\[[^\[\]]*\](:\d*)?", re.ASCII)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locator:
    """What a target names. `host` is in lower case, without brackets; `address`: it is an address and no name."""

    scheme: str
    host: str
    address: bool


def parse_locator(text: str, schemes: tuple[str, ...] = SCHEMES) -> Locator:
    """What a target names. Raises `ValueError` that says what is wrong with it."""
    if len(text) > LONGEST:
        raise ValueError(f'"{text[:40]}..." is longer than {LONGEST} characters')
    if not text.isprintable() or " " in text:
        shown = "".join(letter if letter.isprintable() else "?" for letter in text)
        raise ValueError(f'"{shown}" holds a space, or a character that cannot be printed')
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or (scheme != "dns" and not rest.startswith("//")):
        raise ValueError(f'"{text}" has no scheme; write {_examples(schemes)}')
    if scheme not in schemes:
        raise ValueError(f'"{text}": expected {_listed(schemes)}, not {scheme or "nothing"}')
    return _parse_dns(text, rest) if scheme == "dns" else _parse_url(text)


def scheme_of(locator: str) -> str:
    """The scheme of what `parse_locator` has accepted."""
    return locator.partition(":")[0].lower()


def shown(locator: str) -> str:
    """A target as people are told of it: without the keys that it may hold."""
    return locator.partition("?")[0] if scheme_of(locator) == "wireguard" else locator


def is_host_name(text: str) -> bool:
    """Whether a name could exist, in Unicode or in A-labels, and is no address in a way of somebody's own (127.1)."""
    try:
        name = text.removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        return False
    return len(name) <= LONGEST_NAME and bool(_NAME.fullmatch(name)) and not name.rpartition(".")[2].isdigit()


def _listed(schemes: tuple[str, ...]) -> str:
    return " or ".join([", ".join(schemes[:-1]), schemes[-1]] if len(schemes) > 1 else schemes)


def _examples(schemes: tuple[str, ...]) -> str:
    return " or ".join(f"{scheme}://..." for scheme in schemes if scheme in WEB)


def _parse_dns(text: str, name: str) -> Locator:
    if name.startswith("//") or "?" in name or "/" in name:
        raise ValueError(f'"{text}": write dns:name and nothing around it')
    if is_address(name):
        raise ValueError(f'"{text}" names an address, which DNS is not asked for')
    _check_name(text, name)
    return Locator(scheme="dns", host=name.lower(), address=False)


def _parse_url(text: str) -> Locator:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as wrong:
        raise ValueError(f'"{text}" is no URL: {wrong}') from None
    if set("[]") & set(parts.netloc) and not _BRACKETED.fullmatch(parts.netloc):
        raise ValueError(f'"{text}" is no URL: brackets go around an IPv6 address')
    host = parts.hostname
    if not host:
        raise ValueError(f'"{text}" names no host')
    if "@" in parts.netloc:
        raise ValueError(f'"{text}" holds a user name')
    if port == 0 or (parts.scheme in _PORT_NEEDED and port is None):
        raise ValueError(f'"{text}" names no port')
    _check_rest(text, parts)
    address = is_address(host)
    if not address:
        _check_name(text, host)
    return Locator(scheme=parts.scheme, host=host, address=address)


def _check_rest(text: str, parts: SplitResult) -> None:
    """What follows host and port."""
    more = parts.query or parts.fragment
    if parts.scheme == "tcp" and (parts.path or more):
        raise ValueError(f'"{text}": write tcp://host:port and nothing after it')
    if parts.scheme in ("quic", "tls") and (parts.path not in ("", "/") or more):
        raise ValueError(f'"{text}": write {parts.scheme}://host/ and nothing after it, for no page is asked for')

    if parts.scheme in VPNS and (parts.path not in ("", "/") or parts.fragment):
        raise ValueError(f'"{shown(text)}": write {parts.scheme}://host:port and no path after it')
    if parts.scheme == "wireguard":
        parse_keys(parts.query)
    elif parts.scheme in VPNS and parts.query:
        raise ValueError(f'"{text}": write {parts.scheme}://host:port and nothing after it')


def _check_name(text: str, name: str) -> None:
    if not is_host_name(name):
        raise ValueError(f'"{text}" names no host that could exist')


def is_address(host: str) -> bool:
    """Whether a host is an IP address, and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
