"""Evidence as a page shows it: votes by target, agents by province, and measurements step by step. Pure.

What comes in here may be shown to anybody (disclosure.py); nothing is added to it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from google.protobuf.json_format import ParseDict, ParseError

from rabta_collector.disclosure import Row
from rabta_collector.pages.moments import Moment, make_moment
from rabta_collector.pages.steps import StepLine, make_step
from rabta_collector.pages.words import Mark, make_mark
from rabta_proto.codec import from_message
from rabta_proto.model import Measurement
from rabta_proto.v1 import measurement_pb2 as wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """How the votes on one target stood: agents by what they found. `decides`: it makes up the platform."""

    target: str
    mark: Mark
    decides: bool
    votes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The steps of one measurement."""

    at: Moment
    target: str
    steps: tuple[StepLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A measurement that bears the verdict out, and controls' of about the same time. `reasons` are English."""

    own: Table
    rule: str
    judgement: str
    reasons: tuple[str, ...]
    controls: tuple[Table, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`provinces`: those of which agents may be counted."""

    targets: tuple[Votes, ...]
    provinces: tuple[tuple[str, int], ...]
    examples: tuple[Example, ...]


def make_evidence(row: Row, now: float) -> Evidence:
    return Evidence(
        targets=tuple(_votes(one) for one in _rows(row, "targets")),
        provinces=tuple((str(one["province"]), cast(int, one["agents"])) for one in _rows(row, "provinces")),
        examples=tuple(_example(one, now) for one in _rows(row, "examples")),
    )


def _rows(row: Mapping[str, object], key: str) -> Iterable[Row]:
    return cast(list[Row], row.get(key) or [])


def _votes(row: Row) -> Votes:
    return Votes(
        target=str(row["target"]),
        mark=make_mark(str(row["state"])),
        decides=bool(row["decides"]),
        votes=tuple((str(one["finding"]), cast(int, one["agents"])) for one in _rows(row, "votes")),
    )


def _example(row: Row, now: float) -> Example:
    return Example(
        own=_table(cast(Row, row["measurement"]), now),
        rule=str(row["rule"]),
        judgement=str(row["finding"]),
        reasons=tuple(map(str, cast(list[str], row["reasons"]))),
        controls=tuple(_table(one, now) for one in _rows(row, "controls")),
    )


def _table(row: Row, now: float) -> Table:
    measurement = _read(row)
    started = measurement.started_at.timestamp()
    steps = tuple(map(make_step, measurement.observations))
    return Table(at=make_moment(started, now), target=measurement.target, steps=steps)


def _read(row: Row) -> Measurement:
    """A record of a later version may hold what this one does not know; the rest of it is shown."""
    message = wire.Measurement()
    try:
        ParseDict(row, message, ignore_unknown_fields=True)
    except ParseError:
        message = wire.Measurement(target=str(row.get("target", "")))
    return from_message(message)
