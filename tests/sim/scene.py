"""What is so in the country, from when to when: what agents see because of it, and what is true of platforms. Pure.

A span says what is seen; a truth says what a perfect observer would say. Noise has spans and no truth.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from rabta_proto.vocabulary import State
from sim.dice import Dice
from sim.land import Agent
from sim.sights import Seen

WORKS = Seen()


class Rank(IntEnum):
    """Which of several spans an agent's measurement shows: the first that is about it."""

    LINE = 0  # its own line is dead
    TUNNEL = 1  # it goes another way, past everything below
    LIE = 2  # it says what it likes
    FAULT = 3  # its own program is wrong
    FILTER = 4  # somebody between it and the ISP
    SITE = 5  # the site itself, for everybody
    BLOCK = 6  # the ISP
    PATH = 7  # something on the way, for a moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Half-open, in Unix seconds. `None` is everybody, everywhere; `share`: of the measurements that it touches."""

    since: float
    until: float
    seen: Seen
    rank: Rank
    isp: str | None = None
    agent: str | None = None
    platform: str | None = None
    url: str | None = None
    share: float = 1.0

    def touches(self, platform: str, url: str, at: float) -> bool:
        return (
            self.since <= at < self.until
            and (self.platform is None or self.platform == platform)
            and (self.url is None or self.url == url)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What holds of a platform at an ISP; of the ISP itself where `platform` is `None`. Outside of truths all is well.

    `states`: what a verdict may rightly say meanwhile, the first being the best.
    """

    isp: str
    platform: str | None
    since: float
    until: float
    states: tuple[str, ...] = (State.BLOCKED,)

    @property
    def lasts_s(self) -> float:
        return self.until - self.since


@dataclass(slots=True, kw_only=True)
class Scene:
    """All spans, to be asked what an agent sees."""

    dice: Dice
    spans: Sequence[Span]
    _by_agent: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    _by_isp: dict[str | None, list[Span]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for span in self.spans:
            if span.agent is not None:
                self._by_agent[span.agent].append(span)
            else:
                self._by_isp[span.isp].append(span)

    def see(self, agent: Agent, platform: str, url: str, at: float) -> Seen:
        """What a measurement begun at a moment shows. Controls see only what is so for everybody."""
        best: Span | None = None
        for span in self._about(agent):
            if (best is None or span.rank < best.rank) and span.touches(platform, url, at):
                if span.share < 1.0 and self.dice.share("touched", agent.id, url, at) >= span.share:
                    continue
                best = span
        return WORKS if best is None else best.seen

    def _about(self, agent: Agent) -> Iterable[Span]:
        yield from self._by_agent.get(agent.id, ())
        yield from self._by_isp.get(agent.isp, ())
        yield from self._by_isp.get(None, ())
