"""Known marks of block pages and of opt-in filters: what decides by itself.

Invariant: a fingerprint is looked for only where a censor can write, that is in names resolved by the machine's own
resolver and in responses that no valid certificate vouches for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from rabta_proto.model import HttpRoundTrip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A text that agents look for in bodies; measurements name it by its id, and never keep the body."""

    id: str
    text: str


MARKS = (
    Mark(id="pk.prohibited", text="prohibited for viewership from within Pakistan"),
    Mark(id="pk.surf-safely", text="Surf Safely!"),
    Mark(id="pk.jazz-frame", text="119.73.65.87:8080/redirect.html"),
    Mark(id="pk.wateen-frame", text="restrict.wateen.net"),
)
"""Texts of block pages that Pakistan's networks have shown."""

BLOCK_PAGE_ADDRESSES = frozenset({"203.82.48.83"})
"""Addresses that resolvers give in place of a blocked site's."""

FAMILY_FILTER_ADDRESSES = frozenset({"203.82.48.86"})
"""Addresses of filters that a customer asked for: an ISP's product and not a block."""

BLOCK_PAGE_HOSTS = frozenset({"restrict.wateen.net", "restrictk.wateen.net", "redirect.wi-tribe.net.pk"})
"""Hosts that requests for blocked sites are sent on to."""

BLOCK_PAGE_TITLES = frozenset({"surf safely"})
"""Titles of block pages, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The addresses and marks that decide, and marks that clear a page of the suspicion of being a block page."""

    addresses: frozenset[str] = BLOCK_PAGE_ADDRESSES
    marks: frozenset[str] = frozenset(mark.id for mark in MARKS)
    harmless: frozenset[str] = frozenset()


OURS = Known()
"""What is looked for where nobody supplies more."""


def host_of(url: str) -> str:
    """Host of a URL in lower case; empty for what has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def find_block_page(page: HttpRoundTrip, known: Known = OURS) -> str | None:
    """What marks a page as a block page, in words; `None` for any other page."""
    for mark in sorted(known.marks.intersection(page.marks)):
        return f"the mark {mark}"
    if page.title.lower() in BLOCK_PAGE_TITLES:
        return f'the title "{page.title}"'
    return None


def find_block_host(urls: Iterable[str]) -> str | None:
    """The first host, by name, that is known for block pages."""
    return min(BLOCK_PAGE_HOSTS.intersection(map(host_of, urls)), default=None)
