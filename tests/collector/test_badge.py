"""What the badge dares to say."""

from dataclasses import replace

import pytest

from rabta_collector.badge import say
from rabta_proto.vocabulary import State
from support.country import make_verdict

BLOCKED, REACHABLE = make_verdict("x", "ptcl"), make_verdict("x", "optix")
DOUBTED = replace(BLOCKED, note="few agents; a block page of the ISP")
UNKNOWN = replace(BLOCKED, state=State.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([BLOCKED, BLOCKED, REACHABLE, UNKNOWN], "blocked on 2 of 4 ISPs"),
        ([DOUBTED, REACHABLE, REACHABLE], "reachable on 2 of 3 ISPs"),
        ([DOUBTED], "not known"),
        ([BLOCKED], "blocked on 1 of 1 ISP"),
        ([replace(BLOCKED, state=State.THROTTLED), REACHABLE], "throttled on 1 of 2 ISPs"),
        ([], "not known"),
    ],
)
def test_blocked_is_said_only_of_verdicts_of_enough_agents(verdicts: list, said: str) -> None:  # type: ignore[type-arg]
    assert said == say(verdicts)[1]
