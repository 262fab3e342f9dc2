"""What an affair is made of: a stage, and a script for it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rabta_proto.vocabulary import IspKind
from sim.dice import Dice
from sim.land import Agent, Land
from sim.presence import Stay
from sim.scene import Rank, Span, Truth
from sim.sights import Seen, Sight

NOON = 1_708_171_200.0  # 2024-02-17 12:00 UTC, 17:00 in Pakistan
CALM_S = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where an affair happens. `begins`: when it does."""

    land: Land
    dice: Dice
    stays: Mapping[str, Sequence[Stay]]
    begins: float

    @property
    def mobile(self) -> list[str]:
        return [isp.id for isp in self.land.isps if isp.kind is IspKind.MOBILE]

    def probes(self, *isps: str) -> list[Agent]:
        return [agent for isp in isps or self.land.names for agent in self.land.agents[isp]]


@dataclass(slots=True, kw_only=True)
class Script:
    """What happens. `stays` replaces those of agents whose sessions it changes."""

    spans: list[Span] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)
    stays: dict[str, list[Stay]] = field(default_factory=dict)
    restart_at: float | None = None

    def block(
        self, isp: str, platform: str, since: float, until: float, sight: Sight = Sight.RESET, *, told: bool = True
    ) -> None:
        """A block at one ISP; `told`: it is one truth by itself."""
        seen = Seen(sight=sight)
        self.spans.append(Span(since=since, until=until, seen=seen, rank=Rank.BLOCK, isp=isp, platform=platform))
        if told:
            self.truths.append(Truth(isp=isp, platform=platform, since=since, until=until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Affair:
    """`lasts_s` of the stretch after the calm; `starts`: when the stretch begins."""

    id: str
    platforms: frozenset[str]
    lasts_s: float
    write: Callable[[Stage], Script]
    starts: float = NOON
    bar: str = ""  # the bar that its delays count for: "first", "others", "down", "timed"
