"""What one agent says of one target. Plain values, which never change; frozen they would take four times as long."""

from dataclasses import dataclass

from rabta_collector.verdict.pace import Pace
from rabta_proto.vocabulary import Judgement, Mechanism, Step


@dataclass(slots=True, kw_only=True)
class Vote:
    """What an agent's newest conclusive measurement says. `since`, `streak`: the unbroken run of the same judgement.

    `weight`: how sure the finding is, 0 to 1. `version`: the agent's; empty where it is not known.
    `pace`: of timed reads. `agent`: whose vote it is, its pseudonym.
    """

    judgement: Judgement
    rule: str
    step: Step | None
    mechanism: Mechanism | None
    started: float
    since: float
    streak: int
    expires: float
    weight: float = 1.0
    version: str = ""
    pace: Pace | None = None
    agent: str = ""


def say_the_same(before: Vote | None, after: Vote | None) -> bool:
    """Whether an agent says what it said before; `None`: it has no vote."""
    if before is None or after is None:
        return before is after
    return before.judgement is after.judgement and before.mechanism is after.mechanism


def count_alike(before: Vote | None, after: Vote | None) -> bool:
    """The same, and whether it bears a verdict out as it did before; how new it is may differ."""
    if before is None or after is None:
        return before is after
    same = before.rule == after.rule and before.since == after.since and before.weight == after.weight
    return same and before.version == after.version and say_the_same(before, after)
