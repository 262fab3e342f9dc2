"""Who lies, and what that makes agents see. Pure."""

from collections.abc import Callable, Iterator, Sequence

from sim.land import Agent
from sim.noise import VPN_AGENTS, Noise
from sim.platforms import make_catalogue
from sim.scene import Rank, Span
from sim.script import Stage
from sim.sights import Seen, Sight


def liars_of(stage: Stage, isp: str) -> list[Agent]:
    """As many as the claim allows of those who can vote when it begins: (n - 1) / 3, rounded down.

    Who uses a VPN is not counted: an honest agent that says nothing is no match for a liar.
    """
    agents = sorted(stage.land.agents[isp], key=lambda agent: stage.dice.share("liar", agent.id))
    there = [agent for agent in agents if any(s.since <= stage.begins < s.until for s in stage.stays[agent.id])]
    able = [agent for agent in there if stage.dice.share("vpn", agent.id) >= VPN_AGENTS]
    return able[: (len(able) - 1) // 3]


def accusers_of(platform: str) -> Callable[[Stage, str], list[Agent]]:
    """Liars who tell of a block. Whoever sits behind a filter of that platform tells so, too, and is counted in."""
    names = [one.id for one in make_catalogue().platforms]

    def choose(stage: Stage, isp: str) -> list[Agent]:
        noise = Noise(dice=stage.dice, start=stage.begins, end=stage.begins)
        behind = [
            agent
            for agent in stage.land.agents[isp]
            if any(span.platform == platform for span in noise.filters(agent, names))
        ]
        liars = liars_of(stage, isp)
        return [agent for agent in liars if agent not in behind][: max(0, len(liars) - len(behind))]

    return choose


def one_hand_of(stage: Stage, isp: str) -> list[Agent]:
    """All agents of the invitation that went round, at an ISP where they are no more than half of all."""
    agents = stage.land.agents[isp]
    mine = [agent for agent in agents if agent.invite == isp]
    return mine if 2 * len(mine) <= len(agents) else []


def lie(
    stage: Stage,
    who: Callable[[Stage, str], Sequence[Agent]],
    sight: Sight,
    platform: str,
    spells: Sequence[tuple[float, float]],
) -> Iterator[Span]:
    """Liars at every ISP tell of a sight in these spells of time."""
    for isp in stage.land.names:
        for agent in who(stage, isp):
            for since, until in spells:
                seen = Seen(sight=sight)
                yield Span(since=since, until=until, seen=seen, rank=Rank.LIE, agent=agent.id, platform=platform)
