"""What was contacted, for the volunteer to read: one entry per measurement and one per delivery to the collector. Pure.

These entries stay on the volunteer's machine; `rabta-agent log` shows them.
"""

from dataclasses import dataclass
from datetime import datetime

from rabta_agent.words import mark
from rabta_proto.model import DnsQuery, Measurement, PathTrace, QuicHandshake, TcpConnect, VpnHandshake
from rabta_proto.vocabulary import Failure, ResolverKind

SYSTEM_RESOLVER = mark("system resolver")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One entry: why (a target's URL, or "collector"), with whom, and bytes as far as they can be counted."""

    at: datetime
    purpose: str
    peers: tuple[str, ...]
    bytes_sent: int
    bytes_received: int


def contact_of(measurement: Measurement) -> Contact:
    """Whom a measurement contacted: resolvers and addresses, each once, in the order they came up."""
    peers: dict[str, None] = {}
    for observation in measurement.observations:
        detail = observation.detail
        if observation.failure in (Failure.SPECIAL_ADDRESS, Failure.DNS_NO_RESOLVER):
            continue  # recorded, but nothing was sent
        if isinstance(detail, DnsQuery):
            peers[SYSTEM_RESOLVER if detail.resolver_kind is ResolverKind.SYSTEM else detail.resolver] = None
        elif isinstance(detail, TcpConnect | QuicHandshake | VpnHandshake | PathTrace):
            peers[
                f"[{detail.address}]:{detail.port}" if ":" in detail.address else f"{detail.address}:{detail.port}"
            ] = None
    return Contact(
        at=measurement.started_at,
        purpose=measurement.target,
        peers=tuple(peers),
        bytes_sent=measurement.bytes_sent,
        bytes_received=measurement.bytes_received,
    )
