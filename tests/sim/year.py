"""A year in which nobody blocks anything: how often is a platform wrongly called blocked, or an ISP down?

Three kinds of job, which processes share:

* one ISP's year: only the stretches are played in which a verdict may change (wakes.py has why nothing can otherwise);
* a platform that is down for everybody, at all ISPs: one such event of `SAMPLED`;
* the ISPs' own states, from presence alone: a number of days of the year.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from rabta_collector.engine import Engine
from rabta_collector.entries import Presence
from rabta_collector.state import Event
from sim.dice import Dice
from sim.drive import SAMPLE_S, Drive
from sim.land import Agent, Land, settle
from sim.loop import Asked
from sim.noise import Noise
from sim.plans import Plans
from sim.platforms import choose, make_catalogue
from sim.presence import DAY_S, Stay, stays
from sim.roster import Roster
from sim.scene import Scene
from sim.score import Wrong, score
from sim.script import NOON
from sim.stage import surround
from sim.stretch import Played, Stretch
from sim.wakes import Watch

SAMPLED = 6
AFTER_S = 1800.0  # that a site is watched after it came back


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A wrong verdict, and how many agents were connected at the ISP when it was made."""

    wrong: Wrong
    agents: int


@dataclass(slots=True, kw_only=True)
class Found:
    """What came of a job. `weight`: for how many such jobs it stands; `played_s`: virtual time played in full."""

    mistakes: list[Mistake] = field(default_factory=list)
    weight: float = 1.0
    stretches: int = 0
    played_s: float = 0.0
    measurements: int = 0
    failures: int = 0


def isp_year(isp: str, *, seed: int, days: float) -> Found:
    """One ISP's year, or less."""
    dice = Dice(seed)
    land = settle(dice)
    catalogue = make_catalogue()
    start, end = NOON, NOON + days * DAY_S
    roster = Roster(agents=land.agents[isp], dice=dice, start=start - DAY_S, end=end + DAY_S)
    everything = frozenset(platform.id for platform in catalogue.platforms)
    watch = Watch(
        isp=isp,
        roster=roster,
        noise=Noise(dice=dice, start=start, end=end),
        catalogue=catalogue,
        plans=Plans(catalogue=catalogue, wanted=everything, dice=dice),
    )
    found = Found()
    one = alone(land, isp)
    for wake in watch.wakes():
        since, until = max(wake.since, start), min(wake.until, end)
        played, wrong = _play(one, dice, frozenset({wake.platform}), since, until, calm_from=wake.calm_from)
        found.mistakes += [Mistake(wrong=w, agents=roster.connected(w.stood.since)) for w in wrong]
        _count(found, played)
    found.failures = watch.failures
    return found


def alone(land: Land, isp: str) -> Land:
    """One ISP with the controls."""
    isps = tuple(one for one in land.isps if one.id == isp)
    return Land(isps=isps, agents={isp: land.agents[isp], "": land.agents[""]})


def _count(found: Found, played: Played) -> None:
    found.stretches += 1
    found.played_s += len(played.samples) * SAMPLE_S
    found.measurements += played.measurements


def _play(
    land: Land, dice: Dice, platforms: frozenset[str], start: float, end: float, *, calm_from: float = inf
) -> tuple[Played, list[Wrong]]:
    """Noise alone, for a stretch of time."""
    spans, truths = surround(land, dice, platforms, start, end)
    there = {agent.id: stays(agent, dice, start, end) for agents in land.agents.values() for agent in agents}
    stretch = Stretch(
        land=land,
        catalogue=make_catalogue(),
        platforms=platforms,
        scene=Scene(dice=dice, spans=spans),
        stays=there,
        start=start,
        end=end,
        calm_from=calm_from,
    )
    played = Drive(stretch, Asked, dice).run()
    return played, score(truths, played.events, (), end).false


def outages_of(*, seed: int, days: float) -> list[tuple[str, float, float]]:
    """Platform, beginning and end of the site outages of a year that are played."""
    dice = Dice(seed)
    noise = Noise(dice=dice, start=NOON, end=NOON + days * DAY_S)
    names = [platform.id for platform in make_catalogue().platforms]
    spans, _ = noise.of_sites(names, ())
    return [(span.platform or "", span.since, span.until) for span in spans][::SAMPLED]


def site_outage(platform: str, since: float, until: float, *, seed: int) -> Found:
    """One platform down for everybody, at all ISPs."""
    dice = Dice(seed)
    land = settle(dice)
    played, wrong = _play(land, dice, frozenset({platform}), since - 120.0, until + AFTER_S)
    found = Found(weight=SAMPLED, stretches=1, played_s=until - since, measurements=played.measurements)
    found.mistakes = [Mistake(wrong=one, agents=_present(land, dice, one)) for one in wrong]
    return found


def _present(land: Land, dice: Dice, wrong: Wrong) -> int:
    at = wrong.stood.since
    agents = land.agents[wrong.place[0]]
    return sum(any(s.since <= at < s.ends for s in stays(agent, dice, at, at + 1)) for agent in agents)


def silences(*, seed: int, since: float, days: float) -> Found:
    """ISPs' own states, from presence alone: nobody measures, so only silence speaks."""
    dice = Dice(seed)
    land = settle(dice)
    end = since + days * DAY_S
    engine = Engine(choose(make_catalogue(), frozenset()), land.isps)
    events: list[Event] = []
    for entry in sorted(_presences(land, dice, since, end), key=lambda one: (one.at, one.agent)):
        if entry.at < end:
            events += engine.advance(entry.at)
            engine.apply(entry)
    events += engine.advance(end)
    wrong = [one for one in score((), events, (), end).false if one.stood.since > since + 600.0]
    found = Found(played_s=days * DAY_S, stretches=1)
    found.mistakes = [Mistake(wrong=one, agents=len(land.agents[one.place[0]])) for one in wrong]
    return found


def _presences(land: Land, dice: Dice, since: float, end: float) -> Iterable[Presence]:
    for agents in land.agents.values():
        for agent in agents:
            yield from _comings(agent, stays(agent, dice, since, end), since)


def _comings(agent: Agent, those: Sequence[Stay], since: float) -> Iterable[Presence]:
    """A session that is followed by another before it is taken for ended does not end."""
    for number, stay in enumerate(those):
        comes = max(stay.since, since)
        yield Presence(at=comes, agent=agent.id, isp=agent.isp, role=agent.role, connected=True)
        if number + 1 == len(those) or those[number + 1].since > stay.ends:
            yield Presence(at=stay.ends, agent=agent.id, isp=agent.isp, role=agent.role, connected=False)
