"""The spool's numbers and contacts, as any process reads them beside a running agent."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rabta_agent.contacts import Contact
from rabta_agent.spool_file import COUNTERS, SpoolError


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The spool in numbers. Today is the UTC day `day`; its bytes count both ways, the link's to the collector too."""

    day: str
    epoch: int
    produced: int
    acked: int
    rejected: int
    dropped: int  # of these:
    dropped_old: int  # because they had waited for too long
    dropped_damaged: int  # because they could not be read any more; all others because the spool was full
    waiting: int
    measured_today: int
    bytes_today: int

    @property
    def drops(self) -> dict[str, int]:
        """How many were dropped and why, in the words of the link."""
        return {
            "dropped": self.dropped,
            "dropped_old": self.dropped_old,
            "dropped_damaged": self.dropped_damaged,
        }


def read_counts(connection: sqlite3.Connection, now: datetime) -> Counts:
    """The numbers of a spool that may be another process's."""
    (epoch,) = connection.execute("SELECT epoch FROM identity").fetchone()
    counters: dict[str, int] = dict(connection.execute("SELECT name, value FROM counter"))
    today = connection.execute("SELECT measurements, bytes FROM day WHERE day = ?", (day_of(now),)).fetchone()
    return Counts(
        day=day_of(now),
        epoch=epoch,
        # By the law above: counting rows would read the whole file.
        waiting=counters["produced"] - counters["acked"] - counters["rejected"] - counters["dropped"],
        measured_today=today[0] if today else 0,
        bytes_today=today[1] if today else 0,
        **{name: counters.get(name, 0) for name in COUNTERS},  # a file of format 1 lacks the last two
    )


def read_contacts(connection: sqlite3.Connection, most: int) -> list[Contact]:
    """The last contacts, oldest first."""
    rows = connection.execute(
        "SELECT at_us, purpose, peers, bytes_sent, bytes_received FROM contact ORDER BY id DESC LIMIT ?", (most,)
    ).fetchall()
    return [
        Contact(
            at=datetime.fromtimestamp(at_us / 1e6, UTC),
            purpose=purpose,
            peers=tuple(peers.split("\n")) if peers else (),
            bytes_sent=sent,
            bytes_received=received,
        )
        for at_us, purpose, peers, sent, received in reversed(rows)
    ]


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection for reading beside a running agent; `None` where there is no spool yet. Raises `SpoolError`."""
    if not path.exists():
        yield None
        return
    # Not `mode=ro`: what an agent that was killed left in the WAL could then not be read.
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")  # one moment for all that is read, so that the numbers agree
        yield connection if _begun(connection) else None
    except sqlite3.Error as wrong:
        raise SpoolError(path, wrong) from None
    finally:
        connection.close()


def _begun(connection: sqlite3.Connection) -> bool:
    """Whether the file has its tables: an agent in its first moments has made the file, and nothing in it yet."""
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None


def day_of(moment: datetime) -> str:
    """The UTC day of a moment."""
    return moment.astimezone(UTC).date().isoformat()
