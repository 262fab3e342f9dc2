"""What was seen against what was expected: who is right, confusion, precision and recall, and the bars. Pure.

A scenario names the right state and mechanism first, and then those that are not wrong either. A run that saw one of
the latter counts as having expected it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.scenario import Scenario
from rabta_proto.vocabulary import State

NOTHING = "-"
"""No mechanism."""

EXACT_SHARE = 0.95  # of a block's runs that name the exact mechanism: 19 of 20
THROTTLED_SHARE = 0.95  # of all runs that are throttled, found, and of all that are called so, right
INNOCENT_SHARE = 0.95  # of all innocent runs that say the right state: a detector that knows nothing is of no use
_HARM = (State.BLOCKED, State.THROTTLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One scenario, played once. `rule` is the most frequent of the verdict's witness."""

    lab: str
    repeat: int
    scenario: Scenario
    state: str
    mechanism: str | None
    rule: str = ""
    note: str = ""

    @property
    def right_state(self) -> bool:
        return self.state in self.scenario.states

    @property
    def right(self) -> bool:
        """State and, of a block or of throttling, mechanism."""
        return self.right_state and (self.state not in _HARM or self.mechanism in self.scenario.mechanisms)

    @property
    def right_step(self) -> bool:
        """Whether a block was found, and at the right step: `dns`, `tcp`, `ip`, `tls`, `http`, `quic`, `throttle`."""
        steps = {_step(mechanism) for mechanism in self.scenario.mechanisms}
        return self.state in _HARM and self.right_state and _step(self.mechanism or NOTHING) in steps

    @property
    def harmful(self) -> bool:
        """Whether something innocent was called blocked or throttled."""
        return self.scenario.innocent and self.state in _HARM

    @property
    def expected_state(self) -> str:
        return self.state if self.right_state else self.scenario.states[0]

    @property
    def expected_mechanism(self) -> str:
        if self.scenario.innocent:
            return NOTHING
        return next((m for m in self.scenario.mechanisms if m == self.mechanism), self.scenario.mechanisms[0])

    @property
    def seen_mechanism(self) -> str:
        return self.mechanism or NOTHING


def _step(mechanism: str) -> str:
    return mechanism.partition(".")[0]


Confusion = Mapping[tuple[str, str], int]
"""Runs by what was expected and what was seen."""


def confusion(runs: Iterable[Run], key: Callable[[Run], tuple[str, str]]) -> Confusion:
    return Counter(map(key, runs))


def states(run: Run) -> tuple[str, str]:
    return run.expected_state, run.state


def mechanisms(run: Run) -> tuple[str, str]:
    return run.expected_mechanism, run.seen_mechanism


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How one mechanism fared. `runs` are those that expected it; a share of nothing is `None`."""

    mechanism: str
    runs: int
    seen: int
    hit: int

    @property
    def precision(self) -> float | None:
        return self.hit / self.seen if self.seen else None

    @property
    def recall(self) -> float | None:
        return self.hit / self.runs if self.runs else None


def scores(table: Confusion) -> list[Score]:
    """One for each mechanism that was expected or seen, by name."""
    names = sorted({name for pair in table for name in pair} - {NOTHING})
    return [
        Score(
            mechanism=name,
            runs=sum(count for (expected, _), count in table.items() if expected == name),
            seen=sum(count for (_, seen), count in table.items() if seen == name),
            hit=table.get((name, name), 0),
        )
        for name in names
    ]


def missed_bars(runs: Sequence[Run]) -> list[str]:
    """A line for each bar that is missed."""
    lines = [
        f"{run.lab}: {run.scenario.id}: innocent, and called {run.state} ({run.seen_mechanism}) in repeat {run.repeat}"
        for run in runs
        if run.harmful
    ]
    for (lab, id_), group in _by_scenario(runs).items():
        if not group[0].scenario.innocent and not group[0].scenario.throttled:
            lines += [f"{lab}: {id_}: {line}" for line in _missed_by_block(group)]
    return lines + _missed_by_throttling(runs) + _missed_by_innocent(runs)


def _missed_by_block(group: Sequence[Run]) -> list[str]:
    steps, exact = sum(run.right_step for run in group), sum(run.right for run in group)
    lines = []
    if steps < len(group):
        lines.append(f"blocked at the right step in {steps} of {len(group)} runs, not in all")
    if exact < EXACT_SHARE * len(group) - 1e-9:
        lines.append(f"the exact mechanism in {exact} of {len(group)} runs, fewer than 19 of 20")
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttling:
    """How throttling fared in one lab: `expected` runs, `seen` so called, `hit` both; `bands` not found in 19 of 20."""

    expected: int
    seen: int
    hit: int
    bands: tuple[str, ...]

    @property
    def recall(self) -> float:
        return self.hit / self.expected if self.expected else 1.0

    @property
    def precision(self) -> float:
        return self.hit / self.seen if self.seen else 1.0


def throttling(runs: Sequence[Run]) -> Throttling:
    """Of one lab's runs, those of objects that were read against the clock."""
    timed = [run for run in runs if run.scenario.object]
    expected = [run for run in timed if run.scenario.throttled]
    seen = [run for run in timed if run.state == State.THROTTLED]
    bands = []
    for (_, id_), group in _by_scenario(expected).items():
        found = sum(run.right for run in group)
        if found < THROTTLED_SHARE * len(group) - 1e-9:
            bands.append(f"{id_} ({found} of {len(group)})")
    hit = sum(run.scenario.throttled for run in seen)
    return Throttling(expected=len(expected), seen=len(seen), hit=hit, bands=tuple(bands))


