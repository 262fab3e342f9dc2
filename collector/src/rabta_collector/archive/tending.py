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

import structlog

from rabta_collector import journal_file
from rabta_collector.archive.chain import InvalidCheckpointError
from rabta_collector.archive.keeping import DAY_S, Held, Keeping, rows_to_drop
from rabta_collector.archive.reading import days_of, last_row_of
from rabta_collector.archive.sealing import GRACE_S
from rabta_collector.archive.table import day_of
from rabta_collector.datadir import DataDir
from rabta_collector.journal import Journal

WAKE_S = 600.0
NICENESS = 10
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tender:
    """`checkpoint`: the journal's row up to which a start needs nothing. `forget_minutes`: of the record's counts."""

    data: DataDir
    journal: Journal
    keeping: Keeping
    checkpoint: Callable[[], int]
    forget_minutes: Callable[[float], Awaitable[None]]
    clock: Callable[[], float] = time.time

    async def tend(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self._look()
            except (OSError, sqlite3.Error, InvalidCheckpointError) as wrong:
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
        with closing(journal_file.connect(self.data.journal)) as connection:
            row = max(journal_file.first_position(connection)[0], last_row_of(self.data.archive) + 1)
            marks = journal_file.marks_of(connection, row)
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
        with closing(journal_file.connect(self.data.journal)) as connection:
            held = Held(
                first=journal_file.first_position(connection)[0],
                bytes=journal_file.used_bytes(connection),
                young=journal_file.row_at(connection, old),
            )
        sealed = last_row_of(self.data.archive)
        return rows_to_drop(held, self.keeping, sealed=sealed, checkpoint=self.checkpoint())
