"""What a site says to a request. Pure but for CHANGING, which draws.

A usual page is some 6 KB of words of its own, with a title, the headers that any server sends, and one that few do.
"""

import gzip
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from lab.scenario import SiteKind
from lab.sites.site import BLOCKPAGE_HOST, NOTICE_HOST, OTHER_HOST, PORTAL_HOST, Site, StandIn, next_host

BIG_BYTES = 100_000_000
SLOW_S = 1.0
BLOCKPAGE_TEXT = "This content is prohibited for viewership from within Pakistan"
_CHUNK = 1000
OBJECT_PATH, OBJECT_BYTES = "/object", 262_144
SLOW_OBJECT_RATE = 16_000  # bytes a second
_RANGE = re.compile(r"bytes=0-(\d{1,9})")

# Words of five letters or more: those of titles count where pages are compared.
_ALL_WORDS = """
almond anchor apricot autumn bamboo basket beacon blossom bridge bronze candle canyon carpet castle cedar cherry
cinnamon circle clover copper coral cotton cradle cricket crystal dahlia daisy delta desert dolphin eagle ember
falcon feather fennel forest fountain garden garnet ginger glacier granite harbour harvest hazel heron honey horizon
indigo island ivory jasmine juniper kettle kitten lagoon lantern laurel lemon lilac linen lotus mango maple marble
meadow melon mirror monsoon mountain mulberry nectar nutmeg oasis ocean olive orange orchard orchid otter palace
papaya parrot pebble pepper pigeon planet poplar prairie quartz quill rabbit raven ribbon river robin saffron sailor
salmon sandal sesame shadow silver sparrow spring stream summer sunrise tamarind temple thunder timber topaz tulip
turquoise valley vanilla velvet violet walnut willow window winter
"""
_WORDS = _ALL_WORDS.split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the client said: the path, the headers in lower case, and whether it came over TLS."""

    path: str = "/"
    headers: Mapping[str, str]
    tls: bool = False

    @property
    def port(self) -> str:
        """The port that the client dialled, as it stands after a host: empty or `:8443`."""
        _, colon, port = self.headers.get("host", "").rpartition(":")
        return f":{port}" if colon and port.isdigit() else ""

    @property
    def host(self) -> str:
        return self.headers.get("host", "").removesuffix(self.port)

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A whole response. `total`: the body is repeated up to so many bytes. `after_s`: seconds before it comes.

    `rate`: bytes a second at which the body comes; `None`: all that there is.
    """

    head: bytes
    body: bytes
    total: int | None = None
    after_s: float = 0.0
    rate: int | None = None


def respond(site: Site, request: Request, *, inside: bool) -> Response:
    """The answer of a site's server to somebody inside the country or abroad."""
    if isinstance(site.kind, StandIn):
        return _stand_in(site.kind, request)
    if request.path == OBJECT_PATH:
        return _object(site, request)
    match site.kind:
        case SiteKind.CHALLENGE if inside:
            fields = {"Server": "cloudflare", "Cf-Mitigated": "challenge", "Cf-Ray": "8f0a1b2c3d4e5f60-KHI"}
            return _make(403, _html("Just a moment...", "Checking that you are human. " * 40), fields)
        case SiteKind.GEO_403 if inside:
            return _make(403, _html("Forbidden", "Not available in your country."), {"Server": "nginx"})
        case SiteKind.GEO_451 if inside:
            text = "Unavailable for legal reasons."
            return _make(451, _html("Unavailable For Legal Reasons", text), {"Server": "nginx"})
        case SiteKind.GEO_REDIRECT if inside:
            _, _, fields = _manner(site)
            return _redirect(f"{request.scheme}://{OTHER_HOST}{request.port}/", fields=fields)
        case SiteKind.GEO_CLOSE if inside and request.tls:
            return Response(head=b"", body=b"")
        case SiteKind.LOOP:
            return _redirect("/again" if request.path == "/" else "/")
        case SiteKind.BROKEN_REDIRECT:
            return _redirect("http://")
        case SiteKind.REDIRECTS_TO | SiteKind.REDIRECTS_TO_DEAD:
            return _redirect(f"{request.scheme}://{next_host(site.host)}{request.port}/")
        case SiteKind.UPGRADE if not request.tls:
            return _redirect(f"https://{site.host}{request.port}/", status=301)
        case _:
            return _page(site, request, inside=inside)


def _object(site: Site, request: Request) -> Response:
    """The object that is read against the clock, or the first part of it (RFC 9110 section 14)."""
    body = _text(random.Random(site.host), 32_768).encode().ljust(32_768)
    rate = SLOW_OBJECT_RATE if site.kind is SiteKind.SLOW_OBJECT else None
    wanted = _RANGE.fullmatch(request.headers.get("range", ""))
    size = OBJECT_BYTES if wanted is None else min(OBJECT_BYTES, int(wanted[1]) + 1)
    fields = {"Server": "nginx", "Content-Type": "image/png", "Content-Length": str(size)}
    if wanted is not None:
        fields["Content-Range"] = f"bytes 0-{size - 1}/{OBJECT_BYTES}"
    return _encode(200 if wanted is None else 206, body, fields, total=size, rate=rate)


