"""Through here goes what the engine decides: into the record, and out to those who listen."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from rabta_collector.backfill import fold_voices
from rabta_collector.datadir import DataDir
from rabta_collector.disclosure import ProvinceOf
from rabta_collector.engine import Engine
from rabta_collector.history.spans import forget_spans
from rabta_collector.newsroom import Newsroom
from rabta_collector.query import BadParameterError, Cursor, Query
from rabta_collector.record.book import Book
from rabta_collector.record.counts import (
    WIDTHS,
    Counted,
    counted_to,
    forget_counts,
    forget_minutes,
    read_counts,
)
from rabta_collector.record.file import RecordFile
from rabta_collector.record.reading import reading
from rabta_collector.record.seam import Standing
from rabta_collector.rfc3339 import parse_time
from rabta_collector.state import Event
from rabta_collector.testimony import Testimony, Witnesses

FORGET_S = 600.0
log = structlog.get_logger()


def _place(cursor: Cursor) -> tuple[str, str, int]:
    """ISP, platform and Unix seconds. Raises `BadParameterError`."""
    try:
        isp, platform, at = map(str, cursor)
        return isp, platform, round(parse_time(at))
    except ValueError:
        raise BadParameterError("cursor", "none that this list gave out") from None


class Desk:
    """`testimony` and `newsroom` are what readers see of it."""

    def __init__(self, data: DataDir, engine: Engine, province_of: ProvinceOf, archive: Path | None) -> None:
        """`archive`: where days of this record are sealed, if they are. Raises `UnusableRecordError`."""
        self._engine = engine
        self._book = Book(RecordFile(data.record), province_of)
        self.newsroom = Newsroom()
        self.testimony: Testimony = Witnesses(engine, self._book, archive, province_of)

    def hear(self, events: Sequence[Event], *, live: bool) -> None:
        """Takes events, those too that a replay comes to; of these nobody is told."""
        self._book.write([(event, self._engine.chronicle.take_dossier(event.id)) for event in events])
        if live:
            self.newsroom.tell(events)

    async def begin_anew(self, since: float = 0.0) -> None:
        """Before a replay of everything: what that does not come to again stands no more, and all is counted anew.

        `since`: only what was decided from that moment on, where rows of before are gone; what was counted stays.
        """

        def begin(file: RecordFile) -> None:
            with file.transaction():
                file.begin_anew(since)
                forget_spans(file.connection, since)
                if not since:
                    forget_counts(file.connection)

        self._engine.chronicle.begin_at(since)
        await self._book.call(begin)

    async def last_decided(self) -> float:
        """When the newest event that was ever written down was decided, Unix seconds; 0: there is none."""
        return await self._book.call(lambda file: file.last_decided())

    def standing_at(self, moment: float) -> Standing:
        """What stood right before a moment, as it was written down. Reads from disk, a few milliseconds."""
        with reading(self._book.file.path) as record:
            return record.standing_at(moment)

    async def counted_to(self) -> int:
        """The journal's row up to which measurements are counted in the record."""
        return await self._book.call(lambda file: counted_to(file.connection))

    def count(self, row: int, *, least: int = 1) -> None:
        """Has what was measured up to a row of the journal counted, where it is of so many cells or more.

        What came late and can be corrected no more is kept as spans.
        """
        rollup = self._engine.briefing.court.rollup
        if len(rollup.counts) < least:
            return
        self._book.count(rollup.take(), row)
        engine = self._engine
        if settled := engine.backfill.settle(engine.snapshot().at):
            needs = {platform.id: platform.need for platform in engine.catalogue.platforms}
            begins = engine.chronicle.begins  # what came late before that is corrected already
            self._book.correct(
                (cell, tuple(span for span in spans if span.since >= begins))
                for cell, spans in fold_voices(settled, needs)
            )

    async def keep_forgetting(self, age_s: float) -> None:
        """Counts by minute of more than this age go, again and again; what the disk refuses goes later."""
        while True:
            before = time.time() - age_s
            try:
                await self._book.call(lambda file: forget_minutes(file.connection, before))  # noqa: B023 - called now
            except sqlite3.Error as wrong:
                log.error("record.minutes_kept", message=str(wrong))
            await asyncio.sleep(FORGET_S)

    def find_counts(self, query: Query) -> tuple[Counted, ...]:
        """What readers ask of the counts. Reads from disk: to be called in a thread."""
        after = None
        if query.cursor is not None:
            after = _place(query.cursor)
        return read_counts(
            self._book.file.path,
            width=WIDTHS[query.by],
            isp=query.isp,
            platform=query.platform,
            window=(query.since, query.until),
            after=after,
            most=query.limit + 1,
        )

    async def settled(self) -> bool:
        """Whether all that was decided is on disk."""
        return await self._book.settled()

    async def close(self) -> None:
        await self._book.close()
