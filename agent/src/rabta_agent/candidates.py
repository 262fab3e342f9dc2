"""Which addresses of a name are tried, and in which order. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from rabta_proto.vocabulary import AddressSource

LIMIT = 3
"""Addresses tried in one pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An address and who named it."""

    address: str
    source: AddressSource

    @property
    def is_users_own(self) -> bool:
        """Whether the volunteer's other programs would go there: the machine's own resolver said so, or the URL."""
        return self.source in (AddressSource.SYSTEM, AddressSource.LITERAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The addresses that each kind of resolver gave for a name."""

    system: tuple[str, ...] = ()
    udp: tuple[str, ...] = ()
    doh: tuple[str, ...] = ()


def interleave(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """IPv4 and IPv6 in turn, so that one that is broken does not use up the tries."""
    return tuple(address for address in chain.from_iterable(zip_longest(first, second)) if address is not None)


def choose(named: Named) -> tuple[Candidate, ...]:
    """At most three: the machine's own first, and always one that DoH named, if it named any."""
    own = [Candidate(address=address, source=AddressSource.SYSTEM) for address in dict.fromkeys(named.system)]
    foreign = [
        Candidate(address=address, source=AddressSource.UDP if address in named.udp else AddressSource.DOH)
        for address in dict.fromkeys((*named.doh, *named.udp))  # what nobody on the path can forge goes first
        if address not in named.system
    ]
    chosen = [*own, *foreign][:LIMIT]
    if named.doh and not any(candidate.address in named.doh for candidate in chosen):
        trusted = next(candidate for candidate in (*own, *foreign) if candidate.address in named.doh)
        chosen = [*chosen[: LIMIT - 1], trusted]
    return tuple(chosen)
