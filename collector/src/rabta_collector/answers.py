"""How the web side answers: bodies made once and sent as often as they are asked for; headers of every answer."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

from aiohttp import web

WORTH_PACKING = 1024  # bytes; below it the headers weigh more than what is saved
CLOSED_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

JSON = "application/json; charset=utf-8"
CSV = "text/csv; charset=utf-8; header=present"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is sent, plain and packed. `tag` names the content (RFC 9110, section 8.8.3), without its quotes."""

    content_type: str
    plain: bytes
    packed: bytes | None
    tag: str


def make_body(content_type: str, text: str, *, level: int = 5, tagged: bool = True) -> Body:
    """`level`: of compression, from 1 (fast) to 9. What is never the same twice needs no tag."""
    plain = text.encode()
    packed = gzip.compress(plain, level, mtime=0) if len(plain) >= WORTH_PACKING else None
    return Body(
        content_type=content_type, plain=plain, packed=packed, tag=sha256(plain).hexdigest()[:24] if tagged else ""
    )


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` header allows gzip."""
    for entry in accept_encoding.lower().split(","):
        coding, _, parameters = entry.partition(";")
        if coding.strip() in ("gzip", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def respond(
    request: web.Request,
    body: Body,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    tagged: bool = True,
) -> web.Response:
    """`tagged`: a reader that has this content already is told so and gets nothing (304)."""
    all_headers = {"Content-Type": body.content_type, "Vary": "Accept-Encoding", **(headers or {})}
    if tagged and status == 200:
        all_headers["ETag"] = f'W/"{body.tag}"'
        if any(known.value in (body.tag, "*") for known in request.if_none_match or ()):
            del all_headers["Content-Type"]
            return web.Response(status=304, headers=all_headers)
    if body.packed is not None and takes_gzip(request.headers.get("Accept-Encoding", "")):
        all_headers["Content-Encoding"] = "gzip"
        return web.Response(status=status, body=body.packed, headers=all_headers)
    return web.Response(status=status, body=body.plain, headers=all_headers)


def make_error(status: HTTPStatus, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error in the one form that all of them have."""
    text = json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False, separators=(",", ":")) + "\n"
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


SAFE_HEADERS = {
    "Content-Security-Policy": CLOSED_POLICY,
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Server": "rabta",  # and not which version of which library
}
"""Nothing is run, framed, guessed at, sent on or kept that need not be."""


async def add_safe_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer, errors included."""
    headers = response.headers
    for name in ("Content-Security-Policy", "Cache-Control"):
        headers.setdefault(name, SAFE_HEADERS[name])
    for name in ("X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Server"):
        headers[name] = SAFE_HEADERS[name]
    if request.method in ("GET", "HEAD") and request.path.startswith("/api/"):
        headers["Access-Control-Allow-Origin"] = "*"  # open data; there is nothing that a reader is recognised by
