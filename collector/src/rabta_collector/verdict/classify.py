"""One measurement, held against its controls, gives one finding. Pure, total, blind to the order of observations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rabta_collector.verdict import evidence
from rabta_collector.verdict.background import NOTHING, Background
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.fingerprints import OURS, Known
from rabta_collector.verdict.pace import Pace
from rabta_collector.verdict.rules import RULES, Rule
from rabta_proto.alike import by_likeness
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Judgement, Mechanism, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one measurement says. `reasons` are sentences for people; `weight` is how sure the judgement is, 0 to 1.

    `pace`: what came of timed reads, where they were made and compared.
    """

    judgement: Judgement
    rule: str
    step: Step | None
    mechanism: Mechanism | None
    server_side: bool
    reasons: Sequence[str]
    weight: float = 1.0
    pace: Pace | None = None


def classify(
    measurement: Measurement,
    controls: Sequence[Measurement] = (),
    references: Sequence[Measurement] = (),
    known: Known = OURS,
    background: Background = NOTHING,
) -> Finding:
    """The finding of a measurement.

    `controls` are measurements of the same target by control agents from about the same time, of each agent at most
    the last that began before it and the first that began after it. `references` are the newest measurements of
    references by the same agent: where all of them fail as well, it is not the target's name that fails.
    `known`: the marks of block pages. `background`: what else is known of the agent's network, and of addresses.
    """
    facts = Facts(measurement=measurement, controls=controls, references=references, known=known, background=background)
    return _find(facts)


@by_likeness
def classify_alone(measurement: Measurement) -> Finding | None:
    """The finding that a measurement has whatever else is known; `None` where others have to be asked.

    That of a site that works, as a rule, and measurements that are alike have the same.
    """
    try:
        return _find(Facts(measurement=measurement, controls=_NOT_ASKED, references=_NOT_ASKED, background=_UNKNOWN))
    except (AskedError, AttributeError):  # the latter where a field is wanting: of `_UNKNOWN`, or one that varies
        return None


class AskedError(Exception):
    """Something was asked for that is not to be."""


class _Unasked(tuple[Measurement, ...]):
    """Measurements of which it is not even to be asked how many there are."""

    def __len__(self) -> int:
        raise AskedError

    def __iter__(self) -> Iterator[Measurement]:
        raise AskedError


_NOT_ASKED = _Unasked()
_UNKNOWN: Background = object.__new__(Background)
"""Lacks every field."""


def _find(facts: Facts) -> Finding:
    rule = find_rule(facts)
    return find_by(rule, facts, explain(rule, facts))


def find_by(rule: Rule, facts: Facts, reasons: Sequence[str]) -> Finding:
    """The finding where that rule is the first that matches."""
    return Finding(
        judgement=rule.judgement,
        rule=rule.id,
        step=rule.step or facts.step,
        mechanism=rule.mechanism,
        server_side=rule.server_side,
        reasons=reasons,
        weight=rule.weights.of_judgement,
        pace=facts.reads.pace,
    )


def find_rule(facts: Facts) -> Rule:
    """The first row that matches; the last one always does."""
    return next(rule for rule in RULES if rule.when(facts))


def explain(rule: Rule, facts: Facts) -> tuple[str, ...]:
    """What people are told of it."""
    reasons = [rule.evidence(facts)]
    proved = rule.judgement is Judgement.BLOCKED and not rule.by_control
    if rule.by_control or (proved and facts.voices.words and not facts.fails):
        reasons.append(evidence.controls(facts))
    elif proved and facts.fails:
        reasons.append("It fails for the controls too, though in another way: a block that outlived its site")
    return tuple(reasons)
