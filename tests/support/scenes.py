"""What a step needs to be tried on loopback: a scene, a deadline, and contexts that trust a throw-away authority."""

import asyncio
import random
from collections.abc import Iterable
from datetime import UTC, datetime

from rabta_agent.names import find_means
from rabta_agent.network import Meter, Network, Vantage
from rabta_agent.notebook import Equipment, Notebook
from rabta_agent.probes.doh import DohClient
from rabta_agent.probes.step import Scene
from rabta_agent.probes.tlscontexts import TlsContexts
from rabta_agent.task import Settings
from rabta_proto.model import (
    Detail,
    DnsQuery,
    HttpRoundTrip,
    Observation,
    QuicHandshake,
    TcpConnect,
    TlsHandshake,
    VpnHandshake,
)
from rabta_proto.vocabulary import Depth, DnsTransport
from support.peers import Authority
from support.steady import LoopClock

LAB = Vantage(lab=True)


class StoppedClock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


def make_scene(vantage: Vantage = LAB) -> Scene:
    """The scene of a measurement that begins now."""
    clock = LoopClock()
    return Scene(network=Network(vantage), clock=clock, meter=Meter(), zero=clock.monotonic())


def within(seconds: float = 5.0) -> float:
    """A deadline from now."""
    return asyncio.get_running_loop().time() + seconds


def make_contexts(authority: Authority) -> TlsContexts:
    """Contexts that trust this authority too."""
    contexts = TlsContexts()
    authority.trust(contexts.verified)
    return contexts


def make_notebook(
    contexts: TlsContexts, settings: Settings, *, vantage: Vantage = LAB, depth: Depth = Depth.FULL, ipv6: bool = False
) -> Notebook:
    """An empty notebook with equipment of its own; `notebook.equipment.doh` has to be closed where DoH was asked."""
    equipment = Equipment(
        network=Network(vantage),
        clock=LoopClock(),
        contexts=contexts,
        doh=DohClient(contexts, find_means),
        rng=random.Random(1),
    )
    return Notebook(equipment, settings, depth=depth, ipv6=ipv6)


def outline(observations: Iterable[Observation]) -> list[str]:
    """Observations in one line each, for comparing: `attempt step what failure`."""
    return [
        f"{seen.attempt} {_describe(seen.detail)} {seen.failure or 'ok'}"
        for seen in sorted(observations, key=lambda seen: (seen.hop, seen.attempt, seen.step != "dns"))
    ]


def _describe(detail: Detail) -> str:
    match detail:
        case DnsQuery():
            over = " over tcp" if detail.transport is DnsTransport.TCP else " cut short" if detail.truncated else ""
            return f"dns {detail.resolver_kind} {detail.query_type}{over}"
        case TcpConnect():
            return f"tcp {detail.address} {detail.source}"
        case TlsHandshake():
            manner = "isolated" if detail.isolation else "verified" if detail.verified else "plain"
            return f"tls {detail.server_name} {manner}{' split' if detail.split else ''}"
        case QuicHandshake():
            manner = "isolated" if detail.isolation else "verified" if detail.verified else "plain"
            return f"quic {detail.server_name} {manner}"
        case VpnHandshake():
            return f"vpn {detail.protocol} {'tcp' if detail.over_tcp else 'udp'}"
        case HttpRoundTrip():
            return f"http {detail.status}"
