"""The table of spans, as the history and the record have it: what was made of findings once they change no more."""

import json
import sqlite3
from collections.abc import Iterable

from rabta_collector.history.fold import PastSpan

SCHEMA = """
CREATE TABLE IF NOT EXISTS spans (
    isp TEXT NOT NULL, platform TEXT NOT NULL, since REAL NOT NULL, until REAL NOT NULL, state TEXT NOT NULL,
    mechanism TEXT, findings INTEGER NOT NULL, witness TEXT NOT NULL, PRIMARY KEY (isp, platform, since)
) STRICT, WITHOUT ROWID;
"""


def forget_spans(connection: sqlite3.Connection, since: float) -> None:
    """Those that began at a moment or later; to be called within a transaction."""
    connection.execute("DELETE FROM spans WHERE since >= ?", (since,))


def write_spans(connection: sqlite3.Connection, isp: str, platform: str, spans: Iterable[PastSpan]) -> None:
    """Adds spans of a cell, each in place of one that began then; to be called within a transaction."""
    connection.executemany(
        "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                isp,
                platform,
                span.since,
                span.until,
                str(span.state),
                None if span.mechanism is None else str(span.mechanism),
                span.findings,
                json.dumps([[one.rule, one.count] for one in span.witness]),
            )
            for span in spans
        ],
    )
