"""What it costs that processes tell one another of their sessions."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from rabta_collector.journal import Member
from rabta_collector.roles.rolls import Teller
from rabta_collector.roles.roster import Roster
from rabta_collector.roles.seats import Seats
from rabta_proto.vocabulary import Role

SEATS, KEPT = 2000, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """What telling others of a session costs: bytes, and microseconds of CPU.

    `keep_us`: of one that is as it was, each second.
    """

    bytes: float
    write_us: float
    hear_us: float
    keep_us: float


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A session, as far as others are told of it."""

    member: Member
    left_out: frozenset[str] = frozenset()


class Numbers:
    """A journal's word for sessions."""

    process = 1

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self.session_of = numbers.__getitem__


def measure() -> Roll:
    """Of a process with so many sessions, each of which begins; then nothing changes."""
    dice = Random(0)
    agents = {f"{dice.getrandbits(64):016x}": dice.getrandbits(40) for _ in range(SEATS)}
    sessions = {agent: Standing(Member(agent=agent, isp="ptcl", role=Role.PROBE)) for agent in agents}
    numbers = Numbers({agent: 1_800_000_000_000_000 + number for agent, number in agents.items()})
    roster, turns, texts, began = Roster(), 5, list[bytes](), time.process_time()
    for _ in range(turns):
        teller = Teller(1)
        seats = Seats(numbers, lambda agent: bytes.fromhex(agent))
        texts.append(teller.tell(seats.of(sessions)))
    written = time.process_time()
    for text in texts:
        roster.drop(1)
        roster.hear(text, 0.0)
    heard = time.process_time()
    for _ in range(KEPT):
        teller.tell(seats.of(sessions))
    kept, each = time.process_time(), turns * SEATS / 1e6
    return Roll(
        bytes=len(texts[-1]) / SEATS,
        write_us=(written - began) / each,
        hear_us=(heard - written) / each,
        keep_us=(kept - heard) * 1e6 / (KEPT * SEATS),
    )
