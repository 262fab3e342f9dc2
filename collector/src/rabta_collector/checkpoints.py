"""Keeps checkpoints of everything that is made of the journal, and takes up the last one at a start.

Property: what stands after a checkpoint was taken up and the rest of the journal was read is what would stand had all
of it been read. A checkpoint is used only where everything that the state hangs on is as it was: the journal up to its
row, the program's own text, the catalogue, the ISPs, the settings.
"""

import asyncio
import hashlib
import json
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import structlog

import rabta_collector
import rabta_proto
from rabta_collector import checkpoint, journal_file
from rabta_collector.catalogue import Catalogue, Isp
from rabta_collector.checkpoint import Head, UnfitCheckpointError
from rabta_collector.config import Config
from rabta_collector.forked import Ask, Copy
from rabta_collector.journal_file import UnusableJournalError
from rabta_collector.replay import Known
from rabta_collector.rows import Where, open_rows
from rabta_collector.verdict.rules import RULES_VERSION

MUCH = 200_000
"""Measurements that a start is to read at the most, some fifteen seconds of them, as far as `REST` lets it be so."""

REST = 10.0
"""Times as long as a checkpoint took to write none is written after it because of `MUCH`: a tenth of a core at most."""

AGAIN_S = 30.0
"""Rest after one that could not be written, whatever waits for it."""

LOOK_S = 1.0
log = structlog.get_logger()


def is_due(*, since_s: float, measured: int, rest_s: float, pause_s: float) -> bool:
    """Whether the next is to be written, `since_s` after the last was begun, `measured` measurements after a good one.

    `rest_s`: for which much that was measured has to wait.
    """
    return since_s >= pause_s or (measured >= MUCH and since_s >= rest_s)


def rest_of(took_s: float, *, written: bool) -> float:
    """For how long there is rest after one that took so long, or came to nothing; seconds."""
    return REST * took_s if written else max(REST * took_s, AGAIN_S)


class Checkpoints:
    """`parts` are the objects whose attributes are the state; `outside` is what these refer to and is not theirs."""

    def __init__(
        self,
        path: Path,
        journal: Where,
        stamp: Mapping[str, str],
        *,
        known: Known,
        parts: Mapping[str, object],
        outside: Mapping[str, object],
        decided_to: Callable[[], float],
    ) -> None:
        self._path, self._journal, self._stamp = path, journal, dict(stamp)
        self._known, self._parts, self._decided_to = known, {**parts, "known": known}, decided_to
        self._outside = {**outside, **self._parts}
        self.settled: Callable[[], Awaitable[bool]] | None = None
        """Whether what was decided so far is on disk; what is not, only a replay would come to again."""
        self.told: Callable[[bool], None] = lambda written: None
        """Told of each whether it was written."""
        self._kept = self._measured = 0
        self._began_at = self._rest_s = 0.0
        """When the last one was begun, and for how long there is rest after that."""
        self._writing = asyncio.Lock()

    @property
    def kept(self) -> int:
        """The journal's row up to which the last checkpoint goes; a start needs none before it."""
        return self._kept

    def take_up(self) -> float:
        """Makes the parts what they were; until when was decided (0: nothing was taken up, and the log says why)."""
        started = time.perf_counter()
        try:
            if (stored := checkpoint.read(self._path)) is None:
                return 0.0
            _check(stored.head, self._stamp, self._row_at)
            state = stored.thaw(self._outside)
        except UnfitCheckpointError as unfit:
            log.warning("checkpoint.ignored", reason=str(unfit), message="the whole journal is read")
            return 0.0
        for name, part in self._parts.items():
            vars(part).clear()
            vars(part).update(state[name])
        self._kept, self._measured = self._known.row, self._known.measurements
        log.info("checkpoint.taken_up", row=self._known.row, seconds=round(time.perf_counter() - started, 3))
        return stored.head.decided_to

    def _row_at(self, row: int) -> tuple[int, int] | None:
        try:
            with closing(open_rows(self._journal)) as rows:
                return rows.marks_of(row)
        except UnusableJournalError as wrong:
            raise OSError(str(wrong)) from None

    async def keep(self, *, hurries: bool = False) -> None:
        """Writes a checkpoint of now, unless the last one is. What the disk refuses is a line in the log.

        A copy of this process writes it: agents, readers and decisions wait for no more than for that to be there.
        `hurries`: it lets nobody go first, where a service that stops has half a minute, and nobody to serve.
        """
        async with self._writing:
            row, measured, decided_to = self._known.row, self._known.measurements, self._decided_to()
            self._began_at = started = time.perf_counter()
            if row == self._kept:
                return
            try:
                await self._keep(row, decided_to, hurries=hurries)
                self._kept, self._measured = row, measured
            except OSError as wrong:
                log.warning("checkpoint.not_written", message=str(wrong))
            self.told(self._kept == row)
            self._rest_s = rest_of(time.perf_counter() - started, written=self._kept == row)

    async def _keep(self, row: int, decided_to: float, *, hurries: bool) -> None:
        began, copy = time.perf_counter(), Copy(self._write, steps_back=not hurries)
        held_s = time.perf_counter() - began
        try:
            size = await self._finish(copy, row, decided_to)
        finally:
            copy.give_up()  # where it has not ended; the collector may stop meanwhile, and writes the last one
        log.debug("checkpoint.written", row=row, bytes=size, held_up_s=round(held_s, 4))

    def _write(self, ask: Ask) -> bytes:
        """In the copy, which must read no journal: its head is told."""
        state = {name: vars(part) for name, part in self._parts.items()}
        frozen = checkpoint.freeze(state, self._outside)
        return str(checkpoint.write(self._path, Head(**json.loads(ask())), frozen)).encode()

    async def _finish(self, copy: Copy, row: int, decided_to: float) -> int:
        """Tells the copy what it ends at, once all that was decided is on disk; the checkpoint's length in bytes."""
        if self.settled is not None and not await self.settled():
            raise OSError("the record cannot be written")
        marks = await asyncio.to_thread(self._row_at, row)
        if marks is None:
            raise OSError(f"the journal has no row {row}")
        head = Head(row=row, at_us=marks[0], crc=marks[1], decided_to=decided_to, stamp=self._stamp)
        return int(await asyncio.to_thread(copy.finish, json.dumps(asdict(head)).encode()))

    async def keep_for_ever(self, pause_s: float) -> None:
        """After each pause, and sooner where much is measured: what came since the last one is read at a start."""
        self._began_at = time.perf_counter()
        while True:
            await asyncio.sleep(min(pause_s, LOOK_S))
            since_s, measured = time.perf_counter() - self._began_at, self._known.measurements - self._measured
            if is_due(since_s=since_s, measured=measured, rest_s=self._rest_s, pause_s=pause_s):
                await self.keep()


