"""What can be measured, as plans and people write it (RFC 3986, 9110): parsed once, at the edge. Pure.

    https://host[:port]/path   http://host[:port]/path   quic://host[:port]/   tcp://host:port   dns:name
    tls://host[:port]          a handshake alone: DNS over TLS (port 853), a provider's API, a relay
    openvpn://host[:port]      openvpn+tcp://host:port   ikev2://host[:port]
    tor://host:port            ech://host[:port]         a ClientHello, and the server's answer to it
    wireguard://host[:port]?public=KEY&private=KEY[&preshared=KEY]

Invariant: what was parsed names a host and a port that can be dialled, in ASCII that may stand in a request.
Targets are taken strictly, for somebody wrote them; a redirect as browsers take it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from rabta_agent.addresses import canonical, scrub
from rabta_agent.words import tr
from rabta_proto.vocabulary import VpnProtocol
from rabta_proto.vpnkeys import WireGuardKeys, parse_keys

URL_LIMIT = 2000
REDIRECT_LIMIT = 8000
"""Characters of a redirect: logins pass much from site to site, and servers take so many (RFC 9110 section 4.1)."""
_PORTS = {"https": 443, "http": 80}
_QUIC_PORT = _TLS_PORT = 443
_VPNS = {  # protocol, and the port where none is written
    "openvpn": (VpnProtocol.OPENVPN, 1194),
    "openvpn+tcp": (VpnProtocol.OPENVPN, None),
    "wireguard": (VpnProtocol.WIREGUARD, 51820),
    "ikev2": (VpnProtocol.IKEV2, 500),
    "tor": (VpnProtocol.TOR, None),
    "ech": (VpnProtocol.ECH, 443),
}
_OVER_TCP = ("openvpn+tcp", "tor", "ech")
_SCHEMES = ("https", "http", "quic", "tls", "tcp", "dns", *_VPNS)
_BRACKETED = re.compile(r"\[[^\[\]]*\](:\d*)?", re.ASCII)
_BEFORE_QUERY = re.compile(r"[^?#]*")
_SAFE = "%/:=&?~#+!$,;'@()*[]"
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


class InvalidTarget(ValueError):  # noqa: N818 - named for what it is about
    """A target that cannot be measured; the message is one line for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebUrl:
    """Where a request goes. `host` is an A-label name in lower case, or an address without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def tls(self) -> bool:
        return self.scheme != "http"

    @property
    def handshake_only(self) -> bool:
        return self.scheme == "tls"

    @property
    def address(self) -> str | None:
        """The host, where it is an address itself."""
        return canonical(self.host)

    @property
    def authority(self) -> str:
        """Value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme, _TLS_PORT) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def public(self) -> str:
        """The URL as an observation holds it: a block page may have put its visitor's address into path or query."""
        return f"{self.scheme}://{self.authority}{scrub(self.path)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuicUrl:
    """Where QUIC is spoken: a handshake, and no request."""

    host: str
    port: int

    @property
    def address(self) -> str | None:
        """The host, where it is an address itself."""
        return canonical(self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpEndpoint:
    """Where TCP connections are taken: a connection, and no word on it."""

    host: str
    port: int

    @property
    def address(self) -> str | None:
        """The host, where it is an address itself."""
        return canonical(self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsName:
    """A name that is resolved, and no more."""

    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VpnEndpoint:
    """Where a VPN server is: its protocol's first message, and no more. WireGuard alone has keys."""

    protocol: VpnProtocol
    host: str
    port: int
    over_tcp: bool = False
    keys: WireGuardKeys | None = None

    @property
    def address(self) -> str | None:
        """The host, where it is an address itself."""
        return canonical(self.host)


Endpoint = WebUrl | QuicUrl | TcpEndpoint | VpnEndpoint
Target = Endpoint | DnsName


@lru_cache(256)  # of a few hundred bytes each: each turn of a target begins here
def parse_target(text: str) -> Target:
    """Parses a target of any scheme. Raises `InvalidTarget` with what is wrong."""
    if len(text) > URL_LIMIT:
        raise InvalidTarget(tr("the target is longer than {count} characters", count=URL_LIMIT))
    if any(letter.isspace() or not letter.isprintable() for letter in text):
        raise InvalidTarget(tr("a space or a control character stands in the target: {text}", text=repr(text)))
    scheme, _, rest = text.partition(":")
    if scheme.lower() == "dns":
        return _parse_dns(rest, text)
    parts = _split(text)
    _check_authority(parts.netloc, text)
    if parts.scheme in ("quic", "tls", "tcp"):
        return _parse_endpoint(parts, text)
    return _parse_vpn(parts, text) if parts.scheme in _VPNS else parse_url(text)


def parse_url(text: str, limit: int = URL_LIMIT) -> WebUrl:
    """Parses an https or http URL. Raises `InvalidTarget` with what is wrong."""
    if len(text) > limit:
        raise InvalidTarget(tr("the URL is longer than {count} characters", count=limit))
    parts = _split(text.strip())
    if parts.scheme not in _PORTS:
        problem = tr(
            "cannot measure {scheme}:// URLs: {text} ({known} can be)",
            scheme=parts.scheme,
            text=repr(text),
            known=", ".join(_SCHEMES),
        )
        raise InvalidTarget(problem)
    host, port = _parse_place(parts, text)
    path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    return WebUrl(
        scheme=parts.scheme,
        host=host,
        port=_PORTS[parts.scheme] if port is None else port,
        path=path if path.startswith("/") else f"/{path}",
    )


def parse_check(text: str) -> WebUrl | None:
    """An http URL, for what may only be asked without TLS; `None` for anything else."""
    try:
        url = parse_target(text)
    except InvalidTarget:
        return None
    return url if isinstance(url, WebUrl) and not url.tls else None


def is_elsewhere(host: str, other: str) -> bool:
    """Whether two hosts are of different sites, as far as their names tell: neither is the other, nor within it."""
    return host != other and not host.endswith(f".{other}") and not other.endswith(f".{host}")


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise InvalidTarget(tr("not a URL: {text} ({cause})", text=repr(text), cause=error)) from None
    if not parts.scheme or "://" not in text:
        meant = text.replace(":", "://", 1) if parts.scheme in _SCHEMES else f"https://{text}"
        raise InvalidTarget(tr("the URL has no scheme: {text} (did you mean {meant}?)", text=repr(text), meant=meant))
    return parts


def _check_authority(authority: str, text: str) -> None:
    """What `urlsplit` passes over in silence."""
    if "@" in authority:
        raise InvalidTarget(tr("a user name or a password stands in the URL: none is ever sent"))
    if ("[" in authority or "]" in authority) and not _BRACKETED.fullmatch(authority):
        raise InvalidTarget(tr("not a URL: {text} (brackets go around an IPv6 address)", text=repr(text)))


def _parse_endpoint(parts: SplitResult, text: str) -> QuicUrl | TcpEndpoint | WebUrl:
    host, port = _parse_place(parts, text)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        asked = {"scheme": parts.scheme, "text": repr(text)}
        raise InvalidTarget(tr("no page is asked for over {scheme}://, only host and port count: {text}", **asked))
    if parts.scheme == "quic":
        return QuicUrl(host=host, port=_QUIC_PORT if port is None else port)
    if parts.scheme == "tls":
        return WebUrl(scheme="tls", host=host, port=_TLS_PORT if port is None else port, path="/")
    if port is None:
        raise InvalidTarget(tr("the port is missing: {text} ({scheme}://host:port)", text=repr(text), scheme="tcp"))
    return TcpEndpoint(host=host, port=port)


def _parse_vpn(parts: SplitResult, text: str) -> VpnEndpoint:
    scheme = parts.scheme
    protocol, usual = _VPNS[scheme]
    host, port = _parse_place(parts, text)
    keyed = protocol is VpnProtocol.WIREGUARD
    if parts.path not in ("", "/") or parts.fragment or (parts.query and not keyed):
        raise InvalidTarget(tr("only host and port count for {scheme}://: {text}", scheme=scheme, text=repr(text)))
    if port is None and usual is None:
        raise InvalidTarget(tr("the port is missing: {text} ({scheme}://host:port)", text=repr(text), scheme=scheme))
    return VpnEndpoint(
        protocol=protocol,
        host=host,
        port=port or usual or 0,
        over_tcp=scheme in _OVER_TCP,
        keys=_parse_keys(parts.query) if keyed else None,
    )


def _parse_keys(query: str) -> WireGuardKeys:
    try:
        return parse_keys(query)
    except ValueError as wrong:
        raise InvalidTarget(str(wrong)) from None


def _parse_dns(name: str, text: str) -> DnsName:
    if name.startswith("//"):
        raise InvalidTarget(tr("a name stands after dns: and no slashes: {text} (dns:name)", text=repr(text)))
    host = _parse_host(name, text)
    if canonical(host) is not None:
        raise InvalidTarget(tr("an address is no name that could be resolved: {text}", text=repr(text)))
    return DnsName(host=host)


def _parse_place(parts: SplitResult, text: str) -> tuple[str, int | None]:
    if not parts.hostname:
        raise InvalidTarget(tr("the URL has no host: {text}", text=repr(text)))
    if parts.port == 0:
        raise InvalidTarget(tr("port 0 cannot be dialled: {text}", text=repr(text)))
    return _parse_host(parts.hostname, text), parts.port


def _parse_host(host: str, text: str) -> str:
    if (address := canonical(host)) is not None:
        return address
    try:
        name = host.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise InvalidTarget(tr("not a host name: {host} in {text}", host=repr(host), text=repr(text))) from None
    labels = name.split(".")
    # A last label of digits is an address that somebody wrote in a way of their own, such as 127.1 or 2130706433.
    if len(name) > 253 or labels[-1].isdigit() or not all(label and set(label) <= _LABEL for label in labels):
        raise InvalidTarget(tr("not a host name: {host} in {text}", host=repr(host), text=repr(text)))
    return name


def read_location(value: bytes) -> str:
    """A Location as browsers read it: in UTF-8, or else with an escape for each byte that is not ASCII."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in value)


def follow(base: WebUrl, location: str) -> WebUrl:
    """Where a redirect leads. Raises `InvalidTarget` where it leads nowhere that can be dialled."""
    location = _BEFORE_QUERY.sub(lambda found: found[0].replace("\\", "/"), location.strip(), count=1)
    try:
        url = parse_url(urljoin(str(base), location), REDIRECT_LIMIT)
        if len(url.path) > REDIRECT_LIMIT:  # escapes are three times as long as what they stand for
            raise InvalidTarget(tr("the URL is longer than {count} characters", count=REDIRECT_LIMIT))
        return url
    except ValueError as error:
        raise InvalidTarget(tr("a redirect that cannot be followed: {cause}", cause=error)) from None
