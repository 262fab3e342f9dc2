"""Shares the work of measuring an ISP's targets among its agents. Pure.

A target's interval says how often the ISP's view of it is to be refreshed. With n agents each measures it every
n intervals, at n evenly spaced turns, so that together they keep the interval. What an agent's day would cost is held
within its bytes: first more measurements are light, then intervals stretch, those of priority 3 before those of 1.

Of a platform that an agent leaves out it gets nothing, and the n of its targets are the others. Where bytes do not
suffice, agents that leave out the same stretch the same; between those that do not, turns are no longer evenly spaced.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeAlias

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
UNSTRETCHED = {1: 1.0, 2: 1.0, 3: 1.0}
GOLDEN = 0.618033988749895  # multiples of it, modulo 1, spread any number of targets evenly over an interval
LeftOut: TypeAlias = Mapping[str, Set[str]]
"""Agents, and the platforms that each measures nothing of."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A target, its number in the catalogue, and by how many agents it is measured."""

    target: Target
    number: int
    agents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """How an agent's work is held within its bytes: one in so many is full, and by how much what becomes rarer."""

    full_every: int
    stretches: dict[int, float]
    reads: float


class Split:
    """The work of some agents. What each of them is to measure is worked out when it is asked for."""

    def __init__(self, targets: Sequence[Target], agents: LeftOut, terms: Terms) -> None:
        self._targets, self._agents, self._terms = targets, agents, terms
        self._crews = _crews(targets, agents)
        self._works: dict[frozenset[str], tuple[Sequence[_Work], _Fit]] = {}

    def of(self, agent: str) -> tuple[Share, ...]:
        """One agent's part of an ISP's work."""
        works, fit = self._of(frozenset(self._agents[agent]))
        return tuple(
            _turn(
                work,
                self._crews[work.target.platform][agent],
                _interval(work, self._terms) * fit.stretches[work.target.priority],
                fit.full_every,
                work.agents * fit.reads,
            )
            for work in works
        )

    def mirrored(self, agent: str) -> tuple[Share, ...]:
        """One control's part: every target at its own interval, for the findings of all ISPs hang on it."""
        works = _work(self._targets, self._crews, self._agents[agent])
        return tuple(
            _turn(work, self._crews[work.target.platform][agent], max(work.target.interval_s, self._terms.floor_s), 1)
            for work in works
        )

    def _of(self, left_out: frozenset[str]) -> tuple[Sequence[_Work], _Fit]:
        """The same for all agents that leave out the same."""
        if left_out not in self._works:
            works = _work(self._targets, self._crews, left_out)
            self._works[left_out] = works, _fit(works, self._terms)
        return self._works[left_out]


def share(targets: Sequence[Target], agents: LeftOut, terms: Terms) -> dict[str, tuple[Share, ...]]:
    """What each agent of one ISP is to measure."""
    split = Split(targets, agents, terms)
    return {agent: split.of(agent) for agent in agents}


def mirror(targets: Sequence[Target], agents: LeftOut, terms: Terms) -> dict[str, tuple[Share, ...]]:
    """What each control is to measure."""
    split = Split(targets, agents, terms)
    return {agent: split.mirrored(agent) for agent in agents}


def _crews(targets: Sequence[Target], agents: LeftOut) -> dict[str, dict[str, int]]:
    """Who measures each platform, and as which of them. What nobody leaves out has one crew, that of all."""
    names = sorted(agents)
    all_of_them = {agent: turn for turn, agent in enumerate(names)}
    shunned = set[str]().union(*set(map(frozenset, agents.values())))
    return {
        platform: {agent: turn for turn, agent in enumerate(name for name in names if platform not in agents[name])}
        if platform in shunned
        else all_of_them
        for platform in {target.platform for target in targets}
    }


def _work(targets: Sequence[Target], crews: Mapping[str, Mapping[str, int]], left_out: Set[str]) -> list[_Work]:
    """What is left for an agent."""
    return [
        _Work(target=target, number=number, agents=len(crews[target.platform]))
        for number, target in enumerate(targets)
        if target.platform not in left_out
    ]


def _turn(work: _Work, turn: int, interval_s: float, full_every: int, reads_stretch: float = 1.0) -> Share:
    target = work.target
    phase_s = (turn / work.agents + work.number * GOLDEN) % 1.0 * interval_s
    every = 0
    if target.transfer is not None and target.platform:
        every = max(1, round(target.transfer.interval_s * reads_stretch / interval_s))
    return Share(target=target, interval_s=interval_s, phase_s=phase_s, full_every=full_every, transfer_every=every)


def reading_bytes(targets: Sequence[Target]) -> float:
    """Bytes a day of one ISP for timed reads, all its agents together, were none slowed and none made rarer."""
    return _reading_bytes(_alone(targets))


def _reading_bytes(works: Sequence[_Work]) -> float:
    """The same of one agent, of its work."""
    read = [(work.target.transfer, work.agents) for work in works if work.target.platform]
    return sum(
        DAY_S / (one.interval_s * agents) * TIMED_READS * (min(one.bytes, READ_AT_MOST) + READ_EXTRA)
        for one, agents in read
        if one is not None
    )


def _interval(work: _Work, terms: Terms) -> float:
    return max(work.target.interval_s * work.agents, terms.floor_s)


def _fit(works: Sequence[_Work], terms: Terms) -> _Fit:
    if terms.bytes_per_day is None:
        return _Fit(full_every=1, stretches=dict(UNSTRETCHED), reads=1.0)
    wanted = _reading_bytes(works)
    granted = min(wanted, TRANSFER_PART * terms.bytes_per_day)
    full_every, stretches = _stretch(works, terms.bytes_per_day - granted, terms)
    return _Fit(full_every=full_every, stretches=stretches, reads=wanted / granted if granted else 1.0)


def _stretch(works: Sequence[_Work], bytes_per_day: float, terms: Terms) -> tuple[int, dict[int, float]]:
    """How many are light, and by how much the intervals of each priority stretch."""
    for full_every in FULL_EVERY:
        demand = _demand(works, full_every, terms)
        if sum(demand.values()) <= bytes_per_day:
            return full_every, dict(UNSTRETCHED)
    granted = _grant(demand, bytes_per_day)
    return full_every, {p: max(1.0, demand[p] / granted[p]) if demand[p] else 1.0 for p in demand}


def _demand(works: Sequence[_Work], full_every: int, terms: Terms) -> dict[int, float]:
    """Bytes a day of one agent, by priority, were nothing stretched."""
    demand = {1: 0.0, 2: 0.0, 3: 0.0}
    for work in works:
        full, light = terms.cost(work.target.url, Depth.FULL), terms.cost(work.target.url, Depth.LIGHT)
        each = (full + (full_every - 1) * light) / full_every
        demand[work.target.priority] += DAY_S / _interval(work, terms) * each
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
    return sum(_demand(_alone(targets), 1, terms).values())


def _alone(targets: Sequence[Target]) -> list[_Work]:
    """All of an ISP's work, as one agent would have it."""
    return [_Work(target=target, number=number, agents=1) for number, target in enumerate(targets)]
