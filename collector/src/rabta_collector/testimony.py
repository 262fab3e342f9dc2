"""What verdicts and events rest on, for readers: of now from the engine, of then from the record."""

from contextlib import closing
from typing import Protocol

from rabta_collector.briefing import Briefing
from rabta_collector.chronicle import Chronicle
from rabta_collector.disclosure import ProvinceOf, Row, disclose
from rabta_collector.record.book import Book
from rabta_collector.record.file import RecordFile
from rabta_collector.state import Event


class Testimony(Protocol):
    """Evidence as readers may see it; `None` where there is none."""

    def of_now(self, *, isp: str, platform: str, at: float) -> Row | None:
        """What a verdict rests on as it stands. Called on the event loop; `at`: of the snapshot."""

    async def of_event(self, number: int) -> Row | None:
        """What an event rested on when it was decided."""

    def older(self, *, platform: str | None, isp: str | None) -> tuple[Event, ...]:
        """Events that are no longer in memory, oldest first. Reads from disk: to be called in a thread."""


class Witnesses:
    """The collector's own."""

    def __init__(self, briefing: Briefing, chronicle: Chronicle, book: Book, province_of: ProvinceOf) -> None:
        self._briefing, self._chronicle, self._book, self._province_of = briefing, chronicle, book, province_of

    def of_now(self, *, isp: str, platform: str, at: float) -> Row | None:
        dossier = self._briefing.dossier_of(isp, platform, at)
        return None if dossier is None else disclose(dossier, self._province_of)

    async def of_event(self, number: int) -> Row | None:
        return await self._book.evidence_of(number)

    def older(self, *, platform: str | None, isp: str | None) -> tuple[Event, ...]:
        first = self._chronicle.first
        if first <= 1:
            return ()
        with closing(RecordFile(self._book.file.path)) as file:
            return file.before(first, platform=platform, isp=isp)
