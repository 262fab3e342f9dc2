"""Counts measurements by minute, ISP, platform and what was found of them, until somebody takes the counts. Pure.

Counts are changes to be added to those that were taken before: a measurement that comes late adds to its own minute,
and a finding that is made anew moves from one count to another. References count for nothing.
"""

from dataclasses import dataclass, field

from rabta_proto.vocabulary import Judgement

MINUTE_S = 60
JUDGEMENTS = tuple(Judgement)
Minute = tuple[int, str, str]
"""Its beginning in Unix seconds, ISP and platform."""


@dataclass(slots=True)
class Count:
    """How many more, or less, of each judgement, in the order of `JUDGEMENTS`; and agents that measured."""

    found: list[int] = field(default_factory=lambda: [0] * len(JUDGEMENTS))
    agents: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Rollup:
    """What was heard since the counts were last taken."""

    counts: dict[Minute, Count] = field(default_factory=dict)

    def hear(self, isp: str, platform: str, agent: str, started: float, judgement: Judgement) -> None:
        """A measurement that began at a moment (Unix seconds), and what was found of it."""
        if platform:
            count = self._of(isp, platform, started)
            count.found[JUDGEMENTS.index(judgement)] += 1
            count.agents.add(agent)

    def revise(self, isp: str, platform: str, started: float, before: Judgement, after: Judgement) -> None:
        """What was found of a measurement is another judgement than before."""
        if platform and before is not after:
            count = self._of(isp, platform, started)
            count.found[JUDGEMENTS.index(before)] -= 1
            count.found[JUDGEMENTS.index(after)] += 1

    def take(self) -> dict[Minute, Count]:
        """The counts, given out once."""
        counts, self.counts = self.counts, {}
        return counts

    def _of(self, isp: str, platform: str, started: float) -> Count:
        key = (int(started // MINUTE_S) * MINUTE_S, isp, platform)
        count = self.counts.get(key)
        if count is None:
            count = self.counts[key] = Count()
        return count
