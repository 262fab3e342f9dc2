"""Through here goes what the engine decides: into the record, and out to those who listen."""

from collections.abc import Sequence

from rabta_collector.backfill import fold_voices
from rabta_collector.datadir import DataDir
from rabta_collector.disclosure import ProvinceOf
from rabta_collector.engine import Engine
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
from rabta_collector.rfc3339 import parse_time
from rabta_collector.state import Event
from rabta_collector.testimony import Testimony, Witnesses


def _place(cursor: Cursor) -> tuple[str, str, int]:
    """ISP, platform and Unix seconds. Raises `BadParameterError`."""
    try:
        isp, platform, at = map(str, cursor)
        return isp, platform, round(parse_time(at))
    except ValueError:
        raise BadParameterError("cursor", "none that this list gave out") from None


class Desk:
    """`testimony` and `newsroom` are what readers see of it."""

    def __init__(self, data: DataDir, engine: Engine, province_of: ProvinceOf) -> None:
        """Raises `UnusableRecordError`."""
        self._engine = engine
        self._book = Book(RecordFile(data.record), province_of)
        self.newsroom = Newsroom()
        self.testimony: Testimony = Witnesses(engine, self._book, data.archive, province_of)

    def hear(self, events: Sequence[Event], *, live: bool) -> None:
        """Takes events, those too that a replay comes to; of these nobody is told."""
        self._book.write([(event, self._engine.chronicle.take_dossier(event.id)) for event in events])
        if live:
            self.newsroom.tell(events)

    async def begin_anew(self) -> None:
        """Before a replay of everything: what that does not come to again stands no more, and all is counted anew."""

        def begin(file: RecordFile) -> None:
            with file.transaction():
                file.begin_anew(0.0)
                forget_counts(file.connection)
                file.connection.execute("DELETE FROM spans")

        await self._book.call(begin)

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
            self._book.correct(fold_voices(settled, needs))

    async def forget_minutes(self, before: float) -> None:
        """Counts by minute from before a moment go."""
        await self._book.call(lambda file: forget_minutes(file.connection, before))

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
