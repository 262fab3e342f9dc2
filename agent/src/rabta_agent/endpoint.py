"""Where a collector is: the URL that a volunteer joins, parsed. Pure.

`https://` is TLS, port 443 unless it says otherwise; `http://` is plain, port 50051, and only for loopback or the lab:
a credential and the measurements of a volunteer never cross a network in the clear.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 50051}


class InvalidEndpointError(ValueError):
    """A URL that no collector can have; the message is one line for the volunteer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A collector's address; `host` without brackets."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @property
    def authority(self) -> str:
        """HOST:PORT, as gRPC takes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_endpoint(url: str, *, lab: bool) -> Endpoint:
    """The endpoint that a URL names. Raises `InvalidEndpointError`."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise InvalidEndpointError(f'"{url}" has no scheme; write https://{url}')
    if scheme.lower() not in _PORTS:
        raise InvalidEndpointError(f'"{url}": the scheme is neither https nor http')
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidEndpointError(f'"{url}" is no URL of a collector') from None
    if not host or port == 0 or parts.username is not None or any(char.isspace() for char in url):
        raise InvalidEndpointError(f'"{url}" is no URL of a collector')
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidEndpointError(f'"{url}": only scheme, host and port belong here')
    endpoint = Endpoint(host=host, port=port or _PORTS[parts.scheme], tls=parts.scheme == "https")
    if not endpoint.tls and not endpoint.loopback and not lab:
        raise InvalidEndpointError(f'"{url}" is not encrypted: outside of this machine only https:// is allowed')
    return endpoint
