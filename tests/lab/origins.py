"""The sites themselves, beyond the reach of any censor, and what censors put in their place.

Each site has a TLS server with a certificate that clients believe and a plain one, both saying the same page. The
block page and the forger stand for every censor's own: the forger answers TLS for any site with a certificate that
nobody believes.
"""

import asyncio
import ssl
from html import escape

from lab.atlas import Atlas, Site
from lab.authority import Authority
from lab.listening import Listener
from lab.opening import Speech

BLOCK_PAGE_TEXT = "This content is prohibited for viewership from within Pakistan"
_FILLER = "Words that fill the page so that its body is longer than what an agent reads of it. " * 80

Endpoint = tuple[str, int]


def page(site: Site) -> bytes:
    """What a site answers to any request."""
    title = escape(site.name)
    body = (
        f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1><p>{_FILLER}</p></body></html>"
    )
    return _response("200 OK", body.encode(), f"Server: {site.hostname}")


def block_page() -> bytes:
    text = escape(BLOCK_PAGE_TEXT)
    body = f"<!doctype html><html><head><title>Surf Safely</title></head><body><p>{text}.</p></body></html>"
    return _response("200 OK", body.encode(), "Server: censor")


def _response(status: str, body: bytes, *fields: str) -> bytes:
    head = [f"HTTP/1.1 {status}", "Content-Type: text/html; charset=utf-8", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*head, "Connection: close", "", ""]).encode() + body


class Origins:
    """All servers that stand behind the gateway."""

    def __init__(self, atlas: Atlas, authority: Authority) -> None:
        forger = Authority("Somebody else")
        everything = [name for site in atlas.sites for name in (site.hostname, f"www.{site.hostname}")]
        self._sites: dict[tuple[str, Speech], Listener] = {}
        for site in atlas.sites:
            names = {site.hostname, f"www.{site.hostname.removeprefix('www.')}"}
            self._add(site.key, site.origin, page(site), authority.server(*sorted(names)))
        self._add("", f"{atlas.sites[0].origin}", block_page(), forger.server(*everything))

    def _add(self, key: str, host: str, answer: bytes, tls: ssl.SSLContext) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

        self._sites[key, Speech.TLS] = Listener(host, serve, tls=tls)
        self._sites[key, Speech.HTTP] = Listener(host, serve)

    def of(self, site: Site, speech: Speech) -> Endpoint:
        """Where a site really answers; what is neither TLS nor HTTP goes to its plain server, which will refuse it."""
        return self._endpoint(site.key, speech)

    def in_place_of(self, speech: Speech) -> Endpoint:
        """The block page for HTTP, the forger for TLS."""
        return self._endpoint("", speech)

    def _endpoint(self, key: str, speech: Speech) -> Endpoint:
        listener = self._sites[key, Speech.TLS if speech is Speech.TLS else Speech.HTTP]
        return listener.host, listener.port

    async def start(self) -> None:
        for listener in self._sites.values():
            await listener.open()

    async def end(self) -> None:
        await asyncio.gather(*(listener.end() for listener in self._sites.values()))
