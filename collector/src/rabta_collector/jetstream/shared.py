"""A journal that many processes append to at once: each agent's rows are a chain of their own. See `chain.py` for one.

A row of measurements is the n-th of its agent, and its message's id says so (`AGENT-n`). Of all that are ever sent
under one id a quorum takes one, which holds for the two minutes for which a stream knows ids (`link.WINDOW_S`). For
ever after, `Nats-Expected-Last-Subject-Sequence` refuses what does not follow the agent's last row: only messages under
way at the same time pass that together (server 2.9), and these have one id. So of two processes that append for one
agent one is taken. The other one's append fails, its session ends, and whoever has the agent next reads from the stream
what it holds of it (`holdings.py`). What was written into a connection that broke is given up with it (`wire.py`).

A row is acknowledged when the stream's quorum has it. Where no answer comes the agent's last row tells whether it is
there; if not, it is sent again; after `PATIENCE_S` the append fails. It may still be there: then it is known for a
duplicate when the agent sends it again.

That agents came and went hangs on no order among processes: sessions are numbered by time, and of an older one than
the last nobody hears (`replay.Known`). A row that says nothing but the time comes where nothing else does: whoever
decides goes by the journal's time and no other, so that the same rows make the same decisions, wherever they are read.
"""

import asyncio
import secrets
import time
from bisect import bisect_left
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import structlog

from rabta_collector.ending import end
from rabta_collector.entries import Entry, Measured, Presence
from rabta_collector.jetstream import link
from rabta_collector.jetstream.appends import Clock, DoubtError
from rabta_collector.jetstream.chain import PATIENCE_S
from rabta_collector.jetstream.frame import Order, frame
from rabta_collector.jetstream.holdings import Holding, read_holding
from rabta_collector.jetstream.link import ApiError, NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.posting import OvertakenError, Post, Poster
from rabta_collector.jetstream.presences import Presences, Word, post_presence
from rabta_collector.journal import Batch, JournalError, Member, kind_of, row_of, settle
from rabta_collector.journal_file import Kind, Row
from rabta_collector.journals import Owner
from rabta_collector.state import SYNC_BUCKETS_S, IngestStats

TICK_S = 1.0
"""Between two rows, at the most: decisions are as late."""

FULL_S = 10.0
"""For how long nothing is taken where the stream had no room."""

SHORT = 600
"""Characters of what was held that every row of an agent bears; what is longer stands in every `SELDOM`-th."""

SELDOM, FAR_BYTES = 64, 1024 * 1024
"""Or in the next one after so many bytes: whoever has the agent next reads all that is after the last one of these."""

READERS = 4
"""Agents whose rows are read at a time."""

FOLLOW_S = 0.01
log = structlog.get_logger()


