"""Appends rows to a stream as a chain, so that each stands there once, or never.

A row's id is its message's number. Each message says which number it is to get and which message
it follows (`Nats-Expected-Last-Sequence`, `Nats-Expected-Last-Msg-Id`), so that it stands where its writer meant it,
once, or nowhere, however often it is sent and however late it arrives; and a second writer is noticed with the first
message that either of them sends. A server's other means are no substitute: it knows a message's id for minutes only,
and its quorum does not check `Nats-Expected-Last-Subject-Sequence` (server 2.9: two under way together are both taken).

An append is done when the stream's quorum has it, which is what an acknowledgement says. Where none comes (a leader
that died, a connection that broke) the stream is read and tells whether the row is there; if not it is sent again.
After `PATIENCE_S` its future fails, and before anything else is taken a fence is put where it would have stood: a row
that says nothing, and that nothing of before can follow. A new writer begins with one.
"""

import asyncio
import json
import secrets
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from rabta_collector.entries import Entry, Fence, Presence
from rabta_collector.jetstream import link
from rabta_collector.jetstream.appends import Append, Clock, DoubtError, OtherWriterError, put_last
from rabta_collector.jetstream.frame import Framed, frame, unframe
from rabta_collector.jetstream.link import ID, LAST, LAST_ID, ApiError, NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.wire import Wire
from rabta_collector.journal import JournalError, settle
from rabta_collector.journal_file import Kind, Row
from rabta_collector.replay import entry_of
from rabta_collector.state import SYNC_BUCKETS_S, IngestStats

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

PATIENCE_S = 10.0
"""How long a doubt may last until what waits fails."""

PAUSE_S = 0.25
LOOK_S = 5.0
SLICE_S = 0.02  # of handing on at a stretch
Committed = Callable[[Entry | Fence | None, int], None]
log = structlog.get_logger()


