"""What is kept of a page in place of the page: digests, title, marks. Pure, and total over arbitrary bytes.

`summarise` tells it all. A page in UTF-16 is digested in UTF-8, or neither words nor addresses would be found in it.
Addresses are blanked before a body is digested: a page that prints its visitor's address would otherwise have a digest
from which that address could be found by trying them all, and would never compare equal between two visitors.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b, sha256

from rabta_agent.addresses import scrub
from rabta_agent.charset import choose, is_wide, read_text

TITLE_LIMIT = 160
_BLAKE = blake2b(digest_size=8)
# Letters of ASCII in lower case, digits and underscores as they are, a space for everything else.
_WORDS = bytes(byte if chr(byte).isalnum() or byte == 0x5F else 0x20 for byte in range(128)).lower() + b" " * 128
# Bounded: without it, a page of nothing but `<title` takes as many steps as the square of its length.
_TITLE = re.compile(r"<title\b[^>]{0,200}>(.*?)(?:</title|\Z)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is kept of a page; all of it empty for an empty one."""

    sha256: bytes = b""
    simhash: int | None = None
    title: str = ""
    marks: tuple[str, ...] = ()


def summarise(body: bytes, charset: str, marks: Iterable[tuple[str, str]]) -> Summary:
    """The summary of a page; `charset` is what its header declares, empty for none, `marks` are pairs (id, text)."""
    encoding = choose(body, charset)
    text = read_text(body, encoding)
    blanked = blank_addresses(text.encode("utf-8", "replace") if is_wide(encoding) else body)
    return Summary(
        sha256=digest(blanked), simhash=simhash(blanked), title=read_title(text), marks=find_marks(body, text, marks)
    )


def blank_addresses(body: bytes) -> bytes:
    """The body without IP addresses in its text."""
    return scrub(body.decode("latin-1")).encode("latin-1")


def digest(body: bytes) -> bytes:
    """SHA-256 of a body; empty for an empty one."""
    return sha256(body).digest() if body else b""


def simhash(body: bytes) -> int | None:
    """64-bit SimHash over the distinct words of a body, `None` for a body without words.

    Near texts differ in few bits. A bit is set where more than half of the words' hashes have it. It is counted in all
    hashes at once, as the ones of one integer, because a loop over bits and words costs more than the TLS handshake.
    """
    words = set(body.translate(_WORDS).split())
    if not words:
        return None
    hashes = b"".join(map(_hash, words))
    lowest = int.from_bytes(b"\x01" * len(words))
    half, result = len(words) / 2, 0
    for position in range(8):
        bytes_there = int.from_bytes(hashes[position::8])
        for bit in range(8):
            if (bytes_there >> bit & lowest).bit_count() > half:
                result |= 1 << (8 * position + bit)
    return result


def _hash(word: bytes) -> bytes:
    begun = _BLAKE.copy()  # takes half the time of a new one
    begun.update(word)
    return begun.digest()


def read_title(text: str) -> str:
    """Content of the title element in one line of at most 160 characters; empty where there is none."""
    found = _TITLE.search(text)
    return scrub(" ".join(html.unescape(found[1]).split()))[:TITLE_LIMIT] if found else ""


def find_marks(body: bytes, text: str, marks: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Identifiers of the marks, given as (id, text), that a body holds: in its text, or in UTF-8 if that was wrong."""
    return tuple(
        identifier for identifier, mark in marks if mark and (mark in text or mark.encode("utf-8", "replace") in body)
    )
