"""Reads spans of the past, beside whoever writes them; nothing is kept in memory between two questions."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rabta_collector.history.fold import PastSpan
from rabta_collector.state import Witness
from rabta_proto.vocabulary import Mechanism, State

WAIT_S = 10


class UnreadableHistoryError(RuntimeError):
    """The file cannot be read; the message is one line for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSpan:
    """A span of a cell."""

    isp: str
    platform: str
    span: PastSpan


def read_past(
    path: Path, *, isp: str | None, platform: str | None, since: float | None, until: float | None
) -> tuple[CellSpan, ...]:
    """Spans that touch a window, each cell's in order of time; none where nothing was ever imported.

    Raises `UnreadableHistoryError`.
    """
    if not path.exists():
        return ()
    query = (
        "SELECT isp, platform, since, until, state, mechanism, findings, witness FROM spans"
        " WHERE (?1 IS NULL OR isp = ?1) AND (?2 IS NULL OR platform = ?2) AND (?3 IS NULL OR until >= ?3)"
        " AND (?4 IS NULL OR since <= ?4) ORDER BY isp, platform, since"
    )
    place = f"{path.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(place, uri=True, timeout=WAIT_S, isolation_level=None)) as connection:
            return tuple(map(_read_span, connection.execute(query, (isp, platform, since, until))))
    except sqlite3.Error as wrong:
        raise UnreadableHistoryError(f"{path}: {wrong}") from None


def _read_span(row: Sequence[object]) -> CellSpan:
    isp, platform, since, until, state, mechanism, findings, witness = row
    span = PastSpan(
        state=State(str(state)),
        mechanism=None if mechanism is None else Mechanism(str(mechanism)),
        since=float(str(since)),
        until=float(str(until)),
        findings=int(str(findings)),
        witness=tuple(Witness(rule=rule, count=count) for rule, count in json.loads(str(witness))),
    )
    return CellSpan(isp=isp, platform=platform, span=span)  # type: ignore[arg-type]
