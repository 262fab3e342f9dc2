"""Has closed days sealed while the collector serves, in a process of its own, and lets the journal give up old rows.

Nothing that goes wrong here stops the collector: it is a line in the log, and tried again within the hour.
"""

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from rabta_collector.archive.chain import InvalidCheckpointError
from rabta_collector.archive.keeping import DAY_S, Held, Keeping, rows_to_drop
from rabta_collector.archive.reading import days_of, last_row_of
from rabta_collector.archive.sealing import GRACE_S
from rabta_collector.archive.table import day_of
from rabta_collector.datadir import DataDir
from rabta_collector.journal_file import UnusableJournalError
from rabta_collector.journals import AnyJournal
from rabta_collector.rows import Where, open_rows

WAKE_S = 600.0
NICENESS = 10
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tender:
    """`checkpoint`: the journal's row up to which a start needs nothing. `forget_minutes`: of the record's counts.

    `where`: the journal is, to be read.
    """

    data: DataDir
    journal: AnyJournal
    where: Where
    keeping: Keeping
    checkpoint: Callable[[], int]
    forget_minutes: Callable[[float], Awaitable[None]]
    clock: Callable[[], float] = time.time

    async def tend(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self._look()
            except (OSError, sqlite3.Error, InvalidCheckpointError, UnusableJournalError) as wrong:
                log.error("archive.failed", message=str(wrong))
            await asyncio.sleep(WAKE_S)

    async def _look(self) -> None:
        if await asyncio.to_thread(self._due):
            await self._seal()
        await self.forget_minutes(self.clock() - self.keeping.minutes_days * DAY_S)
        if (row := await asyncio.to_thread(self._to_drop)) > 0:
            log.info("journal.trimmed", rows_up_to=row, message="they are sealed in the archive")
            self.journal.trim(row)

    def _due(self) -> bool:
        """Whether a day is over that the journal holds anything of, and that is not sealed."""
        before = day_of(int((self.clock() - GRACE_S) * 1_000_000))
        with closing(open_rows(self.where)) as rows:
            row = max(rows.first_position()[0], last_row_of(self.data.archive) + 1)
            marks = rows.marks_of(row)
        days = days_of(self.data.archive)
        return marks is not None and (days[-1] if days else "") < day_of(marks[0]) < before

    async def _seal(self) -> None:
        """In another process, which gives way to this one."""
        started = time.monotonic()
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "rabta_collector", "archive", "--data", str(self.data.path)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "RABTA_JOURNAL": "sqlite" if isinstance(self.where, Path) else str(self.where)},
        )
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
        try:
            said, _ = await child.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
            raise
        for line in said.decode(errors="replace").splitlines():
            log.info("archive.sealed" if child.returncode == 0 else "archive.failed", message=line)
        log.debug("archive.done", seconds=round(time.monotonic() - started, 1), code=child.returncode)

    def _to_drop(self) -> int:
        old = int((self.clock() - self.keeping.journal_days * DAY_S) * 1_000_000)
        with closing(open_rows(self.where)) as rows:
            held = Held(first=rows.first_position()[0], bytes=rows.used_bytes(), young=rows.row_at(old))
        sealed = last_row_of(self.data.archive)
        return rows_to_drop(held, self.keeping, sealed=sealed, checkpoint=self.checkpoint())
