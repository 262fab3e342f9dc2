"""From an admitted batch to its acknowledgement: measurements new to the journal are journaled, then acknowledged.

An acknowledgement is made only after the commit that holds what it acknowledges, and each (agent, epoch, sequence) is
journaled once: batches of one agent are taken one after the other, whichever session they come by, and what is on disk
is remembered before the next one is looked at.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Container, Sequence
from time import perf_counter

from rabta_collector.admit import Reason, Refused, split_batch
from rabta_collector.echoes import Echoes
from rabta_collector.entries import Entry, Measured
from rabta_collector.eventtime import placed, reckon
from rabta_collector.journal import Batch, JournalError, Member
from rabta_collector.journals import AnyJournal
from rabta_collector.judging import Came, Rejected, Terms, judge, read_batch
from rabta_collector.limits import Limits
from rabta_collector.sequences import Seen, Standing, runs
from rabta_collector.state import IngestStats
from rabta_collector.turnstile import Turnstile
from rabta_proto.model import Measurement
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as wire

ROOM = Limits().inflight_bytes
SLICE_S = 0.01  # of judging at a stretch
_UNKNOWABLE = {Standing.FORGOTTEN: Reason.FORGOTTEN, Standing.BEYOND: Reason.TOO_MANY_EPOCHS}


class Ingest:
    """Takes batches."""

    def __init__(
        self,
        *,
        journal: AnyJournal,
        stats: IngestStats,
        lab: bool,
        asked: Container[tuple[str, str]],
        joined_at: Callable[[str], float],
        room: int = ROOM,
    ) -> None:
        """`asked`: platforms and targets that agents were asked to measure; `joined_at`: when an agent joined.

        `room`: bytes of batches that may be in flight at once.
        """
        self._journal, self._stats, self._lab = journal, stats, lab
        self._asked, self._joined_at = asked, joined_at
        self._pending: dict[str, asyncio.Future[None]] = {}
        self._judging = asyncio.Lock()
        self.seen = Seen()
        self.echoes = Echoes()
        self._turnstile = Turnstile(stats, room)

    def now(self) -> float:
        """The collector's clock, as the journal knows it."""
        return self._journal.now()

    def remember(self, entry: Entry, epoch: int) -> None:
        """Notes what is on disk; to be called for each entry, in order, before its future is done."""
        if isinstance(entry, Measured):
            self.seen.add(entry.agent, epoch, [measurement.sequence for measurement in entry.measurements])
            self.echoes.add(entry.agent, epoch, entry.measurements)

    @property
    def load(self) -> float:
        """Share of the room in flight that is taken."""
        return self._turnstile.load

    async def take(
        self, member: Member, body: bytes, *, parts: Sequence[bytes] | None = None, greedy: bool = False
    ) -> link.Ack:
        """Journals what is new in the bytes of a `MeasurementBatch`, when it is its turn. Raises `Refused`.

        `parts`: those of each measurement, where at hand; `greedy`: whether others go first.
        """
        if parts is None:
            parts = split_batch(body)
        async with self._turnstile.turn(member.agent, len(body), measurements=len(parts), greedy=greedy):
            return await self._take(member, body, parts)

    async def _take(self, member: Member, body: bytes, parts: Sequence[bytes]) -> link.Ack:
        came = read_batch(body, parts)
        if not came:
            return link.Ack()
        epoch = came[0].epoch
        if any(one.epoch != epoch for one in came):
            raise Refused(Reason.UNREADABLE, "a batch holds measurements of two epochs")
        sequences = [one.sequence for one in came]
        taken, rejected, written = await self._judge_and_append(member, came, body)
        came.clear()  # while the disk is waited for others can have the memory, which is still warm
        if written is not None:
            await self._written(written, taken)
        self._count(len(taken), len(sequences) - len(taken) - len(rejected), rejected)
        return _acknowledge(epoch, sequences, taken, rejected)

    async def _judge_and_append(
        self, member: Member, came: Sequence[Came], body: bytes
    ) -> tuple[list[Measurement], list[Rejected], "asyncio.Future[None] | None"]:
        """What is taken, what is rejected, and what is done when the former is on disk; one batch at a time."""
        agent, epoch = member.agent, came[0].epoch
        while True:
            while (pending := self._pending.get(agent)) is not None:
                await asyncio.wait([pending])
            await self._recall(member)
            async with self._judging:
                if agent in self._pending:
                    continue  # another batch of this agent came first
                new, unknowable = self._sort(agent, came)
                taken, rejected = await self._judge(agent, epoch, new)
                batch = self._batch(epoch, taken, came, body)
                return taken, rejected + unknowable, self._append(member, batch) if taken else None

    async def _recall(self, member: Member) -> None:
        try:
            await self._journal.recall(member)
        except JournalError as wrong:
            raise Refused(Reason.JOURNAL, str(wrong)) from wrong

    async def _judge(self, agent: str, epoch: int, new: Sequence[Came]) -> tuple[list[Measurement], list[Rejected]]:
        """What is taken and what is not; in slices of time, so that the loop serves others in between."""
        taken: list[Measurement] = []
        rejected: list[Rejected] = []
        terms, until = self._terms(agent), perf_counter() + SLICE_S
        for one in new:
            judged = judge(one, terms)
            if isinstance(judged, Reason):
                rejected.append(Rejected(sequence=one.sequence, reason=judged))
            else:
                taken.append(judged)
            if perf_counter() > until:
                await asyncio.sleep(0)
                until = perf_counter() + SLICE_S
        echoes, beyond = self.echoes.look(agent, epoch, taken)
        self._stats.beyond_memory += beyond
        rejected += [Rejected(sequence=taken[place].sequence, reason=Reason.REPLAYED) for place in echoes]
        for place in reversed(echoes):
            del taken[place]
        return taken, rejected

    def _terms(self, agent: str) -> Terms:
        return Terms(now=self._journal.now(), lab=self._lab, joined_at=self._joined_at(agent), asked=self._asked)

    def _sort(self, agent: str, came: Sequence[Came]) -> tuple[Sequence[Came], list[Rejected]]:
        """Measurements that the journal does not hold, each once, and those of which that cannot be told any more."""
        if _is_run([one.sequence for one in came]) and self.seen.is_ahead(agent, came[0].epoch, came[0].sequence):
            return came, []  # as an agent sends them that is asked for nothing again
        new: dict[int, Came] = {}
        unknowable: dict[int, Rejected] = {}
        for one in came:
            standing = self.seen.standing(agent, one.epoch, one.sequence)
            if standing is Standing.NEW:
                new.setdefault(one.sequence, one)
            elif (reason := _UNKNOWABLE.get(standing)) is not None:
                unknowable[one.sequence] = Rejected(sequence=one.sequence, reason=reason)
        return list(new.values()), list(unknowable.values())

    def _batch(self, epoch: int, taken: list[Measurement], came: Sequence[Came], body: bytes) -> Batch:
        if len(taken) == len(came):
            return Batch(epoch=epoch, measurements=tuple(taken), payload=body)
        kept = {measurement.sequence for measurement in taken}
        left: dict[int, wire.Measurement] = {}
        for one in came:
            if one.sequence in kept and one.sequence not in left:
                left[one.sequence] = wire.Measurement.FromString(one.raw)
        payload = link.MeasurementBatch(measurements=left.values()).SerializeToString()
        return Batch(epoch=epoch, measurements=tuple(taken), payload=payload)

    def _append(self, member: Member, batch: Batch) -> "asyncio.Future[None]":
        agent = member.agent
        try:
            future = self._journal.append_batch(member, batch)
        except JournalError as wrong:
            raise Refused(Reason.JOURNAL, str(wrong)) from wrong
        self._pending[agent] = future
        future.add_done_callback(lambda _: self._pending.pop(agent, None))
        return future

    async def _written(self, future: "asyncio.Future[None]", taken: Sequence[Measurement]) -> None:
        """Until it is on disk. A session that ends meanwhile leaves the writing as it is."""
        try:
            await asyncio.shield(future)
        except JournalError as wrong:
            raise Refused(Reason.JOURNAL, str(wrong)) from wrong
        now = self._journal.now()
        self._stats.lag_s = max(0.0, now - max([measurement.began_us for measurement in taken]) / 1e6)
        for measurement in taken:
            if placed(measurement, now) is None and (doubt := reckon(measurement, now).doubt) is not None:
                self._stats.doubted[doubt] = self._stats.doubted.get(doubt, 0) + 1

    def _count(self, accepted: int, duplicate: int, rejected: Sequence[Rejected]) -> None:
        self._stats.results["accepted"] += accepted
        self._stats.results["duplicate"] += duplicate
        self._stats.results["rejected"] += len(rejected)
        for reason, count in Counter(str(entry.reason) for entry in rejected).items():
            self._stats.rejected[reason] = self._stats.rejected.get(reason, 0) + count


