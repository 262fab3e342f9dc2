"""Which addresses of a name are tried, and in which order. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from rabta_proto.vocabulary import AddressSource

LIMIT, REPEAT_LIMIT = 4, 3
"""Addresses tried in the first pass, and in a repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An address and who named it."""

    address: str
    source: AddressSource

    @property
    def is_users_own(self) -> bool:
        """Whether the volunteer's other programs would go there: the machine's own resolver said so, or the URL."""
        return self.source in (AddressSource.SYSTEM, AddressSource.LITERAL)

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The addresses that each kind of resolver gave for a name; `control`, those at which controls reached it."""

    system: tuple[str, ...] = ()
    udp: tuple[str, ...] = ()
    doh: tuple[str, ...] = ()
    control: tuple[str, ...] = ()


def interleave(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """IPv4 and IPv6 in turn, so that one that is broken does not use up the tries."""
    return tuple(address for address in chain.from_iterable(zip_longest(first, second)) if address is not None)


def choose(named: Named, limit: int = LIMIT) -> tuple[Candidate, ...]:
    """At most `limit`: the machine's own first, then what others named.

    The machine's own of both families, one that DoH named (of IPv4 if it can be) and one of the controls' have a place
    before all others, so that neither a broken family nor a resolver's many lies use up the tries.
    """
    everybody = _in_order(named)
    chosen: list[Candidate] = []
    for group in _groups(named, everybody):
        if group and not any(candidate in group for candidate in chosen):
            chosen.append(group[0])
    chosen += [candidate for candidate in everybody if candidate not in chosen]
    return tuple(sorted(chosen[:limit], key=everybody.index))


def _in_order(named: Named) -> list[Candidate]:
    """Each address once, as that of the first who named it, in the order in which they are tried."""
    tried = dict.fromkeys((*named.system, *named.doh, *named.control, *named.udp))  # what nobody can forge goes first
    return [Candidate(address=address, source=_source(address, named)) for address in tried]


def _source(address: str, named: Named) -> AddressSource:
    if address in named.system:
        return AddressSource.SYSTEM
    if address in named.doh:
        return AddressSource.UDP if address in named.udp else AddressSource.DOH
    return AddressSource.CONTROL if address in named.control else AddressSource.UDP


def _groups(named: Named, everybody: Sequence[Candidate]) -> list[list[Candidate]]:
    """Of each group one is tried, the first groups before the last ones."""
    own = [candidate for candidate in everybody if candidate.is_users_own]
    doh = [candidate for candidate in everybody if candidate.address in named.doh]
    control = [candidate for candidate in everybody if candidate.address in named.control]
    return [*_by_family(own), _by_family(doh)[0] or doh, control, own[1:2], *_by_family(everybody)]


def _by_family(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """IPv4 and IPv6."""
    return (
        [candidate for candidate in candidates if not candidate.is_ipv6],
        [candidate for candidate in candidates if candidate.is_ipv6],
    )
