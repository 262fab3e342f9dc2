"""One question put to the agents of an ISP: has this target changed there? Pure.

It begins with an alarm, a measurement that is at odds with what is held, and is answered by what agents have measured
since. Each answer is evidence for a change or against it: with an agent wrong in one measurement of twenty, either way,
it shifts the odds nineteen times (Wald, Sequential Analysis, 1947; all answers weigh the same, so the ratio is the
difference of their numbers). So the question is closed

* as held, at one answer more against than for it, the alarm counted: two agents would have to be wrong after one
  that was right, which one change in 400 meets, and then the next alarm asks again;
* as changed, when the verdict has changed: that takes a quorum, and is the votes' affair and not ours.

In between, a few agents are asked first, and only when they bear the alarm out as many as the verdict needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rabta_proto.vocabulary import Judgement, State

FIRST = 3
"""Agents asked before it is known whether there is anything in it."""

BORNE_OUT = 2
"""How many more answers for a change than against it have all asked whom the verdict needs, the alarm counted."""

GIVEN_UP = -1
"""The same, at which it is closed: the alarm and what bore it out are outnumbered."""

SMALL = 13
"""With so many agents or fewer everybody is heard (changeover.py has why)."""

FEW = 3
"""With fewer agents a verdict takes a second measurement of one of them (decide.py)."""

Key = tuple[str, str, str]
"""ISP, platform and URL."""


@dataclass(slots=True, kw_only=True)
class Question:
    """`began`: only measurements begun since are answers. `asked`: agents, and when; `alarms`: the first evidence,
    and `raised_by` the agent that it came from.
    """

    isp: str
    platform: str
    url: str
    held: State
    began: float
    opened: float
    alarms: int
    raised_by: str = ""
    asked: dict[str, float] = field(default_factory=dict)
    controls_asked: bool = False

    @property
    def key(self) -> Key:
        return (self.isp, self.platform, self.url)

    def evidence(self, answers: Mapping[str, Judgement]) -> int:
        """Answers for a change, less those against it. What could not be judged is neither."""
        return sum(_weigh(self.held, judgement) for judgement in answers.values()) + (0 if answers else self.alarms)

    def wanted(self, answers: Mapping[str, Judgement], crew: int) -> int:
        """How many agents should have been asked, or have answered unasked, of a crew of so many. Zero: closed."""
        evidence = self.evidence(answers)
        if evidence <= GIVEN_UP:
            return 0
        if crew < FEW and evidence > 0:
            return len(answers) + 1
        if evidence < BORNE_OUT:
            return min(crew, FIRST + len(answers) // 2)
        if crew <= SMALL:
            return crew
        against = sum(_weigh(self.held, judgement) < 0 for judgement in answers.values())
        return min(crew, (crew - 1) // 3 + 2 + 2 * against)


def at_odds(held: State, judgement: Judgement) -> bool:
    """Whether a finding raises the alarm. One that cannot be judged does where all was well."""
    if held is State.REACHABLE:
        return judgement is not Judgement.OK
    if held is State.INCONCLUSIVE:
        return judgement not in (Judgement.OK, Judgement.INCONCLUSIVE)
    return judgement is Judgement.OK


def _weigh(held: State, judgement: Judgement) -> int:
    if judgement is Judgement.INCONCLUSIVE:
        return 0
    return 1 if at_odds(held, judgement) else -1
