"""What resolvers said of a name, held against each other: who lies, and how that shows. Pure.

Nobody between can forge what DoH resolvers and controls say (`vouched`). Over plain UDP a public resolver's word may be
forged like anybody's, so it counts where it speaks against the lie, and is evidence of injection where it repeats it.
Addresses agree when one is in both answers or, where networks are known, when both hold one of the same network (AS);
A and AAAA are compared apart. Content delivery networks answer by place: that answers differ is never proof by itself.
"""

from collections.abc import Collection
from dataclasses import dataclass

from rabta_collector.verdict.background import NOTHING, Background
from rabta_collector.verdict.legs import Leg, Seen, address_of, dns, is_ipv6
from rabta_collector.verdict.manners import Manner, manner_of
from rabta_collector.verdict.once import once
from rabta_collector.verdict.support import Voices
from rabta_proto.model import DnsQuery, DnsReply
from rabta_proto.vocabulary import ResolverKind, ResolverPlace, Step


@dataclass(frozen=True, kw_only=True)  # not slotted: `once` needs a dictionary
class Naming:
    """The names of one leg."""

    leg: Leg
    voices: Voices
    background: Background = NOTHING

    # Who says what

    @once
    def by_controls(self) -> frozenset[str]:
        return frozenset[str]().union(*(said for leg in self.voices.legs for said in leg.named.values()))

    @once
    def vouched(self) -> frozenset[str]:
        """Addresses of the name by accounts that nobody on the path can forge."""
        return self.leg.named_by(ResolverKind.DOH) | self.by_controls

    @once
    def public(self) -> frozenset[str]:
        """What public resolvers said over plain UDP."""
        return self.leg.named_by(ResolverKind.UDP)

    @once
    def honest(self) -> frozenset[str]:
        """The best account of the name but the machine's own."""
        return self.vouched or self.public

    # Whose word the machine's own resolver is

    @property
    def queries(self) -> list[DnsQuery]:
        """Those to the machine's own resolver."""
        return [dns(o) for o in self.leg.dns if dns(o).resolver_kind is ResolverKind.SYSTEM]

    @once
    def chosen(self) -> frozenset[str]:
        """Known public resolvers that the volunteer chose, where the machine asks no others."""
        queries = self.queries
        if any(query.resolver_place is not ResolverPlace.PUBLIC for query in queries):
            return frozenset()
        return frozenset(query.resolver for query in queries)

    @property
    def network_s_word(self) -> bool:
        """Whether the answers are the network's doing: its resolver's, or forged on the way to another."""
        return not self.chosen or self.injected

    # Injection

    @property
    def injected(self) -> bool:
        return bool(self.raced) or self.echoed

    @once
    def raced(self) -> list[tuple[DnsQuery, DnsReply]]:
        """Queries that were answered falsely first, and truly after that.

        Those to public resolvers over plain UDP count where the machine's own was told a lie, too: not every system
        shows the second answer to its own.
        """
        lied_to = not self._agree(self.leg.own, self.vouched)
        plain = [dns(o) for o in self.leg.dns if lied_to and dns(o).resolver_kind is ResolverKind.UDP]
        return [
            (query, reply)
            for query in (*self.queries, *plain)
            if not self._agree(query.addresses, self.vouched)
            for reply in query.later_replies
            if self._agree(_addresses(reply), self.vouched)
        ]

    @property
    def contradicted(self) -> bool:
        """Whether answers of the machine's own resolver were followed by others, of which none was told before."""
        replies = [(query, reply) for query in self.queries for reply in query.later_replies]
        return any(not self._agree(query.addresses, _addresses(reply)) for query, reply in replies)

    @once
    def echoed(self) -> bool:
        """Whether a public resolver told the same lie over plain UDP."""
        if not self.vouched:
            return False
        if self.leg.own:
            return not self.leg.own.isdisjoint(self.public) and self._differ(self.leg.own, self.vouched)
        said = {manner_of(o.failure) for o in self.leg.dns if dns(o).resolver_kind is ResolverKind.UDP and o.failure}
        return self.leg.step is Step.DNS and self.leg.manner in said & _DENIALS

    # Foreign addresses

    @once
    def foreign(self) -> bool:
        """Whether others name addresses, and none of the machine's own is among them or near them."""
        public = self.public - self.leg.special  # an address that no site can have is no account of one
        accounts = self.vouched if self.raced else self.vouched | public
        return self._differ(self.leg.own, accounts)

    @property
    def unvouched(self) -> bool:
        """Whether none of the machine's own addresses is among those of the best account."""
        return self._differ(self.leg.own, self.honest)

    @property
    def only_own_resolver(self) -> bool:
        """Whether public resolvers that were asked from the same network answer, and none gives its own addresses."""
        from_here = self.leg.named_by(ResolverKind.DOH) or self.public
        return self._differ(self.leg.own, from_here) or self.denied_by_others

    @once
    def denied_by_others(self) -> bool:
        """Whether public resolvers that were asked from the same network say that there is no address, or say the same
        in plain text alone, and no control gives it either.

        One that has an address of the other kind denies nothing: most names have no IPv6 address.
        """
        kinds = (ResolverKind.DOH, ResolverKind.UDP)
        silent = [kind for kind in kinds if not self.leg.named_by(kind)]
        denied = any(o.failure and dns(o).rcode is not None and dns(o).resolver_kind in silent for o in self.leg.dns)
        mine = bool(self.leg.own) and self.leg.own.isdisjoint(self.by_controls)
        return denied and mine and ResolverKind.DOH in silent and self.public <= self.leg.own

    @once
    def others_fail(self) -> Seen:
        """Failures on IPv4 addresses that others named: where these fail too, it is not the resolver's doing."""
        failed = [o for o in (*self.leg.tcp, *self.leg.tls) if o.failure and address_of(o) not in self.leg.own]
        return [o for o in failed if not is_ipv6(address_of(o))]

    @once
    def visited(self) -> list[Leg]:
        """What controls saw that went to the machine's own addresses, which none but its resolver names."""
        if not self.foreign:
            return []
        return [leg for leg in self.voices.legs if leg.own and leg.own <= self.leg.own]

    # Proof that the site is alive at another address

    @property
    def elsewhere(self) -> bool:
        """Whether an address that a resolver gave, and not the machine's own, showed a valid certificate."""
        return bool(self.leg.elsewhere - self.leg.by_control)

    @property
    def elsewhere_by_control(self) -> bool:
        """Whether an address that controls alone gave did."""
        return bool(self.leg.elsewhere & self.leg.by_control)

    # IPv6

    @property
    def lacks_ipv6(self) -> bool:
        """Whether the site has IPv6 addresses alone, and this machine asked for none."""
        nothing = self.leg.manner is Manner.EMPTY and not self.leg.asked_for("AAAA")
        return nothing and bool(self.honest) and all(map(is_ipv6, self.honest))

    def _differ(self, mine: Collection[str], others: Collection[str]) -> bool:
        """Whether there are addresses on both sides, and of one kind at least none agrees; IPv4 before IPv6."""
        if not mine or not others:
            return False
        mine_v4, others_v4 = _version_4(mine), _version_4(others)
        if mine_v4 and others_v4:
            return not self._agree(mine_v4, others_v4)
        return not self._agree(mine, others)

    def _agree(self, mine: Collection[str], others: Collection[str]) -> bool:
        if not frozenset(mine).isdisjoint(others):
            return True
        return not self._networks(mine).isdisjoint(self._networks(others))

    def _networks(self, addresses: Collection[str]) -> frozenset[int]:
        if (asn_of := self.background.asn_of) is None:
            return frozenset()
        found = map(asn_of, addresses)
        return frozenset(asn for asn in found if asn is not None)


_DENIALS = frozenset({Manner.NXDOMAIN, Manner.DENIAL, Manner.EMPTY})


def _addresses(reply: DnsReply) -> tuple[str, ...]:
    return tuple(answer.value for answer in reply.answers if answer.type in ("A", "AAAA"))


def _version_4(addresses: Collection[str]) -> list[str]:
    return [address for address in addresses if not is_ipv6(address)]