def _page(site: Site, request: Request, *, inside: bool) -> Response:
    own, title, fields = _manner(site)
    size = own.randint(6_200, 6_800)
    match site.kind:
        case SiteKind.CHANGING:
            drawn = random.Random()
            return _make(200, _html(title, _text(drawn, drawn.randint(2_000, 12_000))), fields)
        case SiteKind.CDN:
            half = _text(own, size // 2)
            rest = _text(random.Random(f"{site.host} {inside}"), size // 2)
            return _make(200, _html(title, f"{half} {rest}"), fields)
        case SiteKind.COMPRESSED if "gzip" in request.headers.get("accept-encoding", ""):
            return _compressed(_html(title, _text(own, size)), fields)
        case SiteKind.BIG:
            return _make(200, _html(title, _text(own, 64_000)), fields, total=BIG_BYTES)
        case SiteKind.SLOW:
            return _make(200, _html(title, _text(own, size)), fields, after_s=SLOW_S)
        case _:
            return _make(200, _html(title, _text(own, size)), fields)


def _manner(site: Site) -> tuple[random.Random, str, Mapping[str, str]]:
    """What is always the same of a site: what it draws from, its title and its headers."""
    own = random.Random(site.host)
    title = site.title or " ".join(own.sample(_WORDS, 3)).title()
    return own, title, _usual_fields(own, site.host)


def _usual_fields(own: random.Random, host: str) -> dict[str, str]:
    return {
        "Server": "nginx",
        "Cache-Control": "private, max-age=0",
        "Vary": "Accept-Encoding",
        "X-Frame-Options": "SAMEORIGIN",
        f"X-{own.choice(_WORDS)}-{own.choice(_WORDS)}".title(): host.partition(".")[0],
    }


def _stand_in(kind: StandIn, request: Request) -> Response:
    match kind:
        case StandIn.OTHER:
            text = _text(random.Random(kind), 1_500)
            return _make(200, _html("Parked", text), {"Server": "Apache", "X-Parking-Lot": "4"})
        case StandIn.BLOCKPAGE:
            return _make(200, _html("Surf Safely!", f"{BLOCKPAGE_TEXT}."), {"Server": "censor"})
        case StandIn.NOTICE:
            text = "The address that was asked for cannot be opened."
            return _make(200, _html("Sorry", text), {"Server": "lighttpd"})
        case StandIn.TO_BLOCKPAGE:
            return _redirect(f"http://{BLOCKPAGE_HOST}{request.port}/")
        case StandIn.TO_NOTICE:
            return _redirect(f"http://{NOTICE_HOST}{request.port}/")
        case StandIn.PORTAL if request.host != PORTAL_HOST:
            return _redirect(f"http://{PORTAL_HOST}{request.port}/")
        case StandIn.PORTAL:
            return _make(200, _html("Welcome", "Log in to use this network."), {"Server": "portal"})
        case StandIn.CHECK:
            return _encode(204, b"", {"Server": "nginx"})
        case StandIn.FORGER:
            return _make(502, _html("Bad Gateway", "Nothing."), {"Server": "middlebox"})


def _redirect(location: str, *, status: int = 302, fields: Mapping[str, str] | None = None) -> Response:
    return _make(status, _html("Moved", "Moved."), {"Server": "nginx", **(fields or {}), "Location": location})


def _compressed(body: bytes, fields: Mapping[str, str]) -> Response:
    packed = gzip.compress(body, mtime=0)
    pieces = [packed[at : at + _CHUNK] for at in range(0, len(packed), _CHUNK)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return _encode(200, chunks, {**_HTML, "Content-Encoding": "gzip", "Transfer-Encoding": "chunked", **fields})


def _make(
    status: int, body: bytes, fields: Mapping[str, str], *, total: int | None = None, after_s: float = 0.0
) -> Response:
    length = {"Content-Length": str(len(body) if total is None else total)}
    return _encode(status, body, {**_HTML, **length, **fields}, total=total, after_s=after_s)


def _encode(
    status: int,
    body: bytes,
    fields: Mapping[str, str],
    *,
    total: int | None = None,
    after_s: float = 0.0,
    rate: int | None = None,
) -> Response:
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", *(f"{name}: {value}" for name, value in fields.items())]
    head = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
    return Response(head=head, body=body, total=total, after_s=after_s, rate=rate)


def _html(title: str, text: str) -> bytes:
    head = f"<!doctype html><html><head><title>{escape(title)}</title></head>"
    return f"{head}<body><h1>{escape(title)}</h1><p>{escape(text)}</p></body></html>".encode()


def _text(draw: random.Random, size: int) -> str:
    """So many characters."""
    return " ".join(draw.choices(_WORDS, k=size // 5))[:size]


_HTML = {"Content-Type": "text/html; charset=utf-8"}
_REASONS = {
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    403: "Forbidden",
    451: "Unavailable For Legal Reasons",
    502: "Bad Gateway",
}
