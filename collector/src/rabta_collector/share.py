"""Shares the work of measuring an ISP's targets among its agents. Pure.

A target's interval says how often the ISP's view of it is to be refreshed. With n agents each measures it every
n intervals, at n evenly spaced turns, so that together they keep the interval. What an agent's day would cost is held
within its bytes: first more measurements are light, then intervals stretch, those of priority 3 before those of 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rabta_collector.catalogue import Target
from rabta_collector.locators import scheme_of
from rabta_proto.vocabulary import Depth

DAY_S = 86_400.0
TIMED_READS = 4  # of one measurement with such, in which nothing is slowed
READ_AT_MOST = 96 * 1024.0  # bytes of an object: an agent reads no more
READ_EXTRA = 14_000.0  # bytes of a read beyond: handshake, headers, what a server sends unasked
TRANSFER_PART = 0.2  # of an agent's bytes, at most, go to such; with others that it is asked for on suspicion
FULL_EVERY = (1, 2, 4)  # one in so many is full; beyond four the HTTP step is seen too rarely
LEAST_SHARES = {2: 0.2, 3: 0.1}  # of the bytes, kept for a lower priority, so that nothing starves
GOLDEN = 0.618033988749895  # multiples of it, modulo 1, spread any number of targets evenly over an interval
ESTIMATED_BYTES = {  # by scheme; a QUIC client sends 1200 bytes first, and again and again where nobody answers
    "https": {Depth.FULL: 9_000.0, Depth.LIGHT: 5_000.0},
    "http": {Depth.FULL: 9_000.0, Depth.LIGHT: 2_500.0},
    "quic": {Depth.FULL: 9_000.0, Depth.LIGHT: 9_000.0},
    "tls": {Depth.FULL: 5_000.0, Depth.LIGHT: 5_000.0},
    "tcp": {Depth.FULL: 2_500.0, Depth.LIGHT: 2_500.0},
    "openvpn": {Depth.FULL: 600.0, Depth.LIGHT: 600.0},
    "openvpn+tcp": {Depth.FULL: 1_000.0, Depth.LIGHT: 1_000.0},
    "wireguard": {Depth.FULL: 900.0, Depth.LIGHT: 900.0},
    "ikev2": {Depth.FULL: 900.0, Depth.LIGHT: 900.0},
    "tor": {Depth.FULL: 2_500.0, Depth.LIGHT: 2_500.0},
    "ech": {Depth.FULL: 5_000.0, Depth.LIGHT: 5_000.0},
    "dns": {Depth.FULL: 2_000.0, Depth.LIGHT: 2_000.0},
}


def estimate_bytes(url: str, depth: Depth) -> float:
    """What a measurement of a target may cost both ways, before any was made."""
    return ESTIMATED_BYTES.get(scheme_of(url), ESTIMATED_BYTES["https"])[depth]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One agent's part of one target. The turn is at `phase_s` after each multiple of the interval since 1970.

    One in `full_every` is full, one in `transfer_every` has timed reads; zero: none has.
    """

    target: Target
    interval_s: float
    phase_s: float
    full_every: int
    transfer_every: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a share has to keep to: seconds between two measurements of a target, and bytes a day (`None`: no bound)."""

    floor_s: float
    bytes_per_day: float | None
    cost: Callable[[str, Depth], float] = estimate_bytes


def share(targets: Sequence[Target], agents: Sequence[str], terms: Terms) -> dict[str, tuple[Share, ...]]:
    """What each agent of one ISP is to measure."""
    wanted = reading_bytes(targets) / max(1, len(agents))
    granted = wanted if terms.bytes_per_day is None else min(wanted, TRANSFER_PART * terms.bytes_per_day)
    rest = None if terms.bytes_per_day is None else terms.bytes_per_day - granted
    full_every, stretches = _fit(targets, len(agents), replace(terms, bytes_per_day=rest))
    rarer = wanted / granted if granted else 1.0
    shares: dict[str, tuple[Share, ...]] = {}
    for turn, agent in enumerate(sorted(agents)):
        shares[agent] = tuple(
            _turn(
                target,
                number,
                turn / len(agents),
                _interval(target, len(agents), stretches, terms),
                full_every,
                len(agents) * rarer,
            )
            for number, target in enumerate(targets)
        )
    return shares


def mirror(targets: Sequence[Target], agents: Sequence[str], terms: Terms) -> dict[str, tuple[Share, ...]]:
    """What each control is to measure: every target at its own interval, for the findings of all ISPs hang on it."""
    shares: dict[str, tuple[Share, ...]] = {}
    for turn, agent in enumerate(sorted(agents)):
        shares[agent] = tuple(
            _turn(target, number, turn / len(agents), max(target.interval_s, terms.floor_s), 1)
            for number, target in enumerate(targets)
        )
    return shares


def _turn(
    target: Target, number: int, part: float, interval_s: float, full_every: int, reads_stretch: float = 1.0
) -> Share:
    phase_s = (part + number * GOLDEN) % 1.0 * interval_s
    every = 0
    if target.transfer is not None and target.platform:
        every = max(1, round(target.transfer.interval_s * reads_stretch / interval_s))
    return Share(target=target, interval_s=interval_s, phase_s=phase_s, full_every=full_every, transfer_every=every)


def reading_bytes(targets: Sequence[Target]) -> float:
    """Bytes a day of one ISP for timed reads, all its agents together, were none slowed and none made rarer."""
    read = [target.transfer for target in targets if target.transfer is not None and target.platform]
    each = ((one.interval_s, TIMED_READS * (min(one.bytes, READ_AT_MOST) + READ_EXTRA)) for one in read)
    return sum(DAY_S / interval_s * cost for interval_s, cost in each)


def _interval(target: Target, agents: int, stretches: dict[int, float], terms: Terms) -> float:
    return max(target.interval_s * agents, terms.floor_s) * stretches[target.priority]


def _fit(targets: Sequence[Target], agents: int, terms: Terms) -> tuple[int, dict[int, float]]:
    """How many are light, and by how much the intervals of each priority stretch."""
    none = {1: 1.0, 2: 1.0, 3: 1.0}
    if terms.bytes_per_day is None:
        return 1, none
    for full_every in FULL_EVERY:
        demand = _demand(targets, agents, full_every, terms)
        if sum(demand.values()) <= terms.bytes_per_day:
            return full_every, none
    granted = _grant(demand, terms.bytes_per_day)
    return full_every, {p: max(1.0, demand[p] / granted[p]) if demand[p] else 1.0 for p in demand}


def _demand(targets: Sequence[Target], agents: int, full_every: int, terms: Terms) -> dict[int, float]:
    """Bytes a day of one agent, by priority, were nothing stretched."""
    demand = {1: 0.0, 2: 0.0, 3: 0.0}
    for target in targets:
        full, light = terms.cost(target.url, Depth.FULL), terms.cost(target.url, Depth.LIGHT)
        each = (full + (full_every - 1) * light) / full_every
        demand[target.priority] += DAY_S / max(target.interval_s * agents, terms.floor_s) * each
    return demand


def _grant(demand: dict[int, float], bytes_per_day: float) -> dict[int, float]:
    """Bytes a day by priority: the first takes what it asks for, but for the least shares of the others."""
    least = {priority: min(demand[priority], part * bytes_per_day) for priority, part in LEAST_SHARES.items()}
    granted: dict[int, float] = {}
    left = bytes_per_day
    for priority in sorted(demand):
        kept = sum(count for other, count in least.items() if other > priority)
        granted[priority] = min(demand[priority], left - kept)
        left -= granted[priority]
    return granted


def day_bytes(targets: Sequence[Target], terms: Terms) -> float:
    """What a day of one ISP costs, all its agents together, were every measurement full and nothing stretched."""
    return sum(_demand(targets, 1, 1, terms).values())