def _is_run(sequences: Sequence[int]) -> bool:
    """Whether numbers follow one another, each one higher by one."""
    return list(sequences) == list(range(sequences[0], sequences[0] + len(sequences)))


def _acknowledge(
    epoch: int, sequences: Sequence[int], taken: Sequence[Measurement], rejected: Sequence[Rejected]
) -> link.Ack:
    """Ranges that cover each sequence number of the batch once."""
    if len(taken) == len(sequences) and _is_run(sequences):
        first, last = sequences[0], sequences[-1]
        return link.Ack(epoch=epoch, ranges=[link.AckRange(first=first, last=last, outcome=link.OUTCOME_ACCEPTED)])
    accepted = {measurement.sequence for measurement in taken}
    refused = {entry.sequence: entry.reason for entry in rejected}
    known = set(sequences) - accepted - refused.keys()
    ranges = [(*run, link.OUTCOME_ACCEPTED, "") for run in runs(accepted)]
    ranges += [(*run, link.OUTCOME_DUPLICATE, "") for run in runs(known)]
    for reason in sorted(set(refused.values())):
        numbers = (sequence for sequence, why in refused.items() if why is reason)
        ranges += [(*run, link.OUTCOME_REJECTED, str(reason)) for run in runs(numbers)]
    return link.Ack(
        epoch=epoch,
        ranges=[
            link.AckRange(first=first, last=last, outcome=outcome, reason=reason)
            for first, last, outcome, reason in sorted(ranges)
        ],
    )
