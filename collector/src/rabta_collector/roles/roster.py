"""Which agents have sessions, with which process: what processes that take agents tell all others once a second. Pure.

A roll is JSON, compressed: the process, and of each session agent, ISP, role, number, platforms left out, and prefix
(origins.py; under a salt that only these processes know). It is kept in memory, and forgotten some seconds after its
process was heard of last.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from rabta_collector.journal import Member
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role

BEAT_S = 1.0
FORGOTTEN_S = 5.0
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


def write_roll(process: int, seats: Iterable[Seat]) -> bytes:
    """A roll of all the sessions of a process."""
    rows = [
        [
            seat.member.agent,
            seat.member.isp,
            str(seat.member.role),
            seat.number,
            sorted(seat.left_out),
            None if seat.prefix is None else seat.prefix.hex(),
        ]
        for seat in seats
    ]
    return zlib.compress(json.dumps([process, rows], separators=(",", ":")).encode(), 1)


def read_roll(roll: bytes, send: Ask) -> tuple[int, dict[str, Seat]]:
    """The process, and its sessions by agent. Raises `ValueError`."""
    unfolding = zlib.decompressobj()
    try:
        process, rows = json.loads(unfolding.decompress(roll, MOST_BYTES))
    except zlib.error as wrong:
        raise ValueError(str(wrong)) from None
    return int(process), {
        agent: Seat(
            member=Member(agent=agent, isp=isp, role=Role(role)),
            left_out=frozenset(left_out),
            number=int(number),
            process=int(process),
            prefix=None if prefix is None else bytes.fromhex(prefix),
            send=send,
        )
        for agent, isp, role, number, left_out, prefix in rows
    }


class Roster(Mapping[str, Seat]):
    """By agent the newest session that any process has said it holds. Times are of any clock that never falls."""

    def __init__(self, send: Ask = lambda _process, _agent, _request: False) -> None:
        self._send = send
        self._rolls: dict[int, dict[str, Seat]] = {}
        self._heard: dict[int, float] = {}
        self._seats: dict[str, Seat] | None = {}

    def hear(self, roll: bytes, now: float) -> int:
        """Takes a roll in; whose it is. Raises `ValueError`."""
        process, seats = read_roll(roll, self._send)
        self._rolls[process], self._heard[process], self._seats = seats, now, None
        return process

    def drop(self, process: int) -> None:
        """Forgets a process."""
        self._heard.pop(process, None)
        self._rolls.pop(process, None)
        self._seats = None

    def sweep(self, now: float) -> None:
        """Forgets processes that were not heard of lately."""
        for process in [process for process, at in self._heard.items() if now - at > FORGOTTEN_S]:
            self.drop(process)

    def processes(self) -> frozenset[int]:
        """Those that were heard of lately."""
        return frozenset(self._heard)

    def prefix_of(self, agent: str) -> bytes | None:
        """Of an agent that has a session, as a number that tells nobody."""
        seat = self._all().get(agent)
        return None if seat is None else seat.prefix

    def _all(self) -> dict[str, Seat]:
        if self._seats is None:
            self._seats = {}
            for seats in self._rolls.values():
                for agent, seat in seats.items():
                    if (other := self._seats.get(agent)) is None or other.number < seat.number:
                        self._seats[agent] = seat
        return self._seats

    def __getitem__(self, agent: str) -> Seat:
        return self._all()[agent]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