class Chain:
    """Its only link to time is `clock`. `trouble`: why nothing is taken, in one line; empty: it is."""

    def __init__(
        self, place: Place, last_id: int, *, stats: IngestStats, committed: Committed, clock: Clock, patience_s: float
    ) -> None:
        """`committed` gets every row after `last_id`, whoever wrote it; `None` is one that is damaged."""
        self._place, self._stats, self._committed, self._clock = place, stats, committed, clock
        self._patience_s, self.last_id, self._last_message = patience_s, last_id, ""
        self._writer, self._count = secrets.token_hex(4), 0
        self.pending, self._words = deque[Append](), dict[str, Append]()  # of those: see `put_last`
        self._sent = 0  # how many of those, from the first on, are under way
        self._by_number, self._inbox = dict[int, Append](), ""
        self._doubt: Exception | None = None
        self._since = self._looked_at = 0.0  # since when nothing is known for sure; 0: it is
        self._wake = asyncio.Event()
        self._wire = Wire(place, "rabta-collector writes", self._lost)
        self._client: Client | None = None  # the one over which acknowledgements come
        self._fenced = self._owner = self._closed = self._handing = False
        self.trouble = "the journal was not taken over yet"

    def append(self, entry: Entry, row: Row) -> "asyncio.Future[None]":
        """To be called on the loop, while it runs."""
        append = Append(id=self._new_id(), entry=entry, row=row, future=self._loop.create_future())
        put_last(self.pending, append, self._words if self.trouble else {})
        self._wake.set()
        return append.future

    def _new_id(self) -> str:
        self._count += 1
        return f"{self._writer}-{self._count}"

    def close(self) -> None:
        """Lets `run` end when all is done."""
        self._closed = True
        self._wake.set()

    async def run(self) -> None:
        """Until `close`. Raises `OtherWriterError`, and then has failed all that waited."""
        self._loop = asyncio.get_running_loop()
        try:
            await self._run()
        finally:
            await self._wire.close()

    async def _run(self) -> None:
        while not (self._closed and not self.pending):
            try:
                await self._settle()
                await self._send_all()
            except (DoubtError, ApiError, NoAnswerError) as wrong:
                self._suffer(wrong)
                await asyncio.sleep(PAUSE_S)
            except OtherWriterError as wrong:
                self._give_up(str(wrong), everything=True)
                raise

    async def _send_all(self) -> None:
        """Sends what there is to send, until something goes wrong or all is done and the end has come."""
        while not (self._closed and not self.pending):
            self._wake.clear()
            while self._sent < len(self.pending) and self._doubt is None:
                await self._send(self.pending[self._sent])
            if self._doubt is not None:
                raise self._doubt
            await self._rest()

    async def _send(self, append: Append) -> None:
        from nats import errors

        assert self._client is not None
        number = self.last_id + self._sent + 1
        before = self.pending[self._sent - 1].id if self._sent else self._last_message
        self._sent += 1
        self._by_number[number] = append
        append.sent_at = append.sent_at or self._loop.time()
        headers = {LAST: str(number - 1), LAST_ID: before, ID: append.id}
        subject = self._place.subject_of(append.row.isp, append.row.agent)
        try:
            message = frame(append.row, append.id)
            await self._client.publish(subject, message, reply=f"{self._inbox}.{number}", headers=headers)
        except (errors.Error, OSError) as wrong:
            raise DoubtError(str(wrong) or type(wrong).__name__) from None

    async def _rest(self) -> None:
        """Until there is something to do, or an answer is late."""
        try:
            async with asyncio.timeout(link.ANSWER_S):
                await self._wake.wait()
        except TimeoutError:
            if self._client and self._sent and self._loop.time() - self.pending[0].sent_at > link.ANSWER_S:
                link.note_unanswered(self._client)
                raise DoubtError("no acknowledgement by the stream") from None
        if self._client is not None and self._loop.time() - self._looked_at > LOOK_S and not self._sent:
            await self._look(self._client)

    async def _look(self, client: "Client") -> None:
        """Whether nobody else has begun to write, while we have nothing to; and the size, for the metrics."""
        state = await link.state_of(client, self._place.stream)
        self._looked_at, self._stats.journal_bytes = self._loop.time(), state.bytes
        if state.last > self.last_id and not self._sent:
            raise DoubtError("the stream has grown")

    async def _answered(self, message: "Msg") -> None:
        number = int(message.subject.rpartition(".")[2])
        append = self._by_number.get(number)
        if append is None:
            return  # of before a doubt: the stream was read since
        answer = json.loads(message.data) if message.data else {}
        if answer.get("seq") == number:
            append.done = True
            if not self._handing:
                self._handing = True
                self._hand_on()
            return
        error = answer.get("error", {"description": "no stream takes it"})
        if self._doubt is None:
            self._doubt = ApiError(int(error.get("err_code", 0)), str(error.get("description", error)))
        self._wake.set()

    def _hand_on(self) -> None:
        """Entries to `committed`, then their futures; in slices of time, so that the loop serves others in between."""
        until = time.perf_counter() + SLICE_S
        while self.pending and self.pending[0].done and time.perf_counter() < until:
            self._hand_on_first()
        self._handing = bool(self.pending and self.pending[0].done)
        if self._handing:
            self._loop.call_soon(self._hand_on)
        self._wake.set()

    def _hand_on_first(self) -> None:
        append = self.pending.popleft()
        self.last_id, self._last_message = self.last_id + 1, append.id
        self._sent = max(0, self._sent - 1)
        self._by_number.pop(self.last_id, None)
        seconds = self._loop.time() - append.sent_at
        self._stats.sync_buckets[bisect_left(SYNC_BUCKETS_S, seconds)] += 1
        self._stats.sync_sum_s += seconds
        self._commit(append.entry, append.row.epoch)
        settle(append.future, None)

    def _commit(self, entry: Entry | Fence | None, epoch: int) -> None:
        try:
            self._committed(entry, epoch)
        except Exception as wrong:  # a fault of whoever listens; what is journaled is journaled
            self._loop.call_exception_handler({"message": "a row was not taken in", "exception": wrong})

    def _suffer(self, wrong: Exception) -> None:
        """What was sent will be looked for, and sent again; after a time, or where nothing has room, it fails."""
        (log.debug if self._since else log.warning)("journal.in_doubt", message=str(wrong), pending=len(self.pending))
        code = wrong.code if isinstance(wrong, ApiError) else 0
        if code == link.WRONG_LAST_ID:
            self._fenced = False  # a server that was started again knows no ids from before its window
        self._forget_sent()
        self._since = self._since or (self.pending and self.pending[0].sent_at) or self._loop.time()
        if code in link.FULL or self._loop.time() - self._since > self._patience_s:
            self._give_up(f"the journal cannot be written: {wrong}", everything=self._closed)

    def _forget_sent(self) -> None:
        while self.pending and self.pending[0].done:
            self._hand_on_first()
        self._sent, self._doubt = 0, None
        self._by_number.clear()

    def _give_up(self, why: str, *, everything: bool) -> None:
        """Fails what agents will send again. Who came and went nobody says again: that waits, but for the end."""
        self.trouble, self._fenced = why, False
        waiting, self.pending, self._words = self.pending, deque(), {}
        for append in waiting:
            if isinstance(append.entry, Presence) and not everything:
                put_last(self.pending, append, self._words)
            else:
                settle(append.future, JournalError(why))

    async def _settle(self) -> None:
        """Until it is known what of all that was sent is in the stream, and nothing else of it can come any more."""
        client = await self._connected()
        self._forget_sent()
        while True:
            while (message := await link.message_of(client, self._place.stream, self.last_id + 1)) is not None:
                self._take_in(unframe(self.last_id + 1, message))
            if (last := (await link.state_of(client, self._place.stream)).last) < self.last_id:
                raise DoubtError(f"the stream ends at row {last}, and had {self.last_id}")
            elif last > self.last_id:
                await self._skip(client)
            elif self._fenced or await self._put_fence(client):
                break
        self.trouble, self._since, self._words = "", 0.0, {}

    async def _connected(self) -> "Client":
        from nats import errors

        if (client := await self._wire.client()) is not self._client:
            self._inbox = client.new_inbox()
            try:
                await client.subscribe(f"{self._inbox}.*", cb=self._answered)
            except (errors.Error, OSError) as wrong:  # it broke just now
                raise NoAnswerError(str(wrong) or type(wrong).__name__) from None
            self._client = client
        return client

    async def _lost(self) -> None:
        if self._client is not None and not self._client.is_connected:
            self._doubt = self._doubt or DoubtError("the connection to NATS broke")
            self._wake.set()

    async def _skip(self, client: "Client") -> None:
        """A row that somebody deleted is noted as a damaged one."""
        if await link.message_of(client, self._place.stream, self.last_id + 1) is None:
            log.error("journal.gap", row=self.last_id + 1, message="deleted by somebody else")
            self.last_id += 1
            self._commit(None, 0)

    def _take_in(self, framed: Framed) -> None:
        """The next row of the stream: our own, of now or given up, or one of whoever wrote before us."""
        if self._owner and framed.sound and framed.id.partition("-")[0] != self._writer:
            raise OtherWriterError("another collector writes this journal now; this one stops")
        if self.pending and self.pending[0].id == framed.id:
            self._hand_on_first()
            return
        self.last_id, self._last_message = framed.row.id, framed.id
        self._clock.go_on_from(framed.row.at_us)
        try:
            entry = entry_of(framed.row) if framed.sound else None
        except ValueError:
            entry = None
        self._commit(entry, framed.row.epoch)

    async def _put_fence(self, client: "Client") -> bool:
        """Takes the place where anything that is still under way would stand; false where something has come there."""
        id_, at = self._new_id(), self._clock.now()
        message = frame(Row(0, Kind.FENCE, self._clock.last_us, "", "", ""), id_)
        headers = {LAST: str(self.last_id), ID: id_}
        try:
            number = await link.publish(client, self._place.subject_of("", ""), message, headers)
        except ApiError as wrong:
            if wrong.code == link.WRONG_LAST:
                return False
            raise
        if number != self.last_id + 1:
            raise DoubtError(f"the fence stands at {number} and not at {self.last_id + 1}")
        self.last_id, self._last_message = number, id_
        self._fenced = self._owner = True
        self._commit(Fence(at=at), 0)
        for append in self.pending:  # they come after it
            append.renew(self._new_id(), self._clock)
        return True