def _missed_by_throttling(runs: Sequence[Run]) -> list[str]:
    lines = []
    for lab in dict.fromkeys(run.lab for run in runs):
        one = throttling([run for run in runs if run.lab == lab])
        told = (("recall", one.recall), ("precision", one.precision))
        below = [f"{name} {share:.3f}" for name, share in told if share < THROTTLED_SHARE - 1e-9]
        if below:
            lines.append(f"{lab}: throttling: {' and '.join(below)}, below {THROTTLED_SHARE}; {', '.join(one.bands)}")
    return lines


def _missed_by_innocent(runs: Sequence[Run]) -> list[str]:
    lines = []
    for lab in dict.fromkeys(run.lab for run in runs):
        innocent = [run for run in runs if run.lab == lab and run.scenario.innocent]
        right = sum(run.right for run in innocent)
        if right < INNOCENT_SHARE * len(innocent) - 1e-9:
            lines.append(f"{lab}: the right state in {right} of {len(innocent)} innocent runs, fewer than 19 of 20")
    return lines


def _by_scenario(runs: Iterable[Run]) -> dict[tuple[str, str], list[Run]]:
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.lab, run.scenario.id), []).append(run)
    return groups


def to_json(runs: Sequence[Run]) -> dict[str, object]:
    """All of it, for programs."""
    return {
        "runs": [
            {
                "lab": run.lab,
                "repeat": run.repeat,
                "scenario": run.scenario.id,
                "expected": {"states": list(run.scenario.states), "mechanisms": list(run.scenario.mechanisms)},
                "state": run.state,
                "mechanism": run.mechanism,
                "rule": run.rule,
                "note": run.note,
                "right": run.right,
            }
            for run in runs
        ],
        "labs": {lab: _lab_to_json([run for run in runs if run.lab == lab]) for lab in sorted({r.lab for r in runs})},
        "missed": missed_bars(runs),
    }


def _lab_to_json(runs: Sequence[Run]) -> dict[str, object]:
    by_mechanism = confusion(runs, mechanisms)
    return {
        "runs": len(runs),
        "right": sum(run.right for run in runs),
        "states": _rows(confusion(runs, states)),
        "mechanisms": _rows(by_mechanism),
        "throttling": _throttling_to_json(throttling(runs)),
        "scores": [
            {
                "mechanism": score.mechanism,
                "runs": score.runs,
                "seen": score.seen,
                "hit": score.hit,
                "precision": score.precision,
                "recall": score.recall,
            }
            for score in scores(by_mechanism)
        ],
    }


def _throttling_to_json(one: Throttling) -> dict[str, object]:
    return {
        "expected": one.expected,
        "seen": one.seen,
        "hit": one.hit,
        "precision": one.precision,
        "recall": one.recall,
        "failing_band": list(one.bands),
    }


def _rows(table: Confusion) -> list[dict[str, object]]:
    return [{"expected": e, "seen": s, "runs": count} for (e, s), count in sorted(table.items())]
