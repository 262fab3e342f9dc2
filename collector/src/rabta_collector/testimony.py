"""What verdicts and events rest on, for readers: of now from the engine, of then from the record."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from rabta_collector.archive.chain import name_of
from rabta_collector.archive.reading import days_of
from rabta_collector.archive.sealing import digest_of
from rabta_collector.disclosure import ProvinceOf, Row, disclose
from rabta_collector.engine import Engine
from rabta_collector.paths import WITHOUT, to_rows
from rabta_collector.record.book import Book
from rabta_collector.record.reading import reading
from rabta_collector.rfc3339 import format_minute, parse_time
from rabta_collector.seals import NO_SEALS, Checkpoint, Seals
from rabta_collector.state import Event


class Testimony(Protocol):
    """Evidence as readers may see it; `None` where there is none."""

    def of_now(self, *, isp: str, platform: str, at: float) -> Row | None:
        """What a verdict rests on as it stands. Called on the event loop; `at`: of the snapshot."""

    async def of_event(self, number: int) -> Row | None:
        """What an event rested on when it was decided; the record has since when the state stood more exactly."""

    def paths_now(self, *, isp: str, platform: str) -> list[Row]:
        """Where on the path it is cut off, as agents traced it while its state stands. Called on the event loop."""

    def paths_after(self, event: Event) -> list[Row]:
        """The same while what an event brought about stood. Called on the event loop."""

    async def event(self, number: int) -> Event | None:
        """The event of that number, be it in memory or not."""

    def older(self, *, platform: str | None, isp: str | None, since: float | None) -> tuple[Event, ...]:
        """Events that are no longer in memory, oldest first; of those before a moment each cell's last one alone.

        Reads from disk: to be called in a thread.
        """

    def seals(self, events: Iterable[int]) -> Seals:
        """Where record and archive have events. Reads from disk: to be called in a thread."""


class Witnesses:
    """The collector's own."""

    def __init__(self, engine: Engine, book: Book, archive: Path | None, province_of: ProvinceOf) -> None:
        """`archive`: where days of the book are sealed; `None`: no page can be held against it."""
        self._engine, self._book, self._archive, self._province_of = engine, book, archive, province_of

    def of_now(self, *, isp: str, platform: str, at: float) -> Row | None:
        dossier = self._engine.briefing.dossier_of(isp, platform, at)
        return None if dossier is None else disclose(dossier, self._province_of)

    async def of_event(self, number: int) -> Row | None:
        found = await self._book.evidence_of(number)
        return None if found is None else {**found, "since": format_minute(parse_time(str(found["since"])))}

    def paths_now(self, *, isp: str, platform: str) -> list[Row]:
        verdicts = (one for one in self._engine.snapshot().verdicts if (one.isp, one.platform) == (isp, platform))
        verdict = next(verdicts, None)
        if verdict is None:
            return []
        return self._paths(isp=isp, platform=platform, state=verdict.state, since=verdict.since)

    def _paths(self, *, isp: str, platform: str, state: str, since: float, until: float | None = None) -> list[Row]:
        if state in WITHOUT:
            return []
        return to_rows(self._engine.briefing.paths_of(isp, platform, since=since, until=until))

    def paths_after(self, event: Event) -> list[Row]:
        if event.platform is None:
            return []
        later = self._engine.find_events(since=event.at, until=None, platform=event.platform, isp=event.isp)
        until = next((one.at for one in later if one.id != event.id), None)
        state = event.to_state
        return self._paths(isp=event.isp, platform=event.platform, state=state, since=event.at, until=until)

    async def event(self, number: int) -> Event | None:
        own = self._engine.find_events(since=None, until=None, platform=None, isp=None)
        found = next((event for event in own if event.id == number), None)
        return found or await self._book.call(lambda file: file.event(number))

    def older(self, *, platform: str | None, isp: str | None, since: float | None) -> tuple[Event, ...]:
        first = self._engine.chronicle.first
        if not first:
            return ()
        with reading(self._book.file.path) as record:
            return record.before(first, platform=platform, isp=isp, since=since)

    def seals(self, events: Iterable[int]) -> Seals:
        if self._archive is None:
            return NO_SEALS
        with reading(self._book.file.path) as record:
            marks = record.marks(events)
        days = days_of(self._archive)
        if not days:
            return Seals(marks=marks)
        digest = digest_of(self._archive / name_of(days[-1]))
        return Seals(marks=marks, checkpoint=Checkpoint(day=days[-1], sha256=digest))
