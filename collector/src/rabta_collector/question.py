"""One question put to the agents of an ISP: has this target changed there? Pure.

It begins with an alarm, a measurement that is at odds with what is held, and is answered by what agents have measured
since. Each answer is evidence for a change or against it: with an agent wrong in one measurement of twenty, either way,
it shifts the odds nineteen times (Wald, Sequential Analysis, 1947; all answers weigh the same, so the ratio is the
difference of their numbers). So the question is closed

* as held, at one answer more against than for it, the alarm counted: two agents would have to be wrong after one
  that was right, which one change in 400 meets, and then the next alarm asks again;
* as changed, when the verdict has changed: that takes a quorum, and is the votes' affair and not ours.

In between, a few agents are asked first, and only when they bear the alarm out as many as the verdict needs. A sure
alarm, one that could be judged, has all of these asked at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rabta_collector.verdict.changeover import could_lie
from rabta_proto.vocabulary import Judgement, State

FIRST = 3
"""Agents asked before it is known whether there is anything in it."""

BORNE_OUT = 2
"""How many more answers for a change than against it have all asked whom the verdict needs, the alarm counted; after
a sure alarm one is enough."""

GIVEN_UP = -1
"""The same, at which it is closed: the alarm and what bore it out are outnumbered."""

SPARE = 2
"""Agents asked beyond those that would do, were all of one mind; and as long as the verdict stands."""

SMALL = 13
"""With so many agents or fewer everybody is heard (changeover.py has why)."""

FEW = 3
"""With fewer agents a verdict takes a second measurement of one of them (decide.py)."""

Key = tuple[str, str, str]
"""ISP, platform and URL."""


@dataclass(slots=True, kw_only=True)
class Question:
    """`began`: only measurements begun since are answers. `asked`: agents, and when. `sure`: the alarm was judged."""

    isp: str
    platform: str
    url: str
    held: State
    began: float
    opened: float
    sure: bool
    asked: dict[str, float] = field(default_factory=dict)
    controls_asked: float | None = None
    raised_by: str = ""  # the agent whose alarm it was
    spread: bool = False  # by a change elsewhere, and not by an alarm

    @property
    def key(self) -> Key:
        return (self.isp, self.platform, self.url)

    def needs_controls(self, newest: Mapping[str, tuple[float, Judgement | None]]) -> bool:
        """Whether no control was asked yet, or something was measured since that could not be judged without one."""
        last = self.controls_asked
        since = (judgement for started, judgement in newest.values() if last is not None and started > last)
        return last is None or Judgement.INCONCLUSIVE in since

    def evidence(self, answers: Mapping[str, Judgement]) -> int:
        """Answers for a change, less those against it."""
        return sum(_weigh(self.held, judgement) for judgement in answers.values())

    def wanted(self, answers: Mapping[str, Judgement], crew: int, *, known: int = 0, awaited: int = 0) -> int:
        """How many agents should have been asked, or have answered unasked, of a crew of so many. Zero: closed.

        `known`: agents that the ISP has, there or not; a verdict takes more than could be lying of all of them. It is
        not closed over the heads of those whose answer is `awaited`: what works answers sooner than what fails.
        """
        evidence = self.evidence(answers)
        if evidence + awaited <= GIVEN_UP:
            return 0
        if crew < FEW and evidence > 0:
            return len(answers) + 1
        if evidence < (1 if self.sure else BORNE_OUT):
            return min(crew, FIRST + len(answers) // 2)
        if crew <= SMALL:
            return crew
        against = sum(_weigh(self.held, judgement) < 0 for judgement in answers.values())
        return min(crew, max(could_lie(max(crew, known)) + 1 + 2 * against, len(answers)) + SPARE)


def at_odds(held: State, judgement: Judgement | None) -> bool:
    """Whether a finding raises the alarm. One that cannot be judged does where all was well; `None` says nothing."""
    if judgement is None:
        return False
    if held is State.REACHABLE:
        return judgement is not Judgement.OK
    if held is State.INCONCLUSIVE:
        return judgement not in (Judgement.OK, Judgement.INCONCLUSIVE)
    return judgement is Judgement.OK


def _weigh(held: State, judgement: Judgement) -> int:
    """One that could not be judged tells for a change where all was well, and else nothing."""
    if at_odds(held, judgement):
        return 1
    return 0 if judgement is Judgement.INCONCLUSIVE else -1
