"""Whether two responses are the same page, for plain HTTP, where anybody on the path could have written either.

Two pages are no different when their status is the same and any one of these holds: the bytes read are equal, their
lengths are alike, an uncommon header is in both, or their titles share a word of five letters or more (OONI ts-017).
"""

import re

from rabta_proto.model import HttpRoundTrip

LEAST_LENGTH_RATIO = 0.7
LEAST_WORD = 5
_WORD = re.compile(r"\w+")

_COMMON = (
    "accept-ranges age alt-svc cache-control connection content-encoding content-language content-length "
    "content-security-policy content-type date etag expires keep-alive last-modified link location p3p pragma "
    "referrer-policy server set-cookie strict-transport-security transfer-encoding upgrade vary via "
    "x-content-type-options x-frame-options x-powered-by x-xss-protection"
)
COMMON_HEADERS = frozenset(_COMMON.split())
"""Headers that any server may send, so that sharing one says nothing."""

CHALLENGE_STATUSES = frozenset({403, 429, 503})
CHALLENGE_HEADERS = frozenset({"cf-mitigated", "cf-ray", "x-sucuri-id", "x-iinfo", "x-datadome", "x-akamai-edgescape"})
CHALLENGE_SERVERS = ("cloudflare", "akamaighost", "ddos-guard", "imperva", "sucuri")

REFUSING_STATUSES = frozenset({401, 403, 406, 429, 451, 503})
"""What a server says to clients that it does not want."""


def is_challenge(page: HttpRoundTrip) -> bool:
    """Whether a content delivery network asks for proof of being human, or turns the client away."""
    if page.status not in CHALLENGE_STATUSES:
        return False
    by_header = not CHALLENGE_HEADERS.isdisjoint(page.header_names)
    return by_header or page.server.lower().startswith(CHALLENGE_SERVERS)


def same_page(page: HttpRoundTrip, other: HttpRoundTrip) -> bool:
    """Whether two responses are the same page, as far as can be told."""
    return page.status == other.status and (
        (page.body_sha256 == other.body_sha256 and page.body_sha256 != b"")
        or _lengths_alike(page, other)
        or bool(uncommon(page) & uncommon(other))
        or bool(_words(page.title) & _words(other.title))
    )


def has_length(page: HttpRoundTrip) -> bool:
    """Whether it is known how long a page is; a block page is short, and read to its end."""
    return _length(page) is not None


def _lengths_alike(page: HttpRoundTrip, other: HttpRoundTrip) -> bool:
    mine, others = _length(page), _length(other)
    if mine is None or others is None:
        return False
    return mine == others or min(mine, others) > LEAST_LENGTH_RATIO * max(mine, others)


def _length(page: HttpRoundTrip) -> int | None:
    """Length of a body; `None` where reading stopped at the cap: all long pages are as long as the cap."""
    if page.truncated:
        return page.declared_bytes
    return page.body_bytes


def uncommon(page: HttpRoundTrip) -> frozenset[str]:
    """Names of headers that few servers send."""
    return frozenset(page.header_names) - COMMON_HEADERS


def _words(title: str) -> frozenset[str]:
    return frozenset(word for word in _WORD.findall(title.lower()) if len(word) >= LEAST_WORD)
