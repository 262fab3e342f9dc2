"""What a stream that many processes write holds of one agent: read from the agent's own rows, by whoever takes it on.

The last row says what the journal held before it, or from which row on to read; rows that say nothing of it are of a
time when one process wrote them all, and then all of the agent's are read, after its mark. That says what the journal
gave up, as `sequences.Seen` packs it, and may say more; with `row` it says all that the rows up to that one do.

Rows are taken in as they come, for those of one agent may be more than there is memory for.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from rabta_collector.jetstream import link
from rabta_collector.jetstream.frame import Framed, unframe
from rabta_collector.jetstream.link import NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.reading import Came, StreamReader
from rabta_collector.journal_file import Kind, Row
from rabta_collector.sequences import Seen
from rabta_proto.v1 import collector_pb2 as wire

if TYPE_CHECKING:
    from nats.aio.client import Client

CHUNK, MOST_BYTES = 200, 4 * 1024 * 1024
"""Rows that are read at a time, and their bytes: more than any one row has."""

PATIENCE_S, PAUSE_S = 5.0, 0.05
"""For the next rows, where the stream has them and does not give them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Of one agent: the number of its last row among its own, and that row in the stream, the last of its subject too.

    `base`: the last row that says what was held before it; `behind`: bytes of those after it. `packed`: what is held
    now.
    """

    number: int = 0
    last: int = 0
    last_of_subject: int = 0
    base: int = 0
    behind: int = 0
    packed: bytes


async def read_holding(
    client: "Client", place: Place, agent: str, isp: str, *, turns: AbstractAsyncContextManager[object] | None = None
) -> Holding:
    """`turns`: to be had while rows are read. Raises `ApiError`, `NoAnswerError`."""
    subject, seen, rows = place.subject_of(isp, agent), Seen(), _Rows(client, place, agent, turns or nullcontext())
    found = await link.last_of(client, place.stream, place.rows_of(agent))
    framed = None if found is None else unframe(found[0], found[2])
    if found is None or framed is None or framed.order is None:
        return await _read_all(rows, subject, 0 if found is None else found[0])
    base = framed if framed.order.held else await rows.base(framed.order.base)
    if base is None or base.order is None:
        return await _read_all(rows, subject, framed.row.id)
    seen.unpack(agent, base.order.held.encode())
    add_row(seen, base.row, sound=base.sound)
    behind = await rows.add_to(seen, base.row.id, framed.row.id)
    of_subject = framed.row.id
    if found[1] != subject:
        own = await link.last_of(client, place.stream, subject)
        of_subject = 0 if own is None else own[0]
    return Holding(
        number=framed.order.number,
        last=framed.row.id,
        last_of_subject=of_subject,
        base=base.row.id,
        behind=behind,
        packed=seen.pack(agent),
    )


async def _read_all(rows: "_Rows", subject: str, last: int) -> Holding:
    """What the mark says, and every row that it does not have, up to the last."""
    seen, place, agent, after = Seen(), rows.place, rows.agent, 0
    mark = await link.last_of(rows.client, place.marks, place.marks_of(agent))
    if mark is not None:
        seen.unpack(agent, mark[2])
        after = int(json.loads(mark[2]).get("row", 0))
    await rows.add_to(seen, after, last)
    own = await link.last_of(rows.client, place.stream, subject)
    return Holding(last=last, last_of_subject=0 if own is None else own[0], packed=seen.pack(agent))


def mark_of(packed: bytes, row: int) -> bytes:
    """A mark that has all that an agent's rows up to one say."""
    return json.dumps(json.loads(packed) | {"row": row}, separators=(",", ":")).encode()


class _Rows:
    """Of one agent, in a stream."""

    def __init__(self, client: "Client", place: Place, agent: str, turns: AbstractAsyncContextManager[object]) -> None:
        self.client, self.place, self.agent, self._turns = client, place, agent, turns

    async def base(self, number: int) -> Framed | None:
        """A row that says what was held before it; `None` where it is gone. Raises `ApiError`, `NoAnswerError`."""
        message = await link.message_of(self.client, self.place.stream, number)
        framed = None if message is None else unframe(number, message)
        if framed is None or framed.row.agent != self.agent or framed.order is None or not framed.order.held:
            return None
        return framed

    async def add_to(self, seen: Seen, after: int, last: int) -> int:
        """Has known what the rows after one say, up to the last; their bytes. Raises `ApiError`, `NoAnswerError`."""
        if after >= last:
            return 0
        async with self._turns:
            return await self._add_to(seen, after, last)

    async def _add_to(self, seen: Seen, after: int, last: int) -> int:
        reader = StreamReader(self.client, self.place.stream, self.place.rows_of(self.agent), most_bytes=MOST_BYTES)
        loop, size = asyncio.get_running_loop(), 0
        until = loop.time() + PATIENCE_S
        while after < last:
            if chunk := await reader.read_after(after, CHUNK):
                await asyncio.to_thread(_add, seen, chunk)  # a mebibyte of measurements takes many milliseconds
                size += sum(len(one.data) for one in chunk)
                after, until = chunk[-1].number, loop.time() + PATIENCE_S
            elif loop.time() > until:
                raise NoAnswerError(f"the stream does not give row {last}")
            else:  # the node that reads for us is behind the one that leads
                await asyncio.sleep(PAUSE_S)
        await reader.close()
        return size


def _add(seen: Seen, chunk: Sequence[Came]) -> None:
    for one in chunk:
        framed = unframe(one.number, one.data)
        add_row(seen, framed.row, sound=framed.sound)


def add_row(seen: Seen, row: Row, *, sound: bool) -> None:
    """Has known what a row says of its agent's measurements; of most the numbers follow one another."""
    if row.kind != Kind.MEASURED or not row.agent:
        return
    if sound and row.count == row.last_sequence - row.first_sequence + 1:
        return seen.add_range(row.agent, row.epoch, row.first_sequence, row.last_sequence)
    try:
        batch = wire.MeasurementBatch.FromString(row.payload)
    except DecodeError:
        return
    seen.add(row.agent, row.epoch, [one.sequence for one in batch.measurements])
