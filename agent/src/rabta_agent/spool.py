"""The measurements that the collector has not acknowledged yet, on disk. spool_file.py has the format.

Laws: a measurement is synced before anybody can send it; it is deleted only when it was acknowledged, or counted as
dropped because the spool was full, oldest first; produced = acked + rejected + dropped + waiting, at any instant.
Blocking: to be called from one thread at a time, and never from the event loop's.
"""

import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rabta_agent.contacts import Contact
from rabta_agent.inflight import Settled, Waiting
from rabta_agent.spool_file import CONTACTS, DAYS, Damage, SpoolError, open_file
from rabta_proto.codec import to_message
from rabta_proto.model import Measurement

Today = Callable[[], datetime]
LOWEST_ROW, HIGHEST_ROW = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The spool in numbers. Today is the UTC day `day`; its bytes count both ways, the link's to the collector too."""

    day: str
    epoch: int
    produced: int
    acked: int
    rejected: int
    dropped: int
    waiting: int
    measured_today: int
    bytes_today: int


class Spool:
    """One open spool."""

    def __init__(self, path: Path, *, limit_bytes: int, today: Today) -> None:
        """Opens the file, or makes it. `damage` says what was wrong with it. Raises `SpoolError`."""
        self._path = path
        self._today = today
        self._limit = limit_bytes
        self._connection, self.damage = open_file(path)
        with self._guarded():
            (self.epoch,) = self._one("SELECT epoch FROM identity")
            (self._bytes,) = self._one("SELECT coalesce(sum(length(payload)), 0) FROM measurement")

    def append(self, measurement: Measurement, contact: Contact) -> int:
        """Syncs a measurement and whom it contacted; its sequence number. Raises `SpoolError`."""
        payload = to_message(replace(measurement, epoch=0, sequence=0)).SerializeToString()
        with self._transaction():
            cursor = self._connection.execute(
                "INSERT INTO measurement (payload, crc) VALUES (?, ?)", (payload, zlib.crc32(payload))
            )
            sequence = int(cursor.lastrowid or 0)
            self._count("produced", 1)
            self._note(contact, measurements=1)
            kept = self._bytes + len(payload) - self._make_room(len(payload), keep=sequence)
        self._bytes = kept
        return sequence

    def newest(
        self, *, most: int, most_bytes: int, skip: Collection[int], above: int = LOWEST_ROW, upto: int = HIGHEST_ROW
    ) -> list[Waiting]:
        """Waiting measurements of one epoch, newest first, at least one if there is any.

        Of the rows above `above` and up to `upto`, but for those to skip.
        """
        found: list[Waiting] = []
        size = 0
        with self._guarded():
            for row, epoch, sequence, payload in self._connection.execute(
                "SELECT row, epoch, sequence, payload FROM measurement WHERE row > ? AND row <= ? ORDER BY row DESC",
                (above, upto),
            ):
                if row in skip:
                    continue
                size += len(payload)
                one = Waiting(
                    row=row,
                    epoch=self.epoch if epoch is None else epoch,
                    sequence=row if sequence is None else sequence,
                    payload=payload,
                )
                if found and (len(found) >= most or size > most_bytes or one.epoch != found[0].epoch):
                    break
                found.append(one)
        return found

    def settle(self, settled: Settled, contact: Contact) -> None:
        """Deletes what was acknowledged, counts it, and notes what the delivery cost. Raises `SpoolError`."""
        with self._transaction():
            freed = self._delete(settled.accepted, "acked") + self._delete(settled.rejected, "rejected")
            self._note(contact, measurements=0)
        self._bytes -= freed

    def waiting_above(self, row: int) -> int:
        """How many measurements wait in rows above this one."""
        with self._guarded():
            cursor = self._connection.execute("SELECT count(*) FROM measurement WHERE row > ?", (row,))
            (found,) = cursor.fetchone()
        return int(found)

    def last_row(self) -> int:
        """The last row that was ever given out; 0: none."""
        with self._guarded():
            (row,) = self._one("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'measurement'")
        return row

    def counts(self) -> Counts:
        with self._guarded():
            return read_counts(self._connection, self._today())

    def today(self) -> str:
        """The UTC day of now."""
        return _day(self._today())

    def close(self) -> None:
        self._connection.close()

    def _make_room(self, added: int, *, keep: int) -> int:
        """Drops the oldest, saved rows first, until the limit holds; bytes freed."""
        excess = self._bytes + added - self._limit
        doomed: list[int] = []
        freed = 0
        if excess > 0:
            for row, length in self._connection.execute(
                "SELECT row, length(payload) FROM measurement WHERE row <> ? ORDER BY row", (keep,)
            ):
                if freed >= excess:
                    break
                doomed.append(row)
                freed += length
        return self._delete(doomed, "dropped")

    def _delete(self, rows: Iterable[int], counter: str) -> int:
        """Deletes rows that are still there and counts them; bytes freed."""
        freed = deleted = 0
        for row in rows:
            for (length,) in self._connection.execute(
                "DELETE FROM measurement WHERE row = ? RETURNING length(payload)", (row,)
            ).fetchall():
                freed += length
                deleted += 1
        self._count(counter, deleted)
        return freed

    def _count(self, name: str, by: int) -> None:
        if by:
            self._connection.execute("UPDATE counter SET value = value + ? WHERE name = ?", (by, name))

    def _note(self, contact: Contact, *, measurements: int) -> None:
        """Bytes go to the day on which they are noted: that is when the volunteer's day is checked."""
        self._connection.execute(
            "INSERT INTO day VALUES (?, ?, ?) ON CONFLICT (day) DO UPDATE SET "
            "measurements = measurements + excluded.measurements, bytes = bytes + excluded.bytes",
            (_day(self._today()), measurements, contact.bytes_sent + contact.bytes_received),
        )
        self._connection.execute(
            "DELETE FROM day WHERE day NOT IN (SELECT day FROM day ORDER BY day DESC LIMIT ?)", (DAYS,)
        )
        at_us = int(contact.at.timestamp() * 1e6)
        cursor = self._connection.execute(
            "INSERT INTO contact (at_us, purpose, peers, bytes_sent, bytes_received) VALUES (?, ?, ?, ?, ?)",
            (at_us, contact.purpose, "\n".join(contact.peers), contact.bytes_sent, contact.bytes_received),
        )
        self._connection.execute("DELETE FROM contact WHERE id <= ?", (int(cursor.lastrowid or 0) - CONTACTS,))

    def _one(self, query: str) -> tuple[int, ...]:
        row: tuple[int, ...] = self._connection.execute(query).fetchone()
        return row

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._guarded():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as wrong:
            raise SpoolError(self._path, wrong) from None


