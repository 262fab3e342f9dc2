"""How often each agent finds otherwise than its ISP's verdict, once that is settled. Pure, bounded.

A finding is held against the verdict on its target when its agent measures that again: if one state has stood from
before the finding until then, and enough agents vote. So the first to see a block is not counted as wrong for it, and
a false alarm is. Old findings fade: they count half after `HALF_S`.

The score is for the operator, who may look at an agent or revoke it. No vote hangs on it: a liar about one platform of
fifty scores two in a hundred, and an honest agent in a town where more is blocked than elsewhere scores more.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from rabta_collector.isp_share import IspShare

SCORES = "outlier_scores"
"""The registry's fact that holds them, one for each share of the ISPs: a JSON object of scores by agent."""
HALF_S = 7 * 86_400.0
LEAST = 20.0  # findings, below which nothing is said
ROOM = 1000  # agents, before those of whom little is left are looked for
FORGOTTEN = 0.5


def fact_of(share: IspShare) -> str:
    """The name of the fact."""
    return SCORES if share.number == 1 else f"{SCORES}_{share.number}"


def read_scores(facts: Mapping[str, str]) -> dict[str, float]:
    """What all shares' facts hold. Of an agent in several the first share's counts: later ones may be of old shares."""
    named = sorted(
        (name for name in facts if name.startswith(SCORES)), key=lambda name: (len(name), name), reverse=True
    )
    return {agent: score for name in named for agent, score in json.loads(facts[name]).items()}


@dataclass(slots=True, kw_only=True)
class Record:
    """One agent's findings, faded to the moment of the last: all, and those against the verdict."""

    at: float
    all: float = 0.0
    against: float = 0.0

    def fade(self, now: float) -> None:
        part = 0.5 ** (max(0.0, now - self.at) / HALF_S)
        self.at, self.all, self.against = max(self.at, now), self.all * part, self.against * part


@dataclass(slots=True, kw_only=True)
class Outliers:
    """The records of all agents."""

    _records: dict[str, Record] = field(default_factory=dict)
    _room: int = ROOM

    def hear(self, agent: str, *, against: bool, now: float) -> None:
        """Takes in a finding that can be held against a settled verdict. `now`: Unix seconds."""
        record = self._records.get(agent)
        if record is None:
            record = self._records[agent] = Record(at=now)
        record.fade(now)
        record.all += 1
        record.against += against
        if len(self._records) > self._room:
            self._sweep(now)

    def scores(self) -> Mapping[str, float]:
        """Share of the findings of each agent that were against the verdict, of those who had enough."""
        return {agent: one.against / one.all for agent, one in self._records.items() if one.all >= LEAST}

    def _sweep(self, now: float) -> None:
        for record in self._records.values():
            record.fade(now)
        self._records = {agent: one for agent, one in self._records.items() if one.all > FORGOTTEN}
        self._room = max(ROOM, 2 * len(self._records))