def read_up_to(path: Path, journal: Path, stamp: Mapping[str, str]) -> int:
    """The row from which a start will go on by its checkpoint; 0: it will read all of the journal."""

    def row_at(row: int) -> tuple[int, int] | None:
        with closing(sqlite3.connect(f"{journal.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            return journal_file.marks_of(connection, row)

    try:
        if (stored := checkpoint.read(path)) is None:
            return 0
        _check(stored.head, stamp, row_at)
    except (UnfitCheckpointError, sqlite3.Error):
        return 0
    return stored.head.row


def _check(head: Head, stamp: Mapping[str, str], row_at: Callable[[int], tuple[int, int] | None]) -> None:
    """Raises `UnfitCheckpointError` where it is not of this journal, program and configuration."""
    others = sorted(key for key in {*stamp, *head.stamp} if stamp.get(key) != head.stamp.get(key))
    if others:
        raise UnfitCheckpointError(f"made with another {', '.join(others)}")
    if row_at(head.row) != (head.at_us, head.crc):
        raise UnfitCheckpointError("not of this journal")


def make_stamp(config: Config, catalogue: Catalogue, isps: Sequence[Isp]) -> dict[str, str]:
    """What a state hangs on beside the journal, in words that differ where any of it does."""
    about = config.asn_db.stat() if config.asn_db else None
    return {
        "program": f"{version('rabta-collector')} {_digest_of_sources()}",
        "rules version": str(RULES_VERSION),
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "AS database": f"{about.st_size} {about.st_mtime_ns}" if about else "",
        "lab": str(config.lab),
        "share": str(config.share),
        "settings": _digest(repr(config.settings).encode()),
        "catalogue": _digest(repr(catalogue).encode()),
        "isps": _digest(repr(isps).encode()),
    }


def _digest_of_sources() -> str:
    """Of the program's own text: whatever is changed in it may make another state of the same journal."""
    roots = (Path(package.__file__ or "").parent for package in (rabta_collector, rabta_proto))
    texts = (path.read_bytes() for root in roots for path in sorted(root.rglob("*.py")))
    return _digest(b"\0".join(texts))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=12).hexdigest()
