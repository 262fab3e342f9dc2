"""Says on NATS what was decided: each event once, with its evidence, in a stream that whoever keeps an archive reads.

The record on disk is what waits to be said, so that memory holds a few lines of it, and deciding waits for nothing.
Whoever tells of the country says; the others have written the same events down. An ISP's events are decided in one
order (`told.Moment`), and the last one in the stream tells whoever says next where to go on: what is not after it was
said. What other rules make of the past is not said; it stands in the record.

The n-th event of an ISP is sent under an id that says so, and after the n-1st, as shared.py has it for rows of an
agent. So of two that say at once, one that was thought dead among them, one is taken; the other looks again.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from rabta_collector.jetstream import link
from rabta_collector.jetstream.link import ID, LAST_OF_SUBJECT, ApiError, NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.streams import make_events
from rabta_collector.jetstream.wire import Wire
from rabta_collector.record.reading import Placed, reading
from rabta_collector.record.seam import WARM_S
from rabta_collector.record.told import Moment, read_told, write_told
from rabta_collector.state import IngestStats

if TYPE_CHECKING:
    from nats.aio.client import Client

LOOK_S = 0.5
CHUNK = 1000
TRIES = 20
NOTHING = Moment(at_us=0, platform="")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last event of an ISP in the stream: its message, and which of the ISP's it is."""

    message: int = 0
    number: int = 0
    moment: Moment = NOTHING


class Announcer:
    """`may`: whether it is for us to say. `begins`: `replay.Known.begins`."""

    def __init__(
        self,
        place: Place,
        record: Path,
        *,
        stats: IngestStats,
        may: Callable[[], bool],
        begins: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._place, self._record, self._stats, self._may, self._begins = place, record, stats, may, begins
        self._wire = Wire(place, "rabta-collector tells events")
        self._heads: dict[str, Head] = {}
        self._looked = 0
        """The record's last line of which is known that the stream has it, or is to have it never."""
        self._silent = self._made = False

    async def run(self) -> None:
        """Until it is cancelled. What cannot be said is said later."""
        while True:
            if self._may():
                try:
                    await self._say_all()
                    self._silent = False
                except (ApiError, NoAnswerError, sqlite3.Error) as wrong:
                    self._heads.clear()
                    self._suffer(wrong)
            else:
                self._heads.clear()  # others say meanwhile
                self._stats.events_unsaid = 0
            await asyncio.sleep(LOOK_S)

    def _suffer(self, wrong: Exception) -> None:
        if not self._silent:
            log.warning("events.unsaid", message=str(wrong), waiting=self._stats.events_unsaid)
        self._silent = True

    async def _say_all(self) -> None:
        lines, self._stats.events_unsaid = await asyncio.to_thread(self._read)
        client = await self._wire.client()
        if not self._made:
            await make_events(client, self._place)
            self._made = True
        while lines:
            for line in lines:
                if not self._may():
                    return
                await self._say(client, line)
                self._looked = line.id
            lines, self._stats.events_unsaid = await asyncio.to_thread(self._read)

    def _read(self) -> tuple[list[Placed], int]:
        """The next lines, and how many there are of them."""
        with reading(self._record) as record:
            return [*record.placed_after(self._looked, CHUNK)], record.last_id() - self._looked

    async def _say(self, client: "Client", line: Placed) -> None:
        moment = Moment(at_us=line.at_us, platform=line.platform)
        # What is decided in the first day of a journal whose beginning is gone is not said: it is news to nobody else.
        warm = self._begins() and line.at_us < (self._begins() + WARM_S) * 1_000_000
        for _ in range(TRIES):
            head = await self._head(client, line.isp)
            if warm or moment <= head.moment:
                return
            text = write_told(head.number + 1, line.at_us, await asyncio.to_thread(self._text_of, line.id))
            headers = {ID: f"{line.isp}-{head.number + 1}", LAST_OF_SUBJECT: str(head.message)}
            try:
                number, known = await link.put(client, self._place.event_of(line.isp), text, headers)
            except ApiError as wrong:
                if wrong.code != link.WRONG_LAST:
                    raise
                known = True
            if not known:
                self._heads[line.isp] = Head(message=number, number=head.number + 1, moment=moment)
                self._stats.events_said += 1
                return
            del self._heads[line.isp]  # somebody else said one
        raise NoAnswerError(f"the stream {self._place.events} takes no event of {line.isp}")

    def _text_of(self, record: int) -> bytes:
        with reading(self._record) as file:
            text = file.text_of(record)
        assert text is not None  # lines are only ever added
        return text

    async def _head(self, client: "Client", isp: str) -> Head:
        if (head := self._heads.get(isp)) is None:
            found = await link.last_of(client, self._place.events, self._place.event_of(isp))
            head = Head()
            if found is not None:
                try:
                    told = read_told(found[2])
                except (ValueError, KeyError, TypeError):
                    raise ApiError(0, f"message {found[0]} of {self._place.events} is no event") from None
                head = Head(message=found[0], number=told.number, moment=told.moment)
            self._heads[isp] = head
        return head

    async def close(self) -> None:
        await self._wire.close()
