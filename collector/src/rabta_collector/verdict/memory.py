"""Judges what was judged before by the same evidence from memory: a finding hangs on nothing else.

What failed stays open, and is judged anew with each word of a control and each measurement of a reference by its agent;
most of these change nothing. What the same objects say is the same: measurements are told apart by which they are, and
not by what is in them, and those in this memory stay alive with it.
"""

from collections.abc import Sequence
from functools import lru_cache

from rabta_collector.verdict.background import Background
from rabta_collector.verdict.classify import Finding, classify
from rabta_collector.verdict.reads import without_reads
from rabta_proto.model import Measurement

KEPT = 4096


class _This:
    """One object, equal to itself alone."""

    __slots__ = ("measurement",)

    def __init__(self, measurement: Measurement) -> None:
        self.measurement = measurement

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _This) and self.measurement is other.measurement

    def __hash__(self) -> int:
        return id(self.measurement)


def judge_once(
    measurement: Measurement, controls: Sequence[Measurement], references: Sequence[Measurement], background: Background
) -> Finding:
    """What `classify` says of it, its timed reads left out."""
    return _judged(_This(measurement), tuple(map(_This, controls)), tuple(map(_This, references)), background)


@lru_cache(KEPT)
def _judged(one: _This, controls: tuple[_This, ...], references: tuple[_This, ...], background: Background) -> Finding:
    looks, failed = (tuple(this.measurement for this in those) for those in (controls, references))
    return classify(without_reads(one.measurement), looks, failed, background=background)
