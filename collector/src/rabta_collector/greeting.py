"""What an agent is told first: the time, and the network that it comes from, as its own volunteer may read it. Pure."""

from datetime import UTC, datetime

from rabta_collector.networks import Networks, address_of
from rabta_proto.codec import to_timestamp
from rabta_proto.v1 import collector_pb2 as link

MAX_WORD = 64  # characters of a version or an identifier


def short_word(text: str) -> str:
    """What is kept of a word that an agent says of itself."""
    return "".join(letter for letter in text if letter.isprintable())[:MAX_WORD]


def make_welcome(networks: Networks, peer: str, *, now: float, heartbeat_s: float) -> link.Welcome:
    """`peer` is looked at and forgotten; `now` is in Unix seconds."""
    return link.Welcome(
        now=to_timestamp(datetime.fromtimestamp(now, UTC)),
        heartbeat_interval_s=max(1, round(heartbeat_s)),
        seen_isp=networks.isp_of(peer),
        seen_asn=networks.asn_of(address_of(peer)) or 0,
    )
