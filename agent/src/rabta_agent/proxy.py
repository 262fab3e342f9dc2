"""Which proxy leads to a collector: the configuration's, else the environment's as other programs read it. Pure.

`HTTPS_PROXY` before `ALL_PROXY`, lower case before upper, and `NO_PROXY` (names with their subdomains, addresses,
networks, `*`) before both. A proxy that is not named by a URL is HTTP. Names are resolved by the proxy, never here:
a resolver that lies must not decide where a tunnel leads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address, ip_network
from urllib.parse import quote, unquote, urlsplit

from rabta_agent.endpoint import Endpoint
from rabta_agent.words import tr

_PORTS = {"http": 8080, "socks5": 1080, "socks5h": 1080}
_CREDENTIAL_BYTES = 255  # RFC 1929


class InvalidProxyError(ValueError):
    """A proxy that cannot be used; the message is one line, without credentials."""


class ProxyKind(StrEnum):
    """How a proxy is spoken to."""

    HTTP = "http"  # CONNECT (RFC 9110, section 9.3.6)
    SOCKS5 = "socks5"  # RFC 1928; gRPC cannot


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy. As text it is without its credentials."""

    kind: ProxyKind
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}"

    @property
    def url(self) -> str:
        """With its credentials, for whoever speaks to it."""
        if not self.user:
            return str(self)
        return str(self).replace("://", f"://{quote(self.user, safe='')}:{quote(self.password, safe='')}@", 1)


def parse_proxy(text: str) -> Proxy:
    """A proxy of a URL such as `http://USER:PASSWORD@HOST:PORT` or `socks5://HOST`. Raises `InvalidProxyError`."""
    text = text.strip()
    if "://" not in text:
        text = f"http://{text}"
    scheme = text.partition("://")[0].lower()
    if scheme not in _PORTS:
        raise InvalidProxyError(tr("a proxy is http:// or socks5://, not {scheme}://", scheme=scheme))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidProxyError(tr("the proxy is no URL with a host and a port")) from None
    if not host or port == 0 or any(char.isspace() for char in text) or parts.path not in ("", "/") or parts.query:
        raise InvalidProxyError(tr("the proxy is no URL with a host and a port"))
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if max(len(user.encode()), len(password.encode())) > _CREDENTIAL_BYTES:
        raise InvalidProxyError(tr("the proxy's user or password has more than {count} bytes", count=_CREDENTIAL_BYTES))
    kind = ProxyKind.HTTP if scheme == "http" else ProxyKind.SOCKS5
    return Proxy(kind=kind, host=host, port=port or _PORTS[scheme], user=user, password=password)


def choose_proxy(endpoint: Endpoint, *, configured: str | None, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy for an endpoint; `configured` may be `none`. Raises `InvalidProxyError`."""
    if endpoint.loopback or _is_exempt(endpoint, _either(environment, "no_proxy")):
        return None
    if configured is not None:
        return None if configured.lower() == "none" else parse_proxy(configured)
    text = _either(environment, "https_proxy" if endpoint.tls else "http_proxy") or _either(environment, "all_proxy")
    return parse_proxy(text) if text else None


def _either(environment: Mapping[str, str], name: str) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _is_exempt(endpoint: Endpoint, rules: str) -> bool:
    return any(_matches(endpoint, rule.strip().lower()) for rule in rules.split(",") if rule.strip())


def _matches(endpoint: Endpoint, rule: str) -> bool:
    if rule == "*":
        return True
    host = endpoint.host.lower().rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        name, _, port = rule.removeprefix("*").removeprefix(".").partition(":")
        return (host == name or host.endswith(f".{name}")) and port in ("", str(endpoint.port))
    try:
        return address in ip_network(rule.strip("[]"), strict=False)
    except ValueError:
        return False
