"""The measurements that the collector has not acknowledged yet, on disk. spool_file.py has the format.

Laws: a measurement is synced before anybody can send it; it is deleted only when it was acknowledged, or counted as
dropped because the spool was full or it had waited for too long, oldest first; produced = acked + rejected + dropped +
waiting, at any instant. The age of a row is told by the clock that it was timed by; where that was set since, only once
a collector has confirmed what the clock shows now, so that a clock gone wild drops nothing.
Blocking: to be called from one thread at a time, and never from the event loop's.
"""

import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rabta_agent.clock import boot_id, steady_s
from rabta_agent.clockwatch import Clocks, Offset
from rabta_agent.contacts import Contact
from rabta_agent.inflight import Settled, Waiting
from rabta_agent.spool_eras import Eras, ended
from rabta_agent.spool_file import CONTACTS, DAYS, Damage, SpoolError, open_file
from rabta_agent.spool_reading import Counts, day_of, read_contacts, read_counts, reading
from rabta_proto.codec import to_message
from rabta_proto.model import Measurement

Today = Callable[[], datetime]
LIMIT_S = 14 * 86_400.0  # for which a measurement waits at most
LOWEST_ROW, HIGHEST_ROW = -(2**63), 2**63 - 1


class Spool:
    """One open spool."""

    def __init__(
        self,
        path: Path,
        *,
        limit_bytes: int,
        today: Today,
        limit_s: float = LIMIT_S,
        steady: Callable[[], float] = steady_s,
        boot: str | None = None,
    ) -> None:
        """Opens the file, or makes it. `damage` says what was wrong with it. Raises `SpoolError`."""
        self.path = path
        self.unkept = 0
        """Measurements that the disk did not take and that its counters do not show yet."""
        self._today = today
        self._limit, self._limit_s = limit_bytes, limit_s
        self._connection, self.damage = open_file(path)
        with self._guarded():
            (self.epoch,) = self._one("SELECT epoch FROM identity")
            (self._bytes,) = self._one("SELECT coalesce(sum(length(payload)), 0) FROM measurement")
            boot = boot_id() if boot is None else boot
            self._eras = Eras(self._connection, wall=today, steady=steady, boot=boot)

    def append(self, measurement: Measurement, contact: Contact) -> int:
        """Syncs a measurement and whom it contacted; its sequence number. Raises `SpoolError`.

        One that the disk does not take is dropped: `counts` shows it at once, the file as soon as the disk takes it.
        """
        try:
            return self._append(measurement, contact)
        except SpoolError as wrong:
            self.unkept += not wrong.damaged
            raise

    def _append(self, measurement: Measurement, contact: Contact) -> int:
        payload = to_message(replace(measurement, epoch=0, sequence=0)).SerializeToString()
        self.look()
        with self._transaction():
            cursor = self._connection.execute(
                "INSERT INTO measurement (era, ended_us, payload, crc) VALUES (?, ?, ?, ?)",
                (self._eras.of(measurement), ended(measurement), payload, zlib.crc32(payload)),
            )
            sequence = int(cursor.lastrowid or 0)
            self._count("produced", 1)
            self._note(contact, measurements=1)
            kept = self._bytes + len(payload) - self._drop_old(keep=sequence)
            kept -= self._make_room(kept - self._limit, keep=sequence)
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
            for row, epoch, sequence, era, payload in self._connection.execute(
                "SELECT row, epoch, sequence, era, payload FROM measurement WHERE row > ? AND row <= ? "
                "ORDER BY row DESC",
                (above, upto),
            ):
                if row in skip:
                    continue
                size += len(payload)
                offset_us, jumped = self._eras.stamp(era)
                one = Waiting(
                    row=row,
                    epoch=self.epoch if epoch is None else epoch,
                    sequence=row if sequence is None else sequence,
                    payload=payload,
                    clock_offset_us=offset_us,
                    clock_jumped=jumped,
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

    def clocks(self) -> Clocks:
        """Both clocks of this machine now."""
        return self._eras.clocks()

    def look(self) -> None:
        """Notices that somebody has set the clock."""
        with self._guarded():
            self._eras.look()

    def learn(self, offset: Offset) -> None:
        """Takes in how far the clock is off, as a session measured it just now."""
        with self._guarded():
            if not self._eras.look():
                self._eras.learn(offset)

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
            found = read_counts(self._connection, self._today())
        return replace(found, produced=found.produced + self.unkept, dropped=found.dropped + self.unkept)

    def today(self) -> str:
        """The UTC day of now."""
        return day_of(self._today())

    def close(self) -> None:
        self._connection.close()

    def _drop_old(self, *, keep: int) -> int:
        """Drops, from the oldest on, what has waited for too long; bytes freed."""
        doomed: list[int] = []
        for row, era, ended_us in self._connection.execute(
            "SELECT row, era, ended_us FROM measurement WHERE row <> ? ORDER BY row", (keep,)
        ):
            age_s = self._eras.age_s(era, ended_us)
            if age_s is None or age_s <= self._limit_s:
                break
            doomed.append(row)
        self._count("dropped_old", len(doomed))
        return self._delete(doomed, "dropped")

    def _make_room(self, excess: int, *, keep: int) -> int:
        """Drops the oldest, saved rows first, until so many bytes are freed; bytes freed."""
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
            (day_of(self._today()), measurements, contact.bytes_sent + contact.bytes_received),
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
                self._count("produced", self.unkept)
                self._count("dropped", self.unkept)
                yield
                self._connection.execute("COMMIT")
                self.unkept = 0
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as wrong:
            raise SpoolError(self.path, wrong) from None


__all__ = ["Counts", "Damage", "Spool", "SpoolError", "read_contacts", "read_counts", "reading"]
