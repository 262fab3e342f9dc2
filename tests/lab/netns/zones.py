"""What resolvers say: the truth, which differs by place, and what censors make of it. Pure. No reply is silence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import dns.rcode

from lab.netns.rules import INJECTED
from lab.netns.world import FAMILY_FILTER_HOST, Block, Network, World, all_hubs
from lab.scenario import CensorKind, Vantage
from lab.sites.site import BLOCKPAGE_HOST, OTHER_HOST, zone
from support.dns_server import Answer, DnsQuestion, DnsReply, addresses, nxdomain, refused

SLOW_S = 0.8
BEHIND_THE_LIE_S = 0.02
_BOGON, _PRIVATE, _KNOWN_BLOCKPAGE = "127.0.0.1", "10.10.34.36", "203.82.48.83"


def truth(world: World, name: str, *, inside: bool) -> DnsReply:
    """What an honest resolver says to somebody inside the country or abroad."""
    if (hub := all_hubs().get(name)) is not None:
        return addresses(hub)
    site = world.find_site(name)
    found = zone(site, inside=inside) if site is not None else None
    return nxdomain() if found is None else addresses(*found)


def lie(world: World, block: Block) -> Sequence[DnsReply] | None:
    """What a resolver under this block says of its host; `None` where the block is not of names."""
    match block.kind:
        case CensorKind.DNS_NXDOMAIN | CensorKind.DNS_INJECTED_NXDOMAIN:
            return [nxdomain()]
        case CensorKind.DNS_REFUSED:
            return [refused()]
        case CensorKind.DNS_SERVFAIL:
            return [DnsReply(rcode=dns.rcode.SERVFAIL)]
        case CensorKind.DNS_SILENCE:
            return []
        case CensorKind.DNS_EMPTY:
            return [addresses()]
        case CensorKind.DNS_BOGON:
            return [addresses(_BOGON)]
        case CensorKind.DNS_PRIVATE:
            return [addresses(_PRIVATE)]
        case CensorKind.DNS_BLOCKPAGE:
            return [addresses(world.address(BLOCKPAGE_HOST))]
        case CensorKind.DNS_KNOWN_BLOCKPAGE:
            return [addresses(_KNOWN_BLOCKPAGE)]
        case CensorKind.DNS_FAMILY_FILTER:
            return [addresses(world.address(FAMILY_FILTER_HOST))]
        case CensorKind.DNS_OTHER | CensorKind.DNS_INJECTED:
            return [addresses(world.address(OTHER_HOST))]
        case _:
            return None


def honest(world: World) -> Answer:
    """A public resolver."""

    def answer(question: DnsQuestion, client: str) -> Sequence[DnsReply]:
        return [truth(world, question.name, inside=world.is_inside(client))]

    return answer


def own(world: World, network: Network) -> Answer:
    """A network's own resolver, which lies as it was told to."""
    lies = _lies(world, [block for block in world.blocks(network) if block.kind not in INJECTED])
    delay_s = SLOW_S if network.vantage is Vantage.SLOW_RESOLVER else 0.0

    def answer(question: DnsQuestion, _: str) -> Sequence[DnsReply]:
        replies = lies.get(question.name, [truth(world, question.name, inside=network.inside)])
        return [replace(reply, delay_s=delay_s) for reply in replies]

    return answer


def injected(world: World, network: Network) -> Answer:
    """What comes back of a question that a network's injector saw: the lie at once, and the truth that it outran."""
    lies = _lies(world, [block for block in world.blocks(network) if block.kind in INJECTED])

    def answer(question: DnsQuestion, client: str) -> Sequence[DnsReply]:
        true = truth(world, question.name, inside=world.is_inside(client))
        return [*lies.get(question.name, []), replace(true, delay_s=BEHIND_THE_LIE_S)]

    return answer


def _lies(world: World, blocks: Iterable[Block]) -> Mapping[str, Sequence[DnsReply]]:
    return {block.host: told for block in blocks if (told := lie(world, block)) is not None}
