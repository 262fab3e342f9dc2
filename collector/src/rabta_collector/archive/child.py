"""Has days sealed that are over, in a process of its own, which gives way to the one that has it started."""

import asyncio
import os
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import structlog

from rabta_collector.archive.reading import days_of, last_row_of
from rabta_collector.archive.sealing import GRACE_S
from rabta_collector.archive.table import day_of
from rabta_collector.datadir import DataDir
from rabta_collector.rows import Where, open_rows

NICENESS = 10
log = structlog.get_logger()


def is_due(where: Where, archive: Path, now: float) -> bool:
    """Whether a day is over that the journal holds anything of, and that is not sealed."""
    before = day_of(int((now - GRACE_S) * 1_000_000))
    with closing(open_rows(where)) as rows:
        row = max(rows.first_position()[0], last_row_of(archive) + 1)
        marks = rows.marks_of(row)
    days = days_of(archive)
    return marks is not None and (days[-1] if days else "") < day_of(marks[0]) < before


async def seal(data: DataDir, where: Where) -> bool:
    """Whether all that was due is sealed; the log has what was said of it."""
    started = time.monotonic()
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "rabta_collector", "archive", "--data", str(data.path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "RABTA_JOURNAL": "sqlite" if isinstance(where, Path) else str(where)},
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
    return child.returncode == 0
