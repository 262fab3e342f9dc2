"""Opens what sites listen on, and answers there as each site does. One event loop for any number of sites."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import trustme

from lab.authority import Authorities, serving
from lab.listening import Listener, Manner, Serve, hold, source_of
from lab.scenario import SiteKind
from lab.sites.pages import Request, Response, respond
from lab.sites.site import PORTAL_HOST, Site, StandIn
from support.quic_server import open_quic_server, open_udp_peer, pem, silence

IsInside = Callable[[str], bool]
"""Whether a peer's address is within the country."""

EXPIRED_DAYS_AHEAD = -200
_PIECE = 64 * 1024
_BEAT_S = 0.05  # an object that comes slowly comes a piece this often


class Servers:
    """All listeners of some sites. `ports` tells where each is, which matters for those that were given port 0."""

    def __init__(self, sites: Sequence[Site], authorities: Authorities, is_inside: IsInside) -> None:
        self._sites = sites
        self._authorities = authorities
        self._is_inside = is_inside
        self._datagrams = AsyncExitStack()
        self._quic_ports: dict[tuple[str, str], int] = {}
        self._listeners = {
            (site.host, address, service): listener
            for site in sites
            for address in site.addresses
            for service, listener in self._listeners_of(site, address).items()
        }
        self._silent = {site.host for site in sites if site.kind is SiteKind.SILENT}

    def port(self, host: str, address: str, service: str) -> int:
        """Port of a service (`http`, `https`, `quic`, `tcp`) of a site at an address."""
        if service == "quic":
            return self._quic_ports[host, address]
        return self._listeners[host, address, service].port

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()

    async def start(self) -> None:
        """Raises `OSError` where an address or a port is not to be had."""
        for (host, _, _), listener in self._listeners.items():
            await listener.be(Manner.SILENT if host in self._silent else Manner.ACCEPTS)
        for site in self._sites:
            if site.ports.quic is not None:
                await self._open_quic(site, site.ports.quic)

    async def _open_quic(self, site: Site, port: int) -> None:
        if site.kind is SiteKind.SILENT:
            for address in site.addresses:
                peer = await self._datagrams.enter_async_context(open_udp_peer(silence, address, port))
                self._quic_ports[site.host, address] = peer.port
            return
        if not site.alive or isinstance(site.kind, StandIn):
            return
        identity = pem(certificate(site, self._authorities))
        for address in site.alive:
            server = await self._datagrams.enter_async_context(open_quic_server(address, port, *identity))
            self._quic_ports[site.host, address] = server.port

    async def end(self) -> None:
        await self._datagrams.aclose()
        await asyncio.gather(*(listener.end() for listener in self._listeners.values()))

    def _listeners_of(self, site: Site, address: str) -> dict[str, Listener]:
        if address not in site.alive and site.kind is not SiteKind.SILENT:
            return {}
        listeners = {}
        if site.ports.http is not None:
            listeners["http"] = Listener(address, self._pages_of(site, tls=False), port=site.ports.http)
        if site.ports.https is not None:
            context = server_context(site, self._authorities)
            serve = self._pages_of(site, tls=True)
            listeners["https"] = Listener(address, serve, port=site.ports.https, tls=context)
        if site.ports.tcp is not None:
            listeners["tcp"] = Listener(address, _listen, port=site.ports.tcp)
        return listeners

    def _pages_of(self, site: Site, *, tls: bool) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = read_request(await reader.readuntil(b"\r\n\r\n"), tls=tls)
            await _send(respond(site, request, inside=self._is_inside(source_of(writer))), writer)

        return serve


async def _listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """A server of another protocol: it waits for words that never come."""
    await hold(reader)


async def _send(response: Response, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(response.after_s)
    writer.write(response.head)
    left = len(response.body) if response.total is None else response.total
    most = len(response.body) if response.rate is None else max(1, int(response.rate * _BEAT_S))
    while left > 0:
        piece = response.body[: min(left, most)]
        writer.write(piece)
        await writer.drain()
        left -= len(piece)
        if response.rate is not None:
            await asyncio.sleep(_BEAT_S)
    await writer.drain()


def read_request(head: bytes, *, tls: bool) -> Request:
    """The request that a head holds; what it does not hold is empty."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    fields = (line.partition(":") for line in lines[1:])
    headers = {name.strip().lower(): value.strip() for name, colon, value in fields if colon}
    return Request(path=words[1] if len(words) > 1 else "/", headers=headers, tls=tls)


def server_context(site: Site, authorities: Authorities) -> ssl.SSLContext:
    """What a site shows in its TLS handshake; to any name, as most servers do."""
    if site.kind in _FORGING:
        return authorities.forger.forger()
    return serving(certificate(site, authorities))


def certificate(site: Site, authorities: Authorities) -> trustme.LeafCert:
    """The certificate of a site that shows its own."""
    match site.kind:
        case SiteKind.EXPIRED:
            return authorities.usual.issue(site.host, days_ahead=EXPIRED_DAYS_AHEAD)
        case SiteKind.WRONG_NAME:
            return authorities.usual.issue("somebody-else.example")
        case SiteKind.UNTRUSTED:
            return authorities.unknown.issue(site.host)
        case SiteKind.NEW_AUTHORITY:
            return authorities.newest.issue(site.host)
        case StandIn.PORTAL:
            return authorities.usual.issue(PORTAL_HOST)
        case _:
            return authorities.usual.issue(site.host, *site.aliases)


_FORGING = frozenset({StandIn.FORGER, StandIn.BLOCKPAGE, StandIn.NOTICE, StandIn.TO_BLOCKPAGE, StandIn.TO_NOTICE})
