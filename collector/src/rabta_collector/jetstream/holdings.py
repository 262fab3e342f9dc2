"""What a stream that many processes write holds of one agent: read from the agent's own rows, by whoever takes it on.

The last row says what the journal held before it, or from which row on to read; rows that say nothing of it are of a
time when one process wrote them all, and then all of the agent's are read, after the mark of what was given up.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from rabta_collector.jetstream import link
from rabta_collector.jetstream.frame import Framed, unframe
from rabta_collector.jetstream.link import NoAnswerError
from rabta_collector.jetstream.place import Place
from rabta_collector.jetstream.reading import StreamReader
from rabta_collector.journal_file import Kind, Row
from rabta_collector.sequences import Seen
from rabta_proto.v1 import collector_pb2 as wire

if TYPE_CHECKING:
    from nats.aio.client import Client

CHUNK = 200
PATIENCE_S, PAUSE_S = 5.0, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Of one agent: the number of its last row among its own, and that row in the stream, the last of its subject too.

    `base`: the last row that says what was held before it. `packed`: what is held now.
    """

    number: int = 0
    last: int = 0
    last_of_subject: int = 0
    base: int = 0
    packed: bytes


async def read_holding(client: "Client", place: Place, agent: str, isp: str) -> Holding:
    """Raises `ApiError`, `NoAnswerError`."""
    subject, seen = place.subject_of(isp, agent), Seen()
    found = await link.last_of(client, place.stream, place.rows_of(agent))
    framed = None if found is None else unframe(found[0], found[2])
    if framed is None or framed.order is None:
        return await _read_all(client, place, agent, subject, 0 if found is None else found[0])
    if framed.order.held:
        base: Framed | None = framed
        rows = [framed.row]
        seen.unpack(agent, framed.order.held.encode())
    else:
        base, rows = await _read_from(client, place, agent, framed.order.base, framed.row.id)
        if base is None or base.order is None or not base.order.held:
            return await _read_all(client, place, agent, subject, framed.row.id)
        seen.unpack(agent, base.order.held.encode())
    assert base is not None
    _add(seen, agent, rows)
    of_subject = framed.row.id
    if found is not None and found[1] != subject:
        own = await link.last_of(client, place.stream, subject)
        of_subject = 0 if own is None else own[0]
    return Holding(
        number=framed.order.number,
        last=framed.row.id,
        last_of_subject=of_subject,
        base=base.row.id,
        packed=seen.pack(agent),
    )


async def _read_from(
    client: "Client", place: Place, agent: str, first: int, last: int
) -> tuple[Framed | None, list[Row]]:
    """A row of an agent, and its rows from that one to the last, all of them. Raises `NoAnswerError`."""
    reader, after, framed = StreamReader(client, place.stream, place.rows_of(agent)), first - 1, list[Framed]()
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while after < last:
        if chunk := await reader.read_after(after, CHUNK):
            framed += (unframe(one.number, one.data) for one in chunk)
            after = chunk[-1].number
        elif asyncio.get_running_loop().time() > until:
            raise NoAnswerError(f"the stream does not give row {last}")
        else:  # the node that reads for us is behind the one that leads
            await asyncio.sleep(PAUSE_S)
    await reader.close()
    found = framed[0] if framed and framed[0].row.id == first else None
    return found, [one.row for one in framed]


async def _read_all(client: "Client", place: Place, agent: str, subject: str, last: int) -> Holding:
    """What was given up, and every row there is, up to the last."""
    seen = Seen()
    mark = await link.last_of(client, place.marks, place.marks_of(agent))
    if mark is not None:
        seen.unpack(agent, mark[2])
    _, rows = await _read_from(client, place, agent, 1, last)
    _add(seen, agent, rows)
    own = await link.last_of(client, place.stream, subject)
    return Holding(last=last, last_of_subject=0 if own is None else own[0], packed=seen.pack(agent))


def _add(seen: Seen, agent: str, rows: Iterable[Row]) -> None:
    for row in rows:
        if row.kind == Kind.MEASURED and row.agent == agent:
            try:
                batch = wire.MeasurementBatch.FromString(row.payload)
            except DecodeError:
                continue
            seen.add(agent, row.epoch, [one.sequence for one in batch.measurements])