def read_counts(connection: sqlite3.Connection, now: datetime) -> Counts:
    """The numbers of a spool that may be another process's."""
    (epoch,) = connection.execute("SELECT epoch FROM identity").fetchone()
    counters: dict[str, int] = dict(connection.execute("SELECT name, value FROM counter"))
    today = connection.execute("SELECT measurements, bytes FROM day WHERE day = ?", (_day(now),)).fetchone()
    return Counts(
        day=_day(now),
        epoch=epoch,
        # By the law above: counting rows would read the whole file.
        waiting=counters["produced"] - counters["acked"] - counters["rejected"] - counters["dropped"],
        measured_today=today[0] if today else 0,
        bytes_today=today[1] if today else 0,
        **{name: counters[name] for name in ("produced", "acked", "rejected", "dropped")},
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
    """A connection for reading beside a running agent; `None` where there is no spool. Raises `SpoolError`."""
    if not path.exists():
        yield None
        return
    # Not `mode=ro`: what an agent that was killed left in the WAL could then not be read.
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")  # one moment for all that is read, so that the numbers agree
        yield connection
    except sqlite3.Error as wrong:
        raise SpoolError(path, wrong) from None
    finally:
        connection.close()


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


__all__ = ["Counts", "Damage", "Spool", "SpoolError", "read_contacts", "read_counts", "reading"]
