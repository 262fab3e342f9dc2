"""An encrypted line to a collector: a tunnel, TLS on it, and the collector's key checked against the roots or a pin.

Beside gRPC, which makes its own connections, this is the way of POST; and it fetches the certificate that gRPC is to
trust where a key is pinned, because gRPC for Python cannot check keys itself.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rabta_agent.endpoint import Endpoint
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.pin import Leaf, check_leaf
from rabta_agent.proxy import InvalidProxyError, Proxy, choose_proxy
from rabta_agent.strangers import in_words
from rabta_agent.tunnel import open_tunnel
from rabta_agent.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """What leads to every endpoint of a collector: a proxy (configuration and environment), and the pin, if any."""

    proxy: str | None = None
    pin: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def proxy_for(self, endpoint: Endpoint) -> Proxy | None:
        """Raises `CommandError`."""
        try:
            return choose_proxy(endpoint, configured=self.proxy, environment=self.environment)
        except InvalidProxyError as wrong:
            raise CommandError(str(wrong), ExitCode.USAGE) from None


def roots() -> bytes | None:
    """Roots in PEM: of `SSL_CERT_FILE`, else the system's, else (`None`) gRPC's own. Raises `CommandError`."""
    if file := os.environ.get("SSL_CERT_FILE"):
        try:
            return Path(file).read_bytes()
        except OSError as wrong:
            raise CommandError(
                tr("SSL_CERT_FILE: {path}: {cause}", path=file, cause=in_words(wrong)), ExitCode.USAGE
            ) from None
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, certificates)).encode() or None


def _context(road: Road, protocol: str) -> ssl.SSLContext:
    if road.pin:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the key is checked, by `open_line`
    else:
        roots()  # a file that cannot be read is named; OpenSSL passes over it in silence
        context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([protocol])
    return context


async def open_line(
    endpoint: Endpoint, road: Road, protocol: str = "http/1.1"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Bytes both ways, in TLS where the endpoint has it. Raises also `ProxyError`, `WrongKeyError`."""
    tunnel: socket.socket = await open_tunnel(endpoint, road.proxy_for(endpoint))
    try:
        if not endpoint.tls:
            return await asyncio.open_connection(sock=tunnel)
        context = _context(road, protocol)
        reader, writer = await asyncio.open_connection(sock=tunnel, ssl=context, server_hostname=endpoint.host)
    except BaseException:
        tunnel.close()
        raise
    try:
        if road.pin:
            check_leaf(writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b"", road.pin)
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


async def fetch_leaf(endpoint: Endpoint, road: Road) -> Leaf:
    """The certificate at an endpoint, whose key is the pinned one. Raises as `open_line` does."""
    _, writer = await open_line(endpoint, road, "h2")
    try:
        return check_leaf(writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b"", road.pin)
    finally:
        writer.transport.abort()
