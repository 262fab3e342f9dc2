"""What is kept of a page in place of the page: digests, title, marks. Pure, and total over arbitrary bytes.

Addresses are blanked before a body is digested: a page that prints its visitor's address would otherwise have a digest
from which that address could be found by trying them all, and would never compare equal between two visitors.
"""

import html
import re
from collections.abc import Iterable
from hashlib import blake2b, sha256

from rabta_agent.addresses import scrub

TITLE_LIMIT = 160
_WORD = re.compile(rb"\w+", re.ASCII)
_TITLE = re.compile(rb"<title\b[^>]*>(.*?)(?:</title|\Z)", re.IGNORECASE | re.DOTALL)
_LANE_BITS = 16  # counts up to 65,535 words, more than the largest body cap holds
_LANES = [sum(1 << (_LANE_BITS * bit) for bit in range(8) if byte >> bit & 1) for byte in range(256)]
_LANE = (1 << _LANE_BITS) - 1


def blank_addresses(body: bytes) -> bytes:
    """The body without IP addresses in its text."""
    return scrub(body.decode("latin-1")).encode("latin-1")


def digest(body: bytes) -> bytes:
    """SHA-256 of a body; empty for an empty one."""
    return sha256(body).digest() if body else b""


def simhash(body: bytes) -> int | None:
    """64-bit SimHash over the distinct words of a body, `None` for a body without words.

    Near texts differ in few bits. A bit is set where more than half of the words' hashes have it; the counts of eight
    bits are added at once, as lanes of one integer, because a loop over 64 bits costs more than the TLS handshake.
    """
    words = set(_WORD.findall(body.lower()))
    if not words:
        return None
    sums = [0] * 8
    for word in words:
        for position, byte in enumerate(blake2b(word, digest_size=8).digest()):
            sums[position] += _LANES[byte]
    half, result = len(words) / 2, 0
    for position, lanes in enumerate(sums):
        for bit in range(8):
            if (lanes >> (_LANE_BITS * bit) & _LANE) > half:
                result |= 1 << (8 * position + bit)
    return result


def read_title(body: bytes, charset: str = "") -> str:
    """Content of the title element in one line of at most 160 characters; empty where there is none."""
    found = _TITLE.search(body)
    if found is None:
        return ""
    try:
        text = found[1].decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        text = found[1].decode("utf-8", "replace")
    return scrub(" ".join(html.unescape(text).split()))[:TITLE_LIMIT]


def find_marks(body: bytes, marks: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Identifiers of the marks, given as (id, text), whose text the body contains."""
    return tuple(identifier for identifier, text in marks if text and text.encode("utf-8", "replace") in body)
