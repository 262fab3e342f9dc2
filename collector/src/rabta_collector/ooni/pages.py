"""What is kept of a response: status, lengths, title, header names, and known marks of block pages. Pure.

OONI keeps whole bodies, so a fingerprint can be looked for in them here; Rabta's own agents look before they forget.
"""

import html
import re
from dataclasses import dataclass, field

from rabta_collector.ooni import fields
from rabta_collector.ooni.chain import headers_of, location_of
from rabta_collector.ooni.fields import Record
from rabta_collector.ooni.prints import Match, Prints
from rabta_collector.verdict.fingerprints import MARKS
from rabta_proto.model import HttpRoundTrip

TITLE_BYTES = 1 << 17
TITLE_LIMIT = 160
HEADERS_LIMIT = 100
_TITLE = re.compile(rb"<title\b[^<>]{0,500}>([^<]{0,2000})", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Reader:
    """Reads responses; gathers the names of the operator's fingerprints that matched."""

    prints: Prints
    country: str
    block: set[str] = field(default_factory=set)
    harmless: set[str] = field(default_factory=set)

    def read(self, request: Record, *, address: str, port: int, url: str, tls: bool) -> HttpRoundTrip:
        """A request and its response; without a status where there was none."""
        response = fields.record(request.get("response"))
        headers = headers_of(response)
        raw = response.get("body")
        body = fields.binary(raw)
        declared = _digits(headers.get("content-length", ""))
        truncated = fields.truth(response.get("body_is_truncated")) is True or len(body or b"") >= fields.BODY_LIMIT
        return HttpRoundTrip(
            address=address,
            port=port,
            url=url,
            tls=tls,
            status=status_of(request),
            body_bytes=len(body or b""),
            declared_bytes=declared,
            truncated=truncated or body is None,
            title=_read_title(body or b""),
            header_names=tuple(sorted(headers)[:HEADERS_LIMIT]),
            location=location_of(request)[:TITLE_LIMIT],
            server=headers.get("server", "")[:TITLE_LIMIT],
            marks=() if tls else self._marks(body or b"", headers),
        )

    def match_names(self, names: list[str]) -> Match:
        """What the operator's fingerprints say of a resolver's answers."""
        return self._keep(self.prints.match_names(names, self.country))

    def _marks(self, body: bytes, headers: dict[str, str]) -> tuple[str, ...]:
        own = [mark.id for mark in MARKS if mark.text.encode() in body]
        if not self.prints:
            return tuple(own)
        found = self._keep(self.prints.match_page(body.decode("utf-8", "replace"), headers, self.country))
        return (*own, *sorted(found.block | found.harmless))

    def _keep(self, found: Match) -> Match:
        self.block |= found.block
        self.harmless |= found.harmless
        return found


def status_of(request: Record) -> int | None:
    """The status of a response, be it a whole one or not; `None` where there was none."""
    code = fields.whole(fields.record(request.get("response")).get("code"))
    return code if code is not None and 100 <= code <= 999 else None


def read_helper_page(answer: Record, *, address: str, port: int, url: str) -> HttpRoundTrip | None:
    """The page that the helper ended with; `None` where it got none (it writes -1 then)."""
    status = fields.whole(answer.get("status_code"))
    if status is None or not 100 <= status <= 999 or answer.get("failure"):
        return None
    length = fields.whole(answer.get("body_length"))
    names = (fields.text(name).lower() for name in list(fields.record(answer.get("headers")))[:HEADERS_LIMIT])
    return HttpRoundTrip(
        address=address,
        port=port,
        url=url,
        tls=url.startswith("https:"),
        status=status,
        body_bytes=max(0, length or 0),
        truncated=length is None or length < 0,
        title=" ".join(html.unescape(fields.text(answer.get("title"))).split())[:TITLE_LIMIT],
        header_names=tuple(sorted(name for name in names if name)),
    )


def _read_title(body: bytes) -> str:
    found = _TITLE.search(body[:TITLE_BYTES])
    return " ".join(html.unescape(found[1].decode("utf-8", "replace")).split())[:TITLE_LIMIT] if found else ""


def _digits(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
