"""What a process that takes agents tells all others once a second: which sessions began there and ended. Pure.

    PROCESS NUMBER FIRST\n       hexadecimal, decimal, and 1 where nothing before this one is needed, else 0
    JSON, compressed            [sessions, agents whose session is over]; nothing where both are empty

A session is its agent, ISP, role, number, platforms left out, and prefix (origins.py; under a salt that only these
processes know). `NUMBER` grows by one with each. Who missed one, or has just come, asks for one with all sessions, and
has it a second later; one comes unasked every `WHOLE_BEATS`. So what a roll costs goes by what changes, and not by
how many sessions there are.
"""

import json
import zlib
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass

from rabta_collector.journal import Member
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role

BEAT_S = 1.0
WHOLE_BEATS = 600
MOST_BYTES = 16 * 1024 * 1024
"""That a roll may unfold to."""

Ask = Callable[[int, str, bytes], bool]
"""Has a process ask an agent, with the bytes of a `MeasureNow`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One session. `number`: as the journal knows it."""

    member: Member
    left_out: Set[str]
    number: int
    process: int
    prefix: bytes | None = None
    send: Ask = lambda _process, _agent, _request: False

    def ask(self, request: link.MeasureNow) -> bool:
        """Whether it is on its way; what becomes of it the process that holds the session counts."""
        return self.send(self.process, self.member.agent, request.SerializeToString())


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """One message. `first`: it has all sessions of its process; else those that are new, and agents of `gone` ones."""

    process: int
    number: int
    first: bool
    seats: Mapping[str, Seat]
    gone: Collection[str]


class Teller:
    """What a process tells of itself, one message after the other."""

    def __init__(self, process: int) -> None:
        self._process, self._number, self._whole_in = process, 0, 0
        self._told: Mapping[str, Seat] = {}

    def ask(self) -> None:
        """Somebody missed a message: the next one has all sessions."""
        self._whole_in = 0

    def tell(self, seats: Mapping[str, Seat]) -> bytes:
        """The next message. A session that is as it was has to be the same object."""
        first, told = self._whole_in == 0, self._told
        self._whole_in = WHOLE_BEATS - 1 if first else self._whole_in - 1
        news = seats if first else {agent: seat for agent, seat in seats.items() if told.get(agent) is not seat}
        gone = [] if first else sorted(told.keys() - seats.keys())
        self._number, self._told = self._number + 1, dict(seats)
        return write_roll(Roll(process=self._process, number=self._number, first=first, seats=news, gone=gone))


def write_roll(roll: Roll) -> bytes:
    head = f"{roll.process:x} {roll.number} {roll.first:d}\n".encode()
    if not roll.seats and not roll.gone:
        return head
    rows = [
        [
            seat.member.agent,
            seat.member.isp,
            str(seat.member.role),
            seat.number,
            sorted(seat.left_out),
            None if seat.prefix is None else seat.prefix.hex(),
        ]
        for seat in roll.seats.values()
    ]
    return head + zlib.compress(json.dumps([rows, [*roll.gone]], separators=(",", ":")).encode(), 1)


def read_roll(text: bytes, send: Ask) -> Roll:
    """Raises `ValueError`."""
    head, _, body = text.partition(b"\n")
    process, number, first = head.split(b" ")
    sender, rows, gone = int(process, 16), [], []
    if body:
        try:
            rows, gone = json.loads(zlib.decompressobj().decompress(body, MOST_BYTES))
        except zlib.error as wrong:
            raise ValueError(str(wrong)) from None
    seats = {
        agent: Seat(
            member=Member(agent=agent, isp=isp, role=Role(role)),
            left_out=frozenset(left_out),
            number=int(its_number),
            process=sender,
            prefix=None if prefix is None else bytes.fromhex(prefix),
            send=send,
        )
        for agent, isp, role, its_number, left_out, prefix in rows
    }
    return Roll(process=sender, number=int(number), first=first == b"1", seats=seats, gone=[*map(str, gone)])


def sender_of(text: bytes) -> int:
    """Whose roll this is, without reading the rest. Raises `ValueError`."""
    return int(text.partition(b" ")[0], 16)
