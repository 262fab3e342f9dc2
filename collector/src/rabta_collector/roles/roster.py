"""Which agents have sessions, with which process, as processes tell one another (rolls.py). Pure.

It is kept in memory, and of each process forgotten some seconds after it was heard of last. Where a message was missed
what was known stays known, until that process has told all of its sessions again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from rabta_collector.roles.rolls import Ask, Roll, Seat, read_roll

FORGOTTEN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a roll told: of which agents, whose sessions they are, and whether one before it was missed."""

    process: int
    agents: Collection[str]
    missed: bool = False


class Roster(Mapping[str, Seat]):
    """By agent the newest session that any process has said it holds. Times are of any clock that never falls."""

    def __init__(self, send: Ask = lambda _process, _agent, _request: False) -> None:
        self._send = send
        self._rolls: dict[int, dict[str, Seat]] = {}
        self._numbers: dict[int, int] = {}
        self._heard: dict[int, float] = {}
        self._seats: dict[str, Seat] = {}
        self.changes = 0
        """How often an agent came to be among these, or ceased to be."""

    def hear(self, text: bytes, now: float) -> News:
        """Takes a roll in. Raises `ValueError`."""
        roll = read_roll(text, self._send)
        self._heard[roll.process] = now
        known = self._numbers.get(roll.process)
        if not roll.first and (known is None or roll.number > known + 1):
            return News(process=roll.process, agents=(), missed=True)
        if known is None or roll.number > known:
            self._numbers[roll.process] = roll.number
            self._take(roll)
        return News(process=roll.process, agents=roll.seats.keys())

    def _take(self, roll: Roll) -> None:
        own = self._rolls.setdefault(roll.process, {})
        for agent in [*own.keys() - roll.seats.keys()] if roll.first else roll.gone:
            own.pop(agent, None)
            self._settle(agent)
        for agent, seat in roll.seats.items():
            own[agent] = seat
            self._settle(agent)

    def _settle(self, agent: str) -> None:
        """Finds the newest session of an agent anew."""
        stands = [seats[agent] for seats in self._rolls.values() if agent in seats]
        self.changes += bool(stands) != (agent in self._seats)
        if stands:
            self._seats[agent] = max(stands, key=lambda seat: seat.number)
        else:
            self._seats.pop(agent, None)

    def drop(self, process: int) -> None:
        """Forgets a process."""
        self._heard.pop(process, None)
        self._numbers.pop(process, None)
        for agent in self._rolls.pop(process, {}):
            self._settle(agent)

    def sweep(self, now: float) -> None:
        """Forgets processes that were not heard of lately."""
        for process in [process for process, at in self._heard.items() if now - at > FORGOTTEN_S]:
            self.drop(process)

    def processes(self) -> frozenset[int]:
        """Those that were heard of lately."""
        return frozenset(self._heard)

    def counts(self) -> Mapping[int, int]:
        """How many sessions each process holds that was heard of lately and has told all of them."""
        return {process: len(self._rolls[process]) for process in self._heard if process in self._rolls}

    def among(self, agents: Iterable[str]) -> Set[str]:
        """Those of these agents that have a session."""
        return self._seats.keys() & agents

    def prefix_of(self, agent: str) -> bytes | None:
        """Of an agent that has a session, as a number that tells nobody."""
        seat = self._seats.get(agent)
        return None if seat is None else seat.prefix

    def __getitem__(self, agent: str) -> Seat:
        return self._seats[agent]

    def __iter__(self) -> Iterator[str]:
        return iter(self._seats)

    def __len__(self) -> int:
        return len(self._seats)
