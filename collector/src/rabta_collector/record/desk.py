"""Through here goes what the engine decides: into the record, and out to those who listen."""

from collections.abc import Sequence
from pathlib import Path

from rabta_collector.disclosure import ProvinceOf
from rabta_collector.engine import Engine
from rabta_collector.newsroom import Newsroom
from rabta_collector.record.book import Book
from rabta_collector.record.file import RecordFile
from rabta_collector.state import Event
from rabta_collector.testimony import Testimony, Witnesses


class Desk:
    """`testimony` and `newsroom` are what readers see of it."""

    def __init__(self, path: Path, engine: Engine, province_of: ProvinceOf) -> None:
        """Raises `UnusableRecordError`."""
        self._engine = engine
        self._book = Book(RecordFile(path), province_of)
        self.newsroom = Newsroom()
        self.testimony: Testimony = Witnesses(engine.briefing, self._book, province_of)

    def hear(self, events: Sequence[Event], *, live: bool) -> None:
        """Takes events, those too that a replay comes to; of these nobody is told."""
        self._book.write([(event, self._engine.chronicle.take_dossier(event.id)) for event in events])
        if live:
            self.newsroom.tell(events)

    async def begin_anew(self) -> None:
        """Before a replay of everything: what that does not come to again stands no more."""
        await self._book.call(lambda file: file.begin_anew(0.0))

    async def settled(self) -> bool:
        """Whether all that was decided is on disk."""
        return await self._book.settled()

    async def close(self) -> None:
        await self._book.close()
