"""What resolvers say: honest answers that differ by place, and what censors make of them.

The honest answer for a site is its address near the asker's network. Names that nobody owns do not exist; no site has
an IPv6 address. A network's own resolver lies itself; on the path to any resolver the lie is injected, and the true
answer comes after it. Pure: a question in, replies out; none is silence.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import dns.rcode

from lab.atlas import Atlas, Network
from lab.censor import NAMES_IN_DNS, Action, Censor, Rule
from lab.scenario import SiteKind
from support.dns_server import DnsQuestion, DnsReply, addresses, nxdomain, refused

BEHIND_THE_LIE_S = 0.02

Says = Callable[[Atlas, Network, Censor, DnsQuestion], Sequence[DnsReply]]
"""What a kind of resolver says to an asker of a network under its censor."""


def honest(atlas: Atlas, network: Network, _: Censor, question: DnsQuestion) -> Sequence[DnsReply]:
    """A resolver that no censor can read; a network that asks for a login first lets nobody through to it."""
    return [] if network.portal else [_truth(atlas, network, question)]


def own(atlas: Atlas, network: Network, censor: Censor, question: DnsQuestion) -> Sequence[DnsReply]:
    """The resolver that a network gives its users."""
    rule = _rule(atlas, censor, question)
    if rule is None:
        replies: Sequence[DnsReply] = [_truth(atlas, network, question)]
    elif rule.on_path:
        replies = _outrun(atlas, network, rule, question)
    else:
        replies = _lie(rule, network)
    return [replace(reply, delay_s=reply.delay_s + network.resolver_delay_s) for reply in replies]


def on_the_path(atlas: Atlas, network: Network, censor: Censor, question: DnsQuestion) -> Sequence[DnsReply]:
    """A public resolver over plain UDP."""
    rule = _rule(atlas, censor, question)
    if rule is None or not rule.on_path:
        return honest(atlas, network, censor, question)
    return _outrun(atlas, network, rule, question)


def _rule(atlas: Atlas, censor: Censor, question: DnsQuestion) -> Rule | None:
    return censor.on(atlas.site_named(question.name), NAMES_IN_DNS)


def _truth(atlas: Atlas, network: Network, question: DnsQuestion) -> DnsReply:
    site = atlas.site_named(question.name)
    if site is None or site.kind is SiteKind.DEAD_NAME:
        return nxdomain()
    return addresses(*(network.near(site, place) for place in site.places))


def _outrun(atlas: Atlas, network: Network, rule: Rule, question: DnsQuestion) -> Sequence[DnsReply]:
    """The lie, and behind it the truth; where the lie is silence, the truth is kept back, too."""
    lie = _lie(rule, network)
    return [*lie, replace(_truth(atlas, network, question), delay_s=BEHIND_THE_LIE_S)] if lie else []


def _lie(rule: Rule, network: Network) -> Sequence[DnsReply]:
    match rule.action:
        case Action.DNS_NXDOMAIN:
            return [nxdomain()]
        case Action.DNS_REFUSED:
            return [refused()]
        case Action.DNS_SERVFAIL:
            return [DnsReply(rcode=dns.rcode.SERVFAIL)]
        case Action.DNS_EMPTY:
            return [addresses()]
        case Action.DNS_FORGED:
            return [addresses(rule.address or network.block_page)]
        case _:  # DNS_SILENCE
            return []
