"""Writes events down as they are decided, on a thread of its own, and reads them back; one call after another.

What the disk refuses waits, in order, and is tried again with whatever comes next; `settled` says whether anything
waits, and no checkpoint is written while something does: a start from the last one comes to these events again.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from rabta_collector.disclosure import ProvinceOf, Row, disclose
from rabta_collector.dossier import Dossier
from rabta_collector.history.fold import PastSpan
from rabta_collector.history.spans import write_spans
from rabta_collector.record.counts import add_counts
from rabta_collector.record.file import RecordFile
from rabta_collector.record.rollup import Count, Minute
from rabta_collector.state import Event

TOGETHER = 200  # events of one commit, where so many wait: at a replay
T = TypeVar("T")
Correction = tuple[tuple[str, ...], tuple[PastSpan, ...]]
"""ISP and platform, and spans of theirs."""

log = structlog.get_logger()


class Book:
    """The only writer of a record."""

    def __init__(self, file: RecordFile, province_of: ProvinceOf, clock: Callable[[], float] = time.time) -> None:
        self.file, self._province_of, self._clock = file, province_of, clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="record")
        self._waiting: deque[tuple[Event, Dossier | None]] = deque()
        self._uncounted: deque[tuple[Mapping[Minute, Count], int]] = deque()
        self._corrections: deque[Correction] = deque()

    def write(self, pairs: Iterable[tuple[Event, Dossier | None]]) -> None:
        """Has events written down, each with what it rests on; does not wait."""
        self._waiting.extend(pairs)
        self._thread.submit(self._drain)

    def count(self, counts: Mapping[Minute, Count], row: int) -> None:
        """Has counts added that go up to a row of the journal; does not wait."""
        self._uncounted.append((counts, row))
        self._thread.submit(self._drain)

    def correct(self, corrections: Iterable[Correction]) -> None:
        """Has spans kept that late measurements make of a cell's past; does not wait."""
        self._corrections.extend(corrections)
        self._thread.submit(self._drain)

    async def call(self, work: Callable[[RecordFile], T]) -> T:
        """Does something with the file after all that was asked for before."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self.file)

    async def settled(self) -> bool:
        """Whether everything that was to be written is on disk, after another try; what comes meanwhile may not be."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._drain)

    async def evidence_of(self, number: int) -> Row | None:
        """The evidence of an event by its number in the API; `None` where nothing is known of it."""
        return await self.call(lambda file: file.evidence_of(number))

    async def close(self) -> None:
        await self.settled()
        self._thread.shutdown()
        self.file.close()

    def _drain(self) -> bool:
        """Whether all was written."""
        while pairs := [self._waiting[place] for place in range(min(TOGETHER, len(self._waiting)))]:
            try:
                with self.file.transaction():
                    for event, dossier in pairs:
                        self._write(event, dossier)
            except sqlite3.Error as wrong:
                log.error("record.not_written", number=pairs[0][0].id, message=str(wrong))
                return False
            for _ in pairs:
                self._waiting.popleft()
        while self._uncounted:
            counts, row = self._uncounted[0]
            try:
                with self.file.transaction():
                    add_counts(self.file.connection, counts, row)
            except sqlite3.Error as wrong:
                log.error("record.not_counted", row=row, message=str(wrong))
                return False
            self._uncounted.popleft()
        while self._corrections:
            (isp, platform), spans = self._corrections[0]
            try:
                with self.file.transaction():
                    write_spans(self.file.connection, isp, platform, spans)
            except sqlite3.Error as wrong:
                log.error("record.not_corrected", isp=isp, platform=platform, message=str(wrong))
                return False
            self._corrections.popleft()
        return True

    def _write(self, event: Event, dossier: Dossier | None) -> None:
        if not self.file.stands(event):
            self.file.append(event, None if dossier is None else self._disclose(dossier), self._clock())

    def _disclose(self, dossier: Dossier) -> Row | None:
        """What trips it is logged and left out: an event without evidence is better than none, or than no other."""
        try:
            return disclose(dossier, self._province_of)
        except Exception:
            log.exception("record.no_evidence", platform=dossier.verdict.platform, isp=dossier.verdict.isp)
            return None
