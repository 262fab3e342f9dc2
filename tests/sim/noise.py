"""What goes wrong where nobody blocks anything. Pure.

Figures, and where they are from (assumptions are called so; each is meant to be on the bad side):

* Path faults: at any time one agent in 2000 cannot reach one target through all three tries of a measurement, for two
  minutes on average (assumption; loss alone does not do it: `make accuracy` plays 3 % loss and sees none). 60 % are
  silent addresses, 30 % silence after any ClientHello, 10 % refusals.
* Dead lines: an agent's own line carries nothing for a minute, twice a day, with the session still open (assumption).
* Slow lines: one agent in ten loses so much between 20:00 and midnight that a third of its measurements succeed only
  at the second pass (evening congestion on shared lines; assumption for the share).
* VPN: one agent in five is on a VPN for three hours of the day (VPN demand rose to several times its usual level
  during the ban of 2024; the share is an assumption).
* Local filters: one agent in fifty sits behind an office's or a family's filter that resets three platforms by name
  (assumption; opt-in family filters exist at Nayatel).
* Sites: a platform is down for everybody for ten minutes once in two months (assumption).
* Clocks: nine agents in ten are within half a second, the rest within five, and one in fifty up to ninety seconds off
  (assumption, for machines without NTP).
* Delivery: a second or less; from one measurement in thirty of phones up to half a minute later.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rabta_collector.catalogue import Target
from rabta_proto.vocabulary import State
from sim.dice import Dice
from sim.land import Agent, Kind
from sim.presence import DAY_S, PKT_S
from sim.scene import Rank, Span, Truth
from sim.sights import Seen, Sight

PATH_SHARE, PATH_S = 1 / 2000, 120.0
DEAD_A_DAY, DEAD_S = 2.0, 60.0
SLOW_AGENTS, SLOW_SHARE = 0.1, 1 / 3
VPN_AGENTS, VPN_S = 0.2, 3 * 3600.0
FILTERED_AGENTS, FILTERED_PLATFORMS = 0.02, 3
PART_S = 10 * DAY_S
SITE_EVERY_S, SITE_S = 60 * DAY_S, 600.0

_PATH_SIGHTS = ((0.6, Sight.UNCONNECTED), (0.9, Sight.UNANSWERED), (1.0, Sight.REFUSED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """All of it for a span of time. `level` multiplies how often paths and lines fail."""

    dice: Dice
    start: float
    end: float
    level: float = 1.0

    def of_agent(self, agent: Agent, targets: Iterable[Target], platforms: Iterable[str]) -> Iterator[Span]:
        """What goes wrong for one agent alone with these targets, of all those platforms."""
        yield from self._dead_line(agent)
        yield from self.vpn(agent)
        yield from self._slow_line(agent)
        yield from self.filters(agent, platforms)
        for target in targets:
            yield from self.path(agent, target)

    def of_sites(self, platforms: Iterable[str], isps: Iterable[str]) -> tuple[list[Span], list[Truth]]:
        """Platforms that are down for everybody."""
        spans, truths, isps = [], [], tuple(isps)
        for platform in platforms:
            for since, until in self._times(1 / SITE_EVERY_S, SITE_S, "site", platform):
                seen = Seen(sight=Sight.UNCONNECTED)
                spans.append(Span(since=since, until=until, seen=seen, rank=Rank.SITE, platform=platform))
                states = (State.DOWN, State.INCONCLUSIVE, State.DISRUPTED)
                truths += [Truth(isp=i, platform=platform, since=since, until=until, states=states) for i in isps]
        return spans, truths

    def _times(self, rate: float, mean_s: float, *words: object) -> Iterator[tuple[float, float]]:
        """Faults that come at a rate (per second) by themselves, each with its own length; drawn ten days at a time."""
        part = self.start // PART_S - 1
        while part * PART_S < self.end:
            stream = self.dice.stream(*words, part)
            at = part * PART_S + stream.expovariate(rate)
            while at < (part + 1) * PART_S:
                until = at + stream.expovariate(1 / mean_s)
                if until > self.start and at < self.end:
                    yield at, until
                at += stream.expovariate(rate)
            part += 1

    def path(self, agent: Agent, target: Target) -> Iterator[Span]:
        rate = PATH_SHARE / PATH_S * self.level
        for since, until in self._times(rate, PATH_S, "path", agent.id, target.url):
            drawn = self.dice.share("path", agent.id, target.url, since)
            sight = next(one for share, one in _PATH_SIGHTS if drawn < share)
            yield Span(since=since, until=until, seen=Seen(sight=sight), rank=Rank.PATH, agent=agent.id, url=target.url)

    def _dead_line(self, agent: Agent) -> Iterator[Span]:
        for since, until in self._times(DEAD_A_DAY / DAY_S * self.level, DEAD_S, "dead", agent.id):
            yield Span(since=since, until=until, seen=Seen(sight=Sight.OFFLINE), rank=Rank.LINE, agent=agent.id)

    def vpn(self, agent: Agent) -> Iterator[Span]:
        if agent.isp and self.dice.share("vpn", agent.id) < VPN_AGENTS:
            for midnight in self._midnights():
                since = midnight + self.dice.between(9 * 3600, 22 * 3600, "vpn", agent.id, midnight)
                yield Span(since=since, until=since + VPN_S, seen=Seen(vpn=True), rank=Rank.TUNNEL, agent=agent.id)

    def _slow_line(self, agent: Agent) -> Iterator[Span]:
        if agent.isp and self.dice.share("slow", agent.id) < SLOW_AGENTS:
            for midnight in self._midnights():
                yield Span(
                    since=midnight + 20 * 3600,
                    until=midnight + DAY_S,
                    seen=Seen(sight=Sight.LATE),
                    rank=Rank.PATH,
                    agent=agent.id,
                    share=SLOW_SHARE,
                )

    def filters(self, agent: Agent, platforms: Iterable[str]) -> Iterator[Span]:
        if agent.isp and self.dice.share("filter", agent.id) < FILTERED_AGENTS:
            chosen = sorted(platforms, key=lambda name: self.dice.share("filtered", agent.id, name))
            for name in chosen[:FILTERED_PLATFORMS]:
                seen = Seen(sight=Sight.RESET)
                yield Span(
                    since=self.start - DAY_S,
                    until=self.end + DAY_S,
                    seen=seen,
                    rank=Rank.FILTER,
                    agent=agent.id,
                    platform=name,
                )

    def _midnights(self) -> Iterator[float]:
        day = (self.start + PKT_S) // DAY_S - 1
        while day * DAY_S - PKT_S < self.end:
            yield day * DAY_S - PKT_S
            day += 1


def clock_error_s(agent: Agent, dice: Dice) -> float:
    """How far an agent's clock is ahead; below zero: behind."""
    drawn, sign = dice.share("clock", agent.id), 1 if dice.share("ahead", agent.id) < 0.5 else -1
    widest = 0.0 if not agent.isp else 90.0 if drawn < 0.02 else 5.0 if drawn < 0.1 else 0.5
    return sign * widest * dice.share("error", agent.id)


def delivery_s(agent: Agent, dice: Dice, over: float) -> float:
    """How long after its end a measurement is at the collector."""
    if agent.kind is Kind.PHONE and dice.share("late", agent.id, over) < 1 / 30:
        return dice.between(1.0, 30.0, "late by", agent.id, over)
    return dice.between(0.2, 1.0, "delivery", agent.id, over)
