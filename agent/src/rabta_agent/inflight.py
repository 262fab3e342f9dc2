"""Which measurements are on their way in one session, and what an acknowledgement says of them. Pure.

A new session begins with a new one of these: what was sent on a stream that broke counts as unsent. An acknowledgement
settles only what is on its way, so that a mistaken range never deletes what was not sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rabta_agent.addresses import quote_stranger
from rabta_proto.v1 import collector_pb2 as wire

MOST_OFFSET_US = 2**62  # what a peer says of its clock may be anything; the wire's number has an end


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A measurement in the spool: its row there, its key on the wire, its bytes, and what is known of its clock."""

    row: int
    epoch: int
    sequence: int
    payload: bytes
    clock_offset_us: int | None = None
    clock_jumped: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Rows that the spool may delete now, and the reasons for those that were rejected."""

    accepted: tuple[int, ...]
    rejected: tuple[int, ...]
    reasons: frozenset[str]


@dataclass(slots=True)
class _Batch:
    sent_at: float
    pending: dict[tuple[int, int], int] = field(default_factory=dict)  # (epoch, sequence) -> row


class InFlight:
    """At most `limit` batches on their way."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._batches: list[_Batch] = []
        self._held: set[int] = set()

    @property
    def full(self) -> bool:
        return len(self._batches) >= self._limit

    @property
    def empty(self) -> bool:
        return not self._batches

    @property
    def oldest_sent_at(self) -> float | None:
        return self._batches[0].sent_at if self._batches else None

    def rows(self) -> set[int]:
        """Rows not to be sent again in this session."""
        return self._held.union(*(batch.pending.values() for batch in self._batches))

    def add(self, batch: Iterable[Waiting], *, sent_at: float) -> None:
        self._batches.append(_Batch(sent_at=sent_at, pending={(one.epoch, one.sequence): one.row for one in batch}))

    def settle(self, ack: wire.Ack) -> Settled:
        """What an acknowledgement ends. An outcome that this version does not know keeps the measurement."""
        accepted: list[int] = []
        rejected: list[int] = []
        reasons: set[str] = set()
        for part in ack.ranges:
            for row in self._take(ack.epoch, part.first, part.last):
                if part.outcome in (wire.OUTCOME_ACCEPTED, wire.OUTCOME_DUPLICATE):
                    accepted.append(row)
                elif part.outcome == wire.OUTCOME_REJECTED:
                    rejected.append(row)
                    reasons.add(quote_stranger(part.reason))
                else:
                    self._held.add(row)
        self._batches = [batch for batch in self._batches if batch.pending]
        return Settled(accepted=tuple(accepted), rejected=tuple(rejected), reasons=frozenset(reasons))

    def _take(self, epoch: int, first: int, last: int) -> list[int]:
        rows = []
        for batch in self._batches:
            for key in [key for key in batch.pending if key[0] == epoch and first <= key[1] <= last]:
                rows.append(batch.pending.pop(key))
        return rows


def to_batch(waiting: Sequence[Waiting]) -> wire.MeasurementBatch:
    """The wire's form of what waited, in the order it was measured."""
    batch = wire.MeasurementBatch()
    for one in sorted(waiting, key=lambda entry: entry.sequence):
        message = batch.measurements.add()
        message.MergeFromString(one.payload)
        message.epoch, message.sequence = one.epoch, one.sequence
        if one.clock_jumped is not None:
            message.clock_jumped = one.clock_jumped
        if one.clock_offset_us is not None:
            message.clock_offset_us = min(max(one.clock_offset_us, -MOST_OFFSET_US), MOST_OFFSET_US)
    return batch
