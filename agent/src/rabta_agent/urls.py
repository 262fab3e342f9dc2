"""URLs that can be measured (RFC 3986, 9110): parsed once, at the edge. Pure.

Invariant: a `WebUrl` names a scheme, a host and a port that can be dialled, in ASCII that may stand in a request.
"""

from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from rabta_agent.addresses import canonical, scrub

URL_LIMIT = 2000
_PORTS = {"https": 443, "http": 80}
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
        return self.scheme == "https"

    @property
    def address(self) -> str | None:
        """The host, where it is an address itself."""
        return canonical(self.host)

    @property
    def authority(self) -> str:
        """Value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def public(self) -> str:
        """The URL as an observation holds it: a block page may have put its visitor's address into path or query."""
        return f"{self.scheme}://{self.authority}{scrub(self.path)}"


def parse_url(text: str) -> WebUrl:
    """Parses an https or http URL. Raises `InvalidTarget` with what is wrong."""
    if len(text) > URL_LIMIT:
        raise InvalidTarget(f"the URL is longer than {URL_LIMIT} characters")
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise InvalidTarget(f"not a URL: {text!r} ({error})") from None
    if not parts.scheme or "://" not in text:
        raise InvalidTarget(f"the URL has no scheme: {text!r} (did you mean https://{text}?)")
    if parts.scheme not in _PORTS:
        raise InvalidTarget(f"cannot measure {parts.scheme}:// URLs: {text!r} (https and http can be)")
    if not parts.hostname:
        raise InvalidTarget(f"the URL has no host: {text!r}")
    if port == 0:
        raise InvalidTarget(f"port 0 cannot be dialled: {text!r}")
    path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    return WebUrl(
        scheme=parts.scheme,
        host=_parse_host(parts.hostname, text),
        port=port if port is not None else _PORTS[parts.scheme],
        path=path if path.startswith("/") else f"/{path}",
    )


def _parse_host(host: str, text: str) -> str:
    if (address := canonical(host)) is not None:
        return address
    try:
        name = host.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise InvalidTarget(f"not a host name: {host!r} in {text!r}") from None
    labels = name.split(".")
    # A last label of digits is an address that somebody wrote in a way of their own, such as 127.1 or 2130706433.
    if len(name) > 253 or labels[-1].isdigit() or not all(label and set(label) <= _LABEL for label in labels):
        raise InvalidTarget(f"not a host name: {host!r} in {text!r}")
    return name


def follow(base: WebUrl, location: str) -> WebUrl:
    """Where a redirect leads. Raises `InvalidTarget` where it leads nowhere that can be dialled."""
    try:
        return parse_url(urljoin(str(base), location.strip()))
    except ValueError as error:
        raise InvalidTarget(f"a redirect that cannot be followed: {error}") from None
