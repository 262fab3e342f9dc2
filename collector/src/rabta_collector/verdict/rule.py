"""One row of the table of rules, and the ways in which rows are written."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.weights import BY_CONTROL, NOTHING_KNOWN, PROVED, Weights
from rabta_proto.vocabulary import Judgement, Mechanism, Step

METHODS = "collector/README.md, decisions"
TS017 = "OONI ts-017 (web connectivity)"
PAKISTAN = "pages seen in Pakistan since 2012"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row. `step` is `None` where the rule is about no step, or about whichever it ended at.

    `weights` are all that says what follows.
    """

    id: str
    step: Step | None
    when: Callable[[Facts], bool]
    weights: Weights
    evidence: Callable[[Facts], str]
    comment: str
    source: str = METHODS
    mechanism: Mechanism | None = None
    server_side: bool = False
    by_control: bool = False  # the controls' part of the proof is told even where they are silent

    @property
    def judgement(self) -> Judgement:
        return self.weights.judgement


unknown = partial(Rule, weights=NOTHING_KNOWN)
proved = partial(Rule, weights=PROVED)
by_control = partial(Rule, weights=BY_CONTROL, by_control=True)
