"""Where a collector is and how it is spoken to: the URL that a volunteer joins, parsed. Pure.

`https://` is gRPC over TLS, `https+post://` the same calls by HTTPS POST, both on port 443 unless it says otherwise.
`http://` (50051) and `http+post://` (8080) are plain, and only for loopback or the lab: a credential and the
measurements of a volunteer never cross a network in the clear.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from rabta_agent.words import tr

_PORTS = {"https": 443, "https+post": 443, "http": 50051, "http+post": 8080}


class InvalidEndpointError(ValueError):
    """A URL that no collector can have; the message is one line for the volunteer."""


class Way(StrEnum):
    """What carries the messages."""

    GRPC = ""  # a stream
    POST = "+post"  # calls by HTTP/1.1, for ways that let no stream through


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A collector's address; `host` without brackets."""

    host: str
    port: int
    tls: bool
    way: Way = Way.GRPC

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}{self.way}://{self.authority}"

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
        raise InvalidEndpointError(tr('"{url}" has no scheme; write https://{url}', url=url))
    if scheme.lower() not in _PORTS:
        raise InvalidEndpointError(tr('"{url}": the scheme is none of {known}', url=url, known=", ".join(_PORTS)))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidEndpointError(tr('"{url}" is no URL of a collector', url=url)) from None
    if not host or port == 0 or parts.username is not None or any(char.isspace() for char in url):
        raise InvalidEndpointError(tr('"{url}" is no URL of a collector', url=url))
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidEndpointError(tr('"{url}": only scheme, host and port belong here', url=url))
    transport, plus, _ = parts.scheme.partition("+")
    way = Way.POST if plus else Way.GRPC
    endpoint = Endpoint(host=host, port=port or _PORTS[parts.scheme], tls=transport == "https", way=way)
    if not endpoint.tls and not endpoint.loopback and not lab:
        raise InvalidEndpointError(
            tr('"{url}" is not encrypted: outside of this machine only https:// is allowed', url=url)
        )
    return endpoint


def ways(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Every way to a collector in the order to try: gRPC, then POST where it is offered, then POST at gRPC's addresses.

    The last is for a reverse proxy that serves both at one address; it is asked only over TLS.
    """
    given = tuple(endpoints)
    beside = (replace(one, way=Way.POST) for one in given if one.tls)
    return tuple(dict.fromkeys([*sorted(given, key=lambda one: one.way is Way.POST), *beside]))