class SharedJournal:
    """One of many writers."""

    def __init__(
        self,
        place: Place,
        *,
        stats: IngestStats,
        owner: Owner,
        clock: Callable[[], float] = time.time,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._place, self._stats, self._owner, self._patience_s = place, stats, owner, patience_s
        self._clock, self._poster = Clock(clock, 0), Poster(place, "rabta-collector appends")
        self.process = secrets.randbits(48) | 1
        """Which of the writers this is; another one after each start."""

        self._count = 0
        self._holdings: dict[str, Holding] = {}
        self._turns = asyncio.Semaphore(READERS)
        self._sessions: dict[str, int] = {}
        self._presences = Presences(
            self._poster,
            patience_s=patience_s,
            held=lambda: self._closed or bool(self.trouble),
            kept=lambda entry: self._commit(entry, 0),
            failed=self._suffer,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._closed = False
        self._written_at = self._held_until = 0.0
        self.trouble = "the journal was not reached yet"
        """Why nothing is taken, in one line; empty: it is."""

    @property
    def rows(self) -> int:
        """How many were appended here."""
        return self._count

    def start(self) -> None:
        """Begins; to be called on the loop."""
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    async def follow(self, row: int, stop: Callable[[], bool]) -> None:
        """Until the stream takes rows."""
        while self.trouble and not stop():  # noqa: ASYNC110 - `stop` is a question
            await asyncio.sleep(FOLLOW_S)

    def now(self) -> float:
        """This process's clock: microseconds exact, never falling."""
        return self._clock.now()

    def begin_after(self, moment: float) -> None:
        """Nothing: whoever decides is another process."""

    def horizon(self) -> float:
        return self.now()

    # What the stream holds of an agent

    async def recall(self, member: Member) -> None:
        """Reads what the stream holds of an agent, unless it is known. Raises `JournalError`."""
        if member.agent in self._holdings:
            return
        try:
            client = await self._poster.wire.client()
            holding = await read_holding(client, self._place, member.agent, member.isp, turns=self._turns)
        except (ApiError, NoAnswerError) as wrong:
            raise JournalError(f"the journal cannot be read: {wrong}") from None
        self._owner.unpack(member.agent, holding.packed)
        self._holdings[member.agent] = holding

    def session_of(self, agent: str) -> int:
        """The number of an agent's newest session here."""
        return self._sessions.get(agent, 0)

    # Appending

    def append_presence(self, member: Member, *, connected: bool, left: bool = False) -> "asyncio.Future[None]":
        """Journals that a session began or ended. It waits out any trouble, for nobody says it again.

        The future fails where it gave way to what came next of the agent, which then is in the stream.
        """
        if connected:
            self._sessions[member.agent] = max(int(self.now() * 1e6), self._sessions.get(member.agent, 0) + 1)
        self._holdings.pop(member.agent, None)  # it may have been elsewhere, or goes there
        self._check()
        session, kind, at = self._sessions.get(member.agent, 0), kind_of(connected=connected, left=left), self.now()
        row = Row(0, kind, self._clock.last_us, member.agent, member.isp, str(member.role), session, self.process)
        entry = Presence(
            at=at,
            agent=member.agent,
            isp=member.isp,
            role=member.role,
            connected=connected,
            left=left,
            session=session,
            process=self.process,
        )
        post = post_presence(self._place, row, self._mark())
        future = asyncio.get_running_loop().create_future()
        self._presences.say(Word(entry=entry, post=post, future=future))
        return future

    def append_batch(self, member: Member, batch: Batch) -> "asyncio.Future[None]":
        """Journals measurements of an agent that was recalled; the future fails where the stream does not take them."""
        self._check()
        if self.trouble:
            raise JournalError(self.trouble)
        if (holding := self._holdings.get(member.agent)) is None:
            raise JournalError("what the journal holds of this agent is not known")
        at = self.now()
        entry = Measured(at=at, agent=member.agent, isp=member.isp, role=member.role, measurements=batch.measurements)
        held, number, mine = self._owner.pack(member.agent).decode(), holding.number + 1, self._mark()
        near = holding.base and holding.behind < FAR_BYTES and number % SELDOM
        whole = len(held) <= SHORT or not near
        order = Order(number, held) if whole else Order(number, base=holding.base)
        row = row_of(entry, batch, self._clock.last_us)
        post = Post(
            subject=self._place.subject_of(member.isp, member.agent),
            id=f"{member.agent}-{number}",
            mine=mine,
            text=frame(row, mine, order=order),
            after=holding.last_of_subject,
        )
        future = asyncio.get_running_loop().create_future()
        self._begin(self._keep_batch(post, entry, batch.epoch, whole, future))
        return future

    def _check(self) -> None:
        if self._closed or self._ticking is None:
            raise JournalError(self.trouble or "the journal is closed")

    def _mark(self) -> str:
        self._count += 1
        return f"{self.process:x}-{self._count}"

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_batch(
        self, post: Post, entry: Measured, epoch: int, whole: bool, future: "asyncio.Future[None]"
    ) -> None:
        try:
            await self._put_batch(post, entry, epoch, whole)
        except BaseException as wrong:  # whatever it is: the agent's next batch waits for this one's end
            self._holdings.pop(entry.agent, None)
            settle(future, JournalError(f"the journal cannot be written: {wrong}"))
            if not isinstance(wrong, (ApiError, DoubtError, OvertakenError)):
                raise
            if not isinstance(wrong, OvertakenError):
                self._suffer(wrong)
        settle(future, None)

    async def _put_batch(self, post: Post, entry: Measured, epoch: int, whole: bool) -> None:
        """Raises what `Poster.keep` does."""
        started, agent = time.perf_counter(), entry.agent
        number = await self._poster.keep(post, within_s=self._patience_s)
        if (holding := self._holdings.get(agent)) is not None:
            holding = replace(holding, number=holding.number + 1, last=number, last_of_subject=number)
            base, behind = (number, 0) if whole else (holding.base, holding.behind + len(post.text))
            self._holdings[agent] = replace(holding, base=base, behind=behind)
        self._note(started)
        self._commit(entry, epoch)

    def _commit(self, entry: Entry, epoch: int) -> None:
        try:
            self._owner.committed(entry, epoch)
        except Exception as wrong:  # a fault of whoever listens; what is journaled is journaled
            self._holdings.pop(entry.agent, None)  # and read again, for its next row is to say that it is there
            asyncio.get_running_loop().call_exception_handler({"message": "a row was not taken in", "exception": wrong})

    def _note(self, started: float) -> None:
        self._written_at, seconds = asyncio.get_running_loop().time(), time.perf_counter() - started
        self._stats.sync_buckets[bisect_left(SYNC_BUCKETS_S, seconds)] += 1
        self._stats.sync_sum_s += seconds

    # Trouble, and the passing of time

    def _suffer(self, wrong: Exception) -> None:
        if not self.trouble:
            log.warning("journal.in_doubt", message=str(wrong))
        self.trouble = f"the journal cannot be written: {wrong}"
        if isinstance(wrong, ApiError) and wrong.code in link.FULL:
            self._held_until = asyncio.get_running_loop().time() + FULL_S

    async def _tick(self) -> None:
        """A row that says what time it is, where no other does; in trouble it tells whether that is over."""
        loop = asyncio.get_running_loop()
        while True:
            if self.trouble or loop.time() - self._written_at >= TICK_S:
                try:
                    await self._poster.keep(self._fence(), within_s=self._patience_s)
                except (ApiError, DoubtError, OvertakenError) as wrong:
                    self._suffer(wrong)
                else:
                    self._written_at = loop.time()
                    if loop.time() >= self._held_until:
                        self.trouble = ""
                        self._presences.go_on()
            await asyncio.sleep(TICK_S / 2)

    def _fence(self) -> Post:
        self.now()
        mine = self._mark()
        row = Row(0, Kind.FENCE, self._clock.last_us, "", "", "")
        return Post(subject=self._place.subject_of("", ""), id=mine, mine=mine, text=frame(row, mine))

    async def close(self) -> None:
        """Writes what was asked for, as far as the stream takes it within its patience, then ends."""
        try:
            async with asyncio.timeout(self._patience_s):
                while waits := self._unwritten():
                    await asyncio.wait(waits)
        except TimeoutError:
            log.warning("journal.unwritten", rows=len(self._unwritten()))
        self._closed = self._poster.closing = True
        if self._ticking is not None:
            await end(self._ticking)
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        await self._presences.close()
        await self._poster.wire.close()

    def _unwritten(self) -> set["asyncio.Future[None]"]:
        return self._tasks | {word.future for word in self._presences.waiting}
