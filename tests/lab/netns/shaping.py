"""Queues of the hard lab, as lines of tc(8): who is slow because packets wait. Pure.

What iptables marks for a class (`CLASSIFY`) goes through a queue of its own on the way to the agent. A censor's is a
token bucket (tbf); congestion's is a class whose rate the lab changes while it stands; a slow line's is all there is.
"""

from collections.abc import Iterable, Iterator

from lab.netns.world import Block, Network
from lab.scenario import CensorKind, Vantage

QUEUED = frozenset({CensorKind.SHAPE_SNI, CensorKind.CONGESTION})
LINE_BITS, ISP_BITS = 256_000, 2_000_000
CONGESTED_BITS, FREE_BITS = 128_000, 4_000_000
_WIRE = "10gbit"


def class_of(block: Block) -> str:
    """The class of a block's packets; 1:1 is everything else."""
    return f"1:{0x100 + block.number:x}"


def router_queues(network: Network, blocks: Iterable[Block]) -> Iterator[str]:
    """Lines for `tc -batch` in a network's router."""
    queued = [block for block in blocks if block.kind in QUEUED]
    for number in range(1, 1 + network.agents):
        device = f"a{number}"
        if network.vantage is Vantage.SLOW_LINE:
            yield f"qdisc add dev {device} root tbf rate {LINE_BITS}bit burst 8kb latency 800ms"
        elif queued:
            yield f"qdisc add dev {device} root handle 1: htb default 1 r2q 10000"
            yield f"class add dev {device} parent 1: classid 1:1 htb rate {_WIRE} quantum 60000"
            for block in queued:
                yield from _queue(device, block)


def _queue(device: str, block: Block) -> Iterator[str]:
    own = class_of(block)
    if block.kind is CensorKind.SHAPE_SNI:
        yield f"class add dev {device} parent 1: classid {own} htb rate {_WIRE} quantum 60000"
        yield f"qdisc add dev {device} parent {own} tbf rate {block.rate}bit burst 16kb latency 400ms"
    else:
        yield f"class add dev {device} parent 1: classid {own} htb rate {FREE_BITS}bit burst 8kb quantum 3000"


def core_queues(networks: Iterable[Network]) -> Iterator[str]:
    """Lines for `tc -batch` in the core: what an ISP as a whole has."""
    for network in networks:
        if network.vantage is Vantage.SLOW_ISP:
            yield f"qdisc add dev {network.id} root tbf rate {ISP_BITS}bit burst 16kb latency 400ms"


def weather(network: Network, blocks: Iterable[Block], *, congested: bool) -> Iterator[str]:
    """Lines for `tc -batch` that make congestion come or go."""
    bits = CONGESTED_BITS if congested else FREE_BITS
    for block in blocks:
        if block.kind is CensorKind.CONGESTION:
            for number in range(1, 1 + network.agents):
                yield f"class change dev a{number} parent 1: classid {class_of(block)} htb rate {bits}bit burst 8kb"
