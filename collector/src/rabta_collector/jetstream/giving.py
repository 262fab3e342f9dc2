"""Gives up what the archives have and nobody needs any more: old rows of the journal, and old events.

The last event of each ISP stays, for it tells whoever says the next one where to go on (announcing.py).
"""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from rabta_collector.archive.keeping import DAY_S, SEALS, Keeping, Need, needed_by_nobody, rows_to_drop
from rabta_collector.archive.tending import held_of
from rabta_collector.jetstream import link
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.trimming import Trimmer
from rabta_collector.jetstream.wire import Wire
from rabta_collector.record.heard import heard_before
from rabta_collector.record.reading import reading
from rabta_collector.rows import open_rows

if TYPE_CHECKING:
    from nats.aio.client import Client

log = structlog.get_logger()


class Giver:
    """`record`: what was read of the events, by whoever seals them."""

    def __init__(self, place: Place, record: Path, keeping: Keeping) -> None:
        self._place, self._record, self._keeping = place, record, keeping
        self._trimmer, self._wire = Trimmer(place, None), Wire(place, "rabta-collector gives up")
        self._given, self._why = 0, ""

    async def give_up(self, needs: Sequence[Need], now: float) -> None:
        """What nobody needs. Raises `ApiError`, `NoAnswerError`, `UnusableJournalError`, `sqlite3.Error`."""
        row, why = needed_by_nobody(needs)
        if why != self._why:
            self._why = why
            if why:
                log.warning("journal.kept", message=f"{why} was heard of within a week: no row is given up until it is")
        if row and (last := await asyncio.to_thread(self._to_drop, row, now)) > 0:
            log.info("journal.trimmed", rows_up_to=last, message="they are sealed, and in a checkpoint of each share")
            self._trimmer.trim(last)
        sealed = min((one.event for one in needs if one.part == SEALS), default=0)
        await self._give_up_events(sealed, now)

    def _to_drop(self, row: int, now: float) -> int:
        """The last row stays."""
        with closing(open_rows(self._place)) as rows:
            held = held_of(rows, self._keeping, now)
            last = rows.last_position()[0]
        return min(rows_to_drop(held, self._keeping, sealed=row, checkpoint=row + 1), last - 1)

    async def _give_up_events(self, sealed: int, now: float) -> None:
        last, isps = await asyncio.to_thread(self._old_events, now)
        if (last := min(last, sealed)) <= self._given:
            return
        client = await self._wire.client()
        for isp in isps:
            await self._purge(client, self._place.event_of(isp), last)
        self._given = last
        log.info("events.trimmed", up_to=last, message="they are sealed")

    def _old_events(self, now: float) -> tuple[int, tuple[str, ...]]:
        if not self._record.exists():
            return 0, ()
        with reading(self._record) as record:
            return heard_before(record.connection, now - self._keeping.journal_days * DAY_S), record.isps()

    async def _purge(self, client: "Client", subject: str, last: int) -> None:
        found = await link.last_of(client, self._place.events, subject)
        if found is not None:
            question = {"filter": subject, "seq": min(last + 1, found[0])}
            await link.ask(client, f"STREAM.PURGE.{self._place.events}", question)

    async def close(self) -> None:
        await self._trimmer.close()
        await self._wire.close()
