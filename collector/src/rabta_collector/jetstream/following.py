"""The journal as whoever decides has it: every row that any process appended, in the stream's order; it adds none.

What is decided on are the rows and their times: the time that rows have come to is the `horizon`, and no clock of this
machine. So all that follow a stream come to the same decisions, a moment after one another.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

import structlog

from rabta_collector.ending import end
from rabta_collector.entries import Entry, Fence
from rabta_collector.jetstream import link
from rabta_collector.jetstream.frame import held_back, unframe
from rabta_collector.jetstream.link import ApiError, NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.reading import Came, StreamReader
from rabta_collector.jetstream.wire import Wire
from rabta_collector.journal import Batch, JournalError, Member
from rabta_collector.journal_file import Row
from rabta_collector.journals import Owner
from rabta_collector.replay import Owned, entry_or_none
from rabta_collector.state import IngestStats

if TYPE_CHECKING:
    from nats.aio.client import Client

CHUNK = 200
BEAT_S = 0.1
PAUSE_S = 0.5
LOOK_S = 5.0
LATE_S = 10.0
"""After which a stream that cannot be read is said to be in trouble."""

log = structlog.get_logger()


class Follower:
    """Of a stream that others write."""

    def __init__(
        self,
        place: Place,
        *,
        stats: IngestStats,
        owner: Owner,
        last: int = 0,
        subject: str = "",
        owned: Owned = None,
    ) -> None:
        """`last`: the stream's last row. `subject`: only rows of this one.

        `owned`: the ISPs whose measurements are read (`replay.entry_of`).
        """
        self._place, self._stats, self._owner, self._subject = place, stats, owner, subject
        self._owned = owned
        self._wire = Wire(place, "rabta-collector follows")
        self._row, self._last, self._at = 0, last, 0.0
        self._task: asyncio.Task[None] | None = None
        self._caught_up = asyncio.Event()
        self._heard_at = self._looked_at = 0.0
        self._why = ""

    @property
    def trouble(self) -> str:
        """Why nothing new is heard, in one line; empty: it is."""
        if self._task is None or asyncio.get_running_loop().time() - self._heard_at < LATE_S:
            return ""
        return f"the journal cannot be read: {self._why or 'it gives nothing'}"

    @property
    def rows(self) -> int:
        """How many the stream has had, as far as is known."""
        return max(self._row, self._last)

    def start(self) -> None:
        """Nothing is read before `follow`."""

    def begin_after(self, moment: float) -> None:
        self._at = max(self._at, moment)

    def now(self) -> float:
        return self._at

    def horizon(self) -> float:
        """The time that rows have come to."""
        return self._at

    async def recall(self, member: Member) -> None:
        self._refuse()

    def append_presence(self, member: Member, *, connected: bool, left: bool = False) -> "asyncio.Future[None]":
        self._refuse()

    def append_batch(self, member: Member, batch: Batch) -> "asyncio.Future[None]":
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise JournalError("whoever decides appends nothing")

    async def follow(self, row: int, stop: Callable[[], bool]) -> None:
        """Has `committed` get every row after this one; returns when it has had those that there are."""
        self._row, self._heard_at = row, asyncio.get_running_loop().time()
        self._task = asyncio.get_running_loop().create_task(self._run())
        while not self._caught_up.is_set() and not stop() and not self._task.done():  # noqa: ASYNC110
            await asyncio.sleep(BEAT_S)

    async def _run(self) -> None:
        while True:
            try:
                await self._read(await self._wire.client())
            except (ApiError, NoAnswerError) as wrong:
                self._why = str(wrong)
                log.debug("journal.unread", message=self._why)
                await asyncio.sleep(PAUSE_S)
            except Exception as wrong:  # whatever it is: this goes on, and says meanwhile that it is in trouble
                self._why = f"{type(wrong).__name__}: {wrong}"
                log.exception("journal.unread")
                await asyncio.sleep(PAUSE_S)

    async def _read(self, client: "Client") -> None:
        """Until something is wrong with the connection."""
        reader, loop = StreamReader(client, self._place.stream, self._subject), asyncio.get_running_loop()
        while True:
            if chunk := await reader.read_after(self._row, CHUNK):
                for row, entry in await asyncio.to_thread(_decode, chunk, self._owned):
                    self._take(row, entry)
            if len(chunk) < CHUNK:  # that is all there is; to ask for each row by itself costs more than the row
                if reader.drained:
                    self._caught_up.set()
                await asyncio.sleep(BEAT_S)
            self._heard_at = loop.time()
            if self._heard_at - self._looked_at > LOOK_S:
                self._looked_at = self._heard_at
                self._stats.journal_bytes = (await link.state_of(client, self._place.stream)).bytes

    def _take(self, row: Row, entry: Entry | Fence | None) -> None:
        while self._row + 1 < row.id and not self._subject:
            self._row += 1
            self._tell(None, 0)  # deleted by somebody else
        self._row = row.id
        if entry is not None:
            self._at = max(self._at, entry.at)
        self._tell(entry, row.epoch)

    def _tell(self, entry: Entry | Fence | None, epoch: int) -> None:
        try:
            self._owner.committed(entry, epoch)
        except Exception as wrong:  # a fault of whoever listens; what is journaled is journaled
            asyncio.get_running_loop().call_exception_handler({"message": "a row was not taken in", "exception": wrong})

    async def close(self) -> None:
        if self._task is not None:
            await end(self._task)
        await self._wire.close()


def _decode(chunk: Sequence[Came], owned: Owned) -> list[tuple[Row, Entry | Fence | None]]:
    framed = ((unframe(one.number, one.data), one.at_us) for one in chunk)
    rows = ((held_back(one.row, at_us), one.sound) for one, at_us in framed)
    return [(row, entry_or_none(row, owned) if sound else None) for row, sound in rows]
