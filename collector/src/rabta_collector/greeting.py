"""What an agent is told first: the time, and the network that it comes from, as its own volunteer may read it. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Protocol

from rabta_collector.journal import Member
from rabta_collector.networks import Networks, address_of
from rabta_collector.registry import Agent
from rabta_proto.codec import to_timestamp
from rabta_proto.v1 import collector_pb2 as link

MAX_WORD = 64  # characters of a version or an identifier


def short_word(text: str) -> str:
    """What is kept of a word that an agent says of itself."""
    return "".join(letter for letter in text if letter.isprintable())[:MAX_WORD]


_FORWARDED = {"forwarded", "x-forwarded-for", "via", "cf-connecting-ip", "x-real-ip"}


class Call(Protocol):
    """What we use of a call."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]]: ...
    def peer(self) -> str: ...


def nearest_peer(call: Call) -> str:
    """The peer of a call that comes from the agent itself; empty where somebody passed it on: a proxy, a CDN."""
    return "" if any(name.lower() in _FORWARDED for name, _ in call.invocation_metadata()) else call.peer()


def make_welcome(networks: Networks, peer: str, *, now: float, heartbeat_s: float) -> link.Welcome:
    """`peer` is looked at and forgotten; `now` is in Unix seconds."""
    return link.Welcome(
        now=to_timestamp(datetime.fromtimestamp(now, UTC)),
        heartbeat_interval_s=max(1, round(heartbeat_s)),
        seen_isp=networks.isp_of(peer),
        seen_asn=networks.asn_of(address_of(peer)) or 0,
    )


def member_of(agent: Agent) -> Member:
    """An agent as the journal has it."""
    return Member(agent=agent.id, isp=agent.isp, role=agent.role)
