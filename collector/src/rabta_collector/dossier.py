"""What a verdict rests on, as it was when it was decided: numbers, rules, and examples with their controls. Pure.

It names agents, so it stays on the operator's side: disclosure.py makes of it what others may have.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rabta_collector.cells import JUDGEMENTS_OF, Cell
from rabta_collector.state import Verdict, Witness
from rabta_collector.verdict.classify import Finding
from rabta_collector.windows import Stand
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Judgement, Mechanism, State

EXAMPLES = 3
CONTROLS = 2
"""Measurements by controls that are kept beside an example, at most."""

Looks = Callable[[str, float], Sequence[Measurement]]
"""Of a target by URL: what controls measured about a moment (Unix seconds)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A measurement that bears a verdict out, what was found of it, and controls' measurements of about that time."""

    measurement: Measurement
    finding: Finding
    controls: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One target of the platform. `votes`: agents by what they say. `decides`: whether it makes up the platform."""

    url: str
    decides: bool
    state: State
    mechanism: Mechanism | None
    votes: tuple[tuple[Judgement, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """`at` in Unix seconds. `voters`: pseudonyms of the agents that have a vote on a target that decides."""

    at: float
    verdict: Verdict
    legs: tuple[Leg, ...]
    rules: tuple[Witness, ...]
    examples: tuple[Example, ...]
    voters: tuple[str, ...]


def open_dossier(cell: Cell, at: float, looks: Looks) -> Dossier:
    """The dossier of a cell's verdict as it stands."""
    deciding = [cell.windows[url] for url in cell.deciding if url in cell.windows]
    rules: Counter[str] = Counter()
    for window in deciding:
        rules.update(window.rules)
    ordered = sorted(rules.items(), key=lambda item: (-item[1], item[0]))
    stands = (stand for window in deciding for stand in window.cited())
    return Dossier(
        at=at,
        verdict=cell.verdict,
        legs=tuple(_leg(cell, url) for url in cell.targets if url in cell.windows),
        rules=tuple(Witness(rule=rule, count=count) for rule, count in ordered),
        examples=tuple(_example(stand, looks) for stand in _choose(stands, cell.verdict.state)),
        voters=tuple(sorted({agent for window in deciding for agent in window.standing})),
    )


def _leg(cell: Cell, url: str) -> Leg:
    window = cell.windows[url]
    votes = Counter(vote.judgement for vote in window.standing.values())
    return Leg(
        url=url,
        decides=url in cell.deciding,
        state=window.decision.state,
        mechanism=window.decision.mechanism,
        votes=tuple((judgement, votes[judgement]) for judgement in Judgement if votes[judgement]),
    )


def _choose(stands: Iterable[Stand], state: State) -> list[Stand]:
    """The newest that bear a state out, of different agents where there are such; of a partial one both sides."""
    those = [stand for stand in stands if stand.finding.judgement in JUDGEMENTS_OF[state]]
    those.sort(key=lambda stand: (-stand.case.started, stand.case.agent))
    if state is State.DISRUPTED:
        passed = [stand for stand in those if stand.finding.judgement is Judgement.OK]
        failed = [stand for stand in those if stand.finding.judgement not in (Judgement.OK, Judgement.INCONCLUSIVE)]
        return [*failed[: EXAMPLES - 1], *passed[:1]]
    first: dict[str, Stand] = {}
    for stand in those:
        first.setdefault(stand.case.agent, stand)
    chosen = list(first.values())
    return [*chosen, *(stand for stand in those if not any(stand is one for one in chosen))][:EXAMPLES]


def _example(stand: Stand, looks: Looks) -> Example:
    case = stand.case
    around = sorted(
        looks(case.measurement.target, case.started),
        key=lambda look: abs(look.started_at.timestamp() - case.started),
    )
    return Example(measurement=case.measurement, finding=stand.finding, controls=tuple(around[:CONTROLS]))
