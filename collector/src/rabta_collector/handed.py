"""Batches that another process hands to the collector that serves, through `handed.sqlite` of the data directory.

Only the collector that serves knows what its journal holds, so it alone takes batches; `import` puts them here, one row
each, and waits for what became of them. A row that nobody waits for any more is taken all the same: it was checked.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from rabta_collector.admit import Refused
from rabta_collector.ingest import Ingest
from rabta_collector.journal import Member
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role

SCHEMA = """CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY, agent TEXT NOT NULL, isp TEXT NOT NULL, role TEXT NOT NULL, body BLOB NOT NULL,
    accepted INTEGER, duplicate INTEGER, rejected INTEGER, problem TEXT
) STRICT"""
IDLE_S, BUSY_S = 1.0, 0.02
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a batch, in measurements; `problem`: why nothing of it was taken."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    problem: str = ""


async def take(ingest: Ingest, member: Member, body: bytes) -> Outcome:
    """What the journal makes of a batch."""
    try:
        ack = await ingest.take(member, body)
    except Refused as refused:
        return Outcome(problem=str(refused))
    counts = dict.fromkeys(link.Outcome.values(), 0)
    for part in ack.ranges:
        counts[part.outcome] += part.last - part.first + 1
    return Outcome(
        accepted=counts[link.OUTCOME_ACCEPTED],
        duplicate=counts[link.OUTCOME_DUPLICATE],
        rejected=counts[link.OUTCOME_REJECTED],
    )


class HandIn:
    """The side of whoever hands in; one batch at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _opened(path) as connection:
            connection.execute(SCHEMA)

    def put(self, member: Member, body: bytes) -> int:
        with _opened(self._path) as connection:
            cursor = connection.execute(
                "INSERT INTO batches (agent, isp, role, body) VALUES (?, ?, ?, ?)",
                (member.agent, member.isp, str(member.role), body),
            )
            return int(cursor.lastrowid or 0)

    def outcome(self, number: int) -> Outcome | None:
        """What became of it, once; `None`: nothing yet."""
        with _opened(self._path) as connection:
            row = connection.execute(
                "SELECT accepted, duplicate, rejected, problem FROM batches WHERE id = ? AND accepted IS NOT NULL",
                (number,),
            ).fetchone()
            if row is None:
                return None
            connection.execute("DELETE FROM batches WHERE id = ?", (number,))
        return Outcome(accepted=row[0], duplicate=row[1], rejected=row[2], problem=row[3])


class TakeIn:
    """The side of the collector that serves."""

    def __init__(self, path: Path, ingest: Ingest) -> None:
        self._path, self._ingest = path, ingest

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                busy = await self._take_one()
            except sqlite3.Error as wrong:
                log.warning("handed.failing", problem=str(wrong))
                busy = False
            await asyncio.sleep(BUSY_S if busy else IDLE_S)

    async def _take_one(self) -> bool:
        found = await asyncio.to_thread(self._next)
        if found is None:
            return False
        number, member, body = found
        outcome = await take(self._ingest, member, body)
        await asyncio.to_thread(self._note, number, outcome)
        return True

    def _next(self) -> tuple[int, Member, bytes] | None:
        if not self._path.exists():
            return None
        with _opened(self._path) as connection:
            connection.execute(SCHEMA)
            row = connection.execute(
                "SELECT id, agent, isp, role, body FROM batches WHERE accepted IS NULL ORDER BY id LIMIT 1"
            ).fetchone()
        return None if row is None else (row[0], Member(agent=row[1], isp=row[2], role=Role(row[3])), row[4])

    def _note(self, number: int, outcome: Outcome) -> None:
        with _opened(self._path) as connection:
            connection.execute(
                "UPDATE batches SET accepted = ?, duplicate = ?, rejected = ?, problem = ?, body = x'' WHERE id = ?",
                (outcome.accepted, outcome.duplicate, outcome.rejected, outcome.problem, number),
            )


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction of its own."""
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        yield connection
