"""When a platform at an ISP has to be looked at during a quiet year, and when nothing can happen there. Pure.

Of a platform that is held reachable, n votes stand, and no verdict changes while fewer than a quarter of them, or fewer
than two, are not `ok`: so says decide.py, and test_wakes.py shows it of the real `decide`. So a place is played only
while enough agents may hold such a vote: their path failed at one of their turns, and the longest has not passed for
which a vote can stand after it. `AT_RISK` asks for fewer than decide.py does, and those on a VPN are not counted among
the n. With fewer than four agents every failure is played.

Nobody is asked to measure where nothing was at odds (a VPN, or a dead line, raises no alarm), so the closed loop adds
no measurement outside of what is played. A local filter is played only at ISPs of four agents and more: with fewer it
is all that is known of the ISP, and no verdict can tell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rabta_collector.catalogue import Catalogue, Target
from rabta_collector.settings import DEFAULTS
from rabta_collector.share import share
from sim.land import Agent
from sim.noise import Noise
from sim.plans import TERMS, Plans
from sim.roster import Count, Roster
from sim.scene import Span

AT_RISK = 0.2  # of the votes; decide.py has a quarter
ALONE = 4
BEFORE_S = 60.0
PIECE_S = 1800.0
CEILING_S = DEFAULTS.vote_ceiling_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """A place is to be played from `since` to `until`, or until all is well once no path fails, from `calm_from` on."""

    isp: str
    platform: str
    since: float
    until: float
    calm_from: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bad:
    """An agent that may hold a vote that is not ok; `over`: when its path works again."""

    agent: str
    since: float
    until: float
    over: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """An agent's path to a target fails for a while."""

    agent: Agent
    target: Target
    since: float
    until: float


@dataclass(slots=True, kw_only=True)
class Watch:
    """One ISP, over `noise`'s span of time; all of the catalogue that its agents measure, or a part of it `only`."""

    isp: str
    roster: Roster
    noise: Noise
    catalogue: Catalogue
    plans: Plans
    only: Catalogue | None = None
    failures: int = 0
    """Measurements that failed though nobody blocked anything."""
    _tunnels: Count = field(init=False)
    _standing: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        agents = self.roster.agents
        self._tunnels = Count((span.since, span.until) for agent in agents for span in self.noise.vpn(agent))

    def wakes(self) -> list[Wake]:
        """All of them, those of one place one after the other."""
        names = [platform.id for platform in self.catalogue.platforms]
        agents = self.roster.agents if len(self.roster.agents) >= ALONE else ()
        filters = [span for agent in agents for span in self.noise.filters(agent, names)]
        found: list[Wake] = []
        for platform in (self.only or self.catalogue).platforms:
            always = [bad for span in filters if span.platform == platform.id for bad in self._pieces(span)]
            faults = [fault for target in platform.targets for fault in self._faults(target)]
            perhaps = [
                *always,
                *(_Bad(agent=f.agent.id, since=f.since, until=f.until + CEILING_S, over=f.until) for f in faults),
            ]
            spells = [(wake.since, wake.until) for wake in self._risky(platform.id, perhaps)]
            near = [
                f for f in faults if any(f.since < until and f.until + CEILING_S > since for since, until in spells)
            ]
            found += self._risky(platform.id, [*always, *filter(None, map(self._bad, near))])
        return found

    def _faults(self, target: Target) -> Iterator[_Fault]:
        """Whenever an agent's path fails, whether it measures then or not."""
        for agent in self.roster.agents:
            for span in self.noise.path(agent, target):
                yield _Fault(agent=agent, target=target, since=span.since, until=span.until)

    def _pieces(self, span: Span) -> Iterator[_Bad]:
        """A span without end, in pieces, so that it is looked at again whenever few others may be there."""
        since = max(span.since, self.noise.start)
        while since < min(span.until, self.noise.end):
            yield _Bad(agent=span.agent or "", since=since, until=since + PIECE_S, over=since + PIECE_S)
            since += PIECE_S

    def _bad(self, fault: _Fault) -> _Bad | None:
        """What becomes of a fault: nothing where the agent has no turn meanwhile."""
        agent, url = fault.agent.id, fault.target.url
        hit = next(self.roster.turns(agent, url, self.plans, fault.since, fault.until), None)
        if hit is None:
            return None
        self.failures += 1
        longest_s = self._standing_s(fault.target)
        steady = self.roster.steady_since(agent, hit.at) < hit.at - 2 * longest_s / 3
        stands_s = longest_s if steady else CEILING_S
        return _Bad(agent=agent, since=hit.at, until=fault.until + stands_s, over=fault.until)

    def _standing_s(self, target: Target) -> float:
        """The longest that a vote on a target stands, of an agent that was there for some time: three of its pauses."""
        if target.url in self._standing:
            return self._standing[target.url]
        pauses = []
        for count in {len(self.roster.agents), max(1, len(self.roster.agents) // 2)}:
            names = [str(n) for n in range(count)]
            shares = share(self.catalogue.targets, dict.fromkeys(names, frozenset[str]()), TERMS)[names[0]]
            pauses.append(next(one.interval_s for one in shares if one.target.url == target.url))
        self._standing[target.url] = min(CEILING_S, 1.1 * DEFAULTS.vote_intervals * max(pauses))
        return self._standing[target.url]

    def _risky(self, platform: str, bad: Sequence[_Bad]) -> Iterator[Wake]:
        """Where so many are bad at one time that a verdict may change; what overlaps is one."""
        open_: list[_Bad] = []
        since = until = calm_from = None
        for one in sorted(bad, key=lambda one: one.since):
            open_ = [other for other in open_ if other.until > one.since]
            open_.append(one)
            if not self._enough({other.agent for other in open_}, one):
                continue
            begins = max(min(other.since for other in open_), one.since - CEILING_S) - BEFORE_S
            ends = min(max(other.until for other in open_), one.since + CEILING_S)
            if until is not None and since is not None and begins > until:
                yield Wake(isp=self.isp, platform=platform, since=since, until=until, calm_from=calm_from or until)
                since = until = calm_from = None
            since = begins if since is None else since
            until = ends if until is None else max(until, ends)
            over = max(other.over for other in open_)
            calm_from = over if calm_from is None else max(calm_from, over)
        if until is not None and since is not None:
            yield Wake(isp=self.isp, platform=platform, since=since, until=until, calm_from=calm_from or until)

    def _enough(self, agents: set[str], one: _Bad) -> bool:
        """Of those who may vote, the fewest while this one's vote may stand."""
        voters = min(self._voters(one.since + part * (one.until - one.since) / 4) for part in range(5))
        return len(agents) >= (1 if voters < ALONE else max(2.0, AT_RISK * voters))

    def _voters(self, at: float) -> int:
        return self.roster.connected(at) - self._tunnels.at(at)
