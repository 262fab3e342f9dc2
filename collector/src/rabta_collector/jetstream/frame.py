"""A row of the journal as one message of a stream: one line of JSON, then the payload as it is. Pure.

The row's id is the message's number in the stream. The line has the columns of journal_file.py under short names, the
checksum among them, and `id`, by which a writer knows its own rows again:

    {"v":1,"id":"5f3a-17","k":1,"at":1764453600000000,"a":"9f…","i":"ptcl","r":"probe","e":7,"f":1,"l":10,"n":10,"c":…}

Where many processes write one stream (shared.py), measurements have two fields more: `o`, the row's number among those
of its agent, from 1, and `s`, which of the agent's measurements the journal held before this row (`sequences.Seen`), as
text of JSON; or, where that is long, `b` in its place: the row from which on all of the agent's rows have to be read.
"""

import json
from dataclasses import dataclass, replace

from rabta_collector.journal_file import Row

VERSION = 1
AHEAD_US = 2_000_000
HEAD_BYTES = 2048
"""More than the line ever takes."""


@dataclass(frozen=True, slots=True)
class Order:
    """A row's place among those of its agent. `held`: what the journal held of it before; empty: see `base`."""

    number: int
    held: str = ""
    base: int = 0


@dataclass(frozen=True, slots=True)
class Framed:
    """A message that was read. `sound`: it is what was written."""

    row: Row
    id: str
    sound: bool
    order: Order | None = None


def frame(row: Row, id_: str, *, sound: bool = True, order: Order | None = None) -> bytes:
    """The message of a row; its own id is left out, for the stream gives it. What is damaged stays so."""
    head = {
        "v": VERSION,
        "id": id_,
        "k": int(row.kind),
        "at": row.at_us,
        "a": row.agent,
        "i": row.isp,
        "r": row.role,
        "e": row.epoch,
        "f": row.first_sequence,
        "l": row.last_sequence,
        "n": row.count,
        "c": row.checksum() if sound else row.checksum() ^ 1,
    }
    if order is not None:
        head |= {"o": order.number} | ({"s": order.held} if order.held else {"b": order.base})
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + row.payload


def held_back(row: Row, taken_us: int) -> Row:
    """The row, at a time that is not more than `AHEAD_US` after the stream took it: its writer's clock was ahead.

    One wrong clock of many would be everybody's time otherwise, for that never falls.
    """
    latest = taken_us + AHEAD_US
    return row if row.at_us <= latest else replace(row, at_us=latest)


def unframe(number: int, message: bytes) -> Framed:
    """The row of a message, never an error: what cannot be read is not sound."""
    line, _, payload = message.partition(b"\n")
    try:
        head = json.loads(line)
        agent, isp, role = (str(head[key]) for key in "air")
        epoch, first, last, count = (int(head[key]) for key in "efln")
        row = Row(number, int(head["k"]), int(head["at"]), agent, isp, role, epoch, first, last, count, payload)
        order = Order(int(head["o"]), str(head.get("s", "")), int(head.get("b", 0))) if "o" in head else None
        return Framed(row, str(head["id"]), head["v"] == VERSION and row.matches(int(head["c"])), order)
    except (ValueError, KeyError, TypeError, OverflowError):  # the last one: of 1e999, which JSON takes for a number
        return Framed(Row(number, 0, 0, "", "", "", payload=message), "", sound=False)
