"""Has closed days sealed while the collector serves, and lets the journal give up old rows.

Nothing that goes wrong here stops the collector: it is a line in the log, and tried again within the hour.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import structlog

from rabta_collector.archive import child
from rabta_collector.archive.chain import InvalidCheckpointError
from rabta_collector.archive.keeping import DAY_S, Held, Keeping, rows_to_drop
from rabta_collector.archive.reading import last_row_of
from rabta_collector.archive.sealing import sealed_to
from rabta_collector.datadir import DataDir
from rabta_collector.journal_file import UnusableJournalError
from rabta_collector.rows import Rows, Where, open_rows
from rabta_collector.state import IngestStats

WAKE_S = 600.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tender:
    """`checkpoint`: the journal's row up to which a start needs nothing. `trim` has rows up to one given up.

    `where`: the journal is, to be read. `stats`: where it is counted.
    """

    data: DataDir
    where: Where
    keeping: Keeping
    checkpoint: Callable[[], int]
    trim: Callable[[int], None]
    stats: IngestStats
    clock: Callable[[], float] = time.time

    async def tend(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self._look()
            except (OSError, sqlite3.Error, InvalidCheckpointError, UnusableJournalError) as wrong:
                self.stats.archive_failures += 1
                log.error("archive.failed", message=str(wrong))
            await asyncio.sleep(WAKE_S)

    async def _look(self) -> None:
        if await asyncio.to_thread(child.is_due, self.where, self.data.archive, self.clock()):
            self.stats.archive_failures += not await child.seal(self.data, self.where)
        self.stats.archive_sealed_to = sealed_to(self.data.archive)
        if (row := await asyncio.to_thread(self._to_drop)) > 0:
            log.info("journal.trimmed", rows_up_to=row, message="they are sealed in the archive")
            self.trim(row)

    def _to_drop(self) -> int:
        sealed = last_row_of(self.data.archive)
        with closing(open_rows(self.where)) as rows:
            held = held_of(rows, self.keeping, self.clock())
        return rows_to_drop(held, self.keeping, sealed=sealed, checkpoint=self.checkpoint())


def held_of(rows: Rows, keeping: Keeping, now: float) -> Held:
    """What a journal holds. Blocks, and raises as `Rows` does."""
    old = int((now - keeping.journal_days * DAY_S) * 1_000_000)
    return Held(first=rows.first_position()[0], bytes=rows.used_bytes(), young=rows.row_at(old))
