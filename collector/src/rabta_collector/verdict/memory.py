"""Judges what was judged before by the same evidence from memory: a finding hangs on nothing else.

What fails where a site is blocked looks the same again and again, as what works does (`rabta_proto.alike`), and so do
controls' looks. So the rules are asked once for each kind of failure and of evidence: measurements that are alike, held
against looks that are alike and lie alike about them (around.py), and against the same background. They are asked of
measurements that lack the fields that vary, so that whatever they find holds for all of a kind; where they ask for such
a field nothing is shared. What people are told may name such numbers, and is made when somebody asks (`Reasons`).

What is like nothing else is told apart by which object it is, and not by what is in it. It stays open where it failed,
and is judged anew with each word of a control and each measurement of a reference by its agent; most of these change
nothing.

At most `KEPT` of either are remembered, each with the measurements, or what these have in common, that it is about.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

from rabta_collector.verdict.around import Around, arrange
from rabta_collector.verdict.background import Background
from rabta_collector.verdict.classify import Finding, classify, explain, find_by, find_rule
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.reads import without_reads
from rabta_collector.verdict.rules import RULES_BY_ID
from rabta_proto.alike import Alike
from rabta_proto.codec import whole_of
from rabta_proto.model import Measurement

KEPT = 2048


class _This:
    """One object, equal to itself alone."""

    __slots__ = ("measurement",)

    def __init__(self, measurement: Measurement) -> None:
        self.measurement = measurement

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _This) and self.measurement is other.measurement

    def __hash__(self) -> int:
        return id(self.measurement)


_Look = Alike | _This
"""A measurement that another one is held against: what it has in common with others, or else itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What measurements of one kind are held against; numbers that vary between looks that are alike are zero."""

    controls: tuple[Measurement, ...]
    around: tuple[Around, ...]
    references: tuple[Measurement, ...]
    background: Background

    def facts(self, measurement: Measurement) -> Facts:
        return Facts(
            measurement=measurement,
            controls=self.controls,
            references=self.references,
            background=self.background,
            around=self.around,
        )


@dataclass(slots=True, eq=False)
class Reasons(Sequence[str]):
    """The sentences of a finding that was taken from memory, made of its own measurement whenever they are read."""

    measurement: Measurement
    rule: str
    evidence: Evidence

    def _all(self) -> tuple[str, ...]:
        return explain(RULES_BY_ID[self.rule], self.evidence.facts(self.measurement))

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...

    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        return self._all()[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, Reasons) else other)

    __hash__ = None  # type: ignore[assignment] # nobody asks


@dataclass(frozen=True, slots=True)
class _Kind:
    """What holds for all measurements of a kind. `evidence`: what reasons are made of; `None`: all have the same."""

    finding: Finding
    evidence: Evidence | None

    def of(self, measurement: Measurement) -> Finding:
        if self.evidence is None:
            return self.finding
        one = self.finding
        return Finding(
            judgement=one.judgement,
            rule=one.rule,
            step=one.step,
            mechanism=one.mechanism,
            server_side=one.server_side,
            reasons=Reasons(measurement, one.rule, self.evidence),
            weight=one.weight,
            pace=one.pace,
        )


def judge_once(
    measurement: Measurement, controls: Sequence[Measurement], references: Sequence[Measurement], background: Background
) -> Finding:
    """What `classify` says of it, its timed reads left out."""
    looks, failed = _looks(controls), _looks(references)
    if (alike := measurement.alike) is not None:
        kind = _kind(alike, looks, arrange(measurement, controls), failed, background)
        if kind is not None:
            return kind.of(measurement)
    return _judged(_This(measurement), tuple(map(_This, controls)), tuple(map(_This, references)), background)


def _looks(measurements: Sequence[Measurement]) -> tuple[_Look, ...]:
    return tuple([one.alike or _This(one) for one in measurements])


@lru_cache(KEPT)
def _kind(
    alike: Alike,
    controls: tuple[_Look, ...],
    around: tuple[Around, ...],
    references: tuple[_Look, ...],
    background: Background,
) -> _Kind | None:
    """`None` where nothing can be shared."""
    bare, whole = (
        Evidence(
            controls=tuple(map(read, controls)),
            around=around,
            references=tuple(map(read, references)),
            background=background,
        )
        for read in (_bare, _whole)
    )
    facts = bare.facts(alike.bare)
    try:
        rule = find_rule(facts)
        finding = find_by(rule, facts, ())
    except AttributeError:  # a field that varies was asked for
        return None
    try:
        return _Kind(find_by(rule, facts, explain(rule, facts)), None)
    except AttributeError:
        return _Kind(finding, whole) if _explains(rule.id, bare, whole_of(alike)) else None


def _explains(rule: str, bare: Evidence, measurement: Measurement) -> bool:
    """Whether no number of the looks is in what people are told."""
    try:
        return bool(explain(RULES_BY_ID[rule], bare.facts(measurement)))
    except AttributeError:
        return False


def _bare(look: _Look) -> Measurement:
    return look.bare if isinstance(look, Alike) else look.measurement


def _whole(look: _Look) -> Measurement:
    return whole_of(look) if isinstance(look, Alike) else look.measurement


@lru_cache(KEPT)
def _judged(one: _This, controls: tuple[_This, ...], references: tuple[_This, ...], background: Background) -> Finding:
    looks, failed = (tuple(this.measurement for this in those) for those in (controls, references))
    return classify(without_reads(one.measurement), looks, failed, background=background)
