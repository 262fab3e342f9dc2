"""What the volunteer may look at later: the last measurement of each target, and how plans changed.

SQLite, in a file of its own, because it is worth little: it is written without syncing, once in FLUSH_S at most, and
one that cannot be read is begun anew. `user_version` is FORMAT.

    last    target, trace (0 or 1: a trace, kept beside the last measurement that is none), platform,
            at_us (Unix microseconds), payload: a serialised `rabta.v1.Measurement`
    plan    at_us, version, added, removed, altered: targets with line breaks between them; the last PLANS
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rabta_agent.plan import Plan
    from rabta_proto.model import Measurement

FORMAT = 2
FLUSH_S = 60.0
TARGETS, PLANS = 2000, 200
_TABLES = (
    "CREATE TABLE last (target TEXT NOT NULL, trace INTEGER NOT NULL, platform TEXT NOT NULL, at_us INTEGER NOT NULL, "
    "payload BLOB NOT NULL, PRIMARY KEY (target, trace))",
    "CREATE TABLE plan (id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, version INTEGER NOT NULL, added TEXT NOT NULL, "
    "removed TEXT NOT NULL, altered TEXT NOT NULL)",
    f"PRAGMA user_version = {FORMAT}",
)
_NEWEST = f"SELECT target FROM last ORDER BY trace, at_us DESC LIMIT {TARGETS}"  # noqa: S608 - a constant
Row = tuple[str, int, str, int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """A plan that took another one's place. Targets are written as the plan has them."""

    at: datetime
    version: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    altered: tuple[str, ...]


def compare(before: "Plan | None", after: "Plan", at: datetime) -> PlanChange:
    """What a new plan changes; `altered` are targets that are measured at other times."""
    old = {entry.target: entry for entry in before.assignments} if before else {}
    new = {entry.target: entry for entry in after.assignments}
    return PlanChange(
        at=at,
        version=after.version,
        added=tuple(target for target in new if target not in old),
        removed=tuple(target for target in old if target not in new),
        altered=tuple(target for target in new if target in old and new[target].interval_ms != old[target].interval_ms),
    )


class Diary:
    """What the running agent writes. Never raises: losing it loses nothing that anybody measured."""

    def __init__(self, path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._waiting: dict[tuple[str, bool], Row] = {}
        self._flushed_at = float("-inf")
        self._lock = threading.Lock()  # measurements end beside one another

    def keep(self, measurement: "Measurement") -> None:
        """Remembers a measurement; it is in the file within FLUSH_S, when others come, or after `flush`."""
        from rabta_proto.codec import to_message
        from rabta_proto.vocabulary import Depth

        at_us = int(measurement.started_at.timestamp() * 1_000_000)
        payload, trace = to_message(measurement).SerializeToString(), measurement.depth is Depth.TRACE
        with self._lock:
            row = (measurement.target, int(trace), measurement.platform, at_us, payload)
            self._waiting[measurement.target, trace] = row
            if self._monotonic() - self._flushed_at >= FLUSH_S:
                self._flush()

    def flush(self) -> None:
        """Writes what waits."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        self._flushed_at = self._monotonic()
        rows, self._waiting = tuple(self._waiting.values()), {}
        if rows:
            self._write(
                "INSERT OR REPLACE INTO last VALUES (?, ?, ?, ?, ?)",
                rows,
                f"DELETE FROM last WHERE target NOT IN ({_NEWEST})",  # noqa: S608 - constants
            )

    def keep_plan(self, change: PlanChange) -> None:
        """Remembers that the plan has changed."""
        texts = ("\n".join(targets) for targets in (change.added, change.removed, change.altered))
        self._write(
            "INSERT INTO plan VALUES (NULL, ?, ?, ?, ?, ?)",
            [(int(change.at.timestamp() * 1_000_000), change.version, *texts)],
            f"DELETE FROM plan WHERE id <= (SELECT max(id) FROM plan) - {PLANS}",  # noqa: S608 - constants
        )

    def _write(self, insert: str, rows: "tuple[Row, ...] | list[tuple[object, ...]]", trim: str) -> None:
        for _ in range(2):
            try:
                with closing(_open(self._path)) as connection, connection:
                    connection.executemany(insert, rows)
                    connection.execute(trim)
            except sqlite3.OperationalError:  # a full disk, or a file that is being read
                return
            except sqlite3.Error:
                for suffix in ("", "-journal"):
                    with suppress(OSError):
                        self._path.with_name(self._path.name + suffix).unlink()
            else:
                return


def _open(path: Path) -> sqlite3.Connection:
    with suppress(OSError):
        path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=1.0)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                connection.execute(f'DROP TABLE "{name}"')
            for statement in _TABLES:
                connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    if not path.exists():
        yield None
        return
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)) as connection:
        yield connection


def read_last(path: Path, wanted: str) -> list[tuple[datetime, bytes]]:
    """When a target, or the targets of a platform, were last measured, and what came of it, the newest first.

    A target's last trace follows them.
    """
    with suppress(sqlite3.Error), _reading(path) as connection:
        if connection is not None:
            rows = connection.execute(
                "SELECT at_us, payload FROM last WHERE target = ? OR platform = ? ORDER BY trace, at_us DESC",
                (wanted, wanted),
            ).fetchall()
            return [(datetime.fromtimestamp(at_us / 1_000_000, UTC), payload) for at_us, payload in rows]
    return []


def read_targets(path: Path) -> list[str]:
    """Every target that there is something of."""
    with suppress(sqlite3.Error), _reading(path) as connection:
        if connection is not None:
            return [target for (target,) in connection.execute("SELECT DISTINCT target FROM last ORDER BY target")]
    return []


def read_plans(path: Path, count: int) -> list[PlanChange]:
    """The last changes of the plan, oldest first."""
    with suppress(sqlite3.Error), _reading(path) as connection:
        if connection is not None:
            rows = connection.execute(
                "SELECT at_us, version, added, removed, altered FROM plan ORDER BY id DESC LIMIT ?", (count,)
            ).fetchall()
            return [
                PlanChange(
                    at=datetime.fromtimestamp(at_us / 1_000_000, UTC),
                    version=version,
                    added=tuple(added.split("\n")) if added else (),
                    removed=tuple(removed.split("\n")) if removed else (),
                    altered=tuple(altered.split("\n")) if altered else (),
                )
                for at_us, version, added, removed, altered in reversed(rows)
            ]
    return []
