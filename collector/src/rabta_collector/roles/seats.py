"""The sessions of one process as it tells others of them: what is told of one is made once, and not each second."""

from collections.abc import Callable, Mapping, Set
from typing import Protocol

from rabta_collector.journal import Member
from rabta_collector.roles.rolls import Seat

PREFIX_BYTES = 8
"""Of a prefix' number; others want to know which agents share one, and no more."""


class Numbers(Protocol):
    """Of a journal, what there is to know of sessions."""

    @property
    def process(self) -> int: ...

    def session_of(self, agent: str) -> int: ...


class Standing(Protocol):
    """A session."""

    @property
    def member(self) -> Member: ...

    @property
    def left_out(self) -> Set[str]: ...


class Seats:
    """Makes them, and keeps those of sessions that stand."""

    def __init__(self, journal: Numbers, prefix_of: Callable[[str], bytes | None]) -> None:
        self._journal, self._prefix_of = journal, prefix_of
        self._kept: dict[str, tuple[Standing, Seat]] = {}

    def of(self, sessions: Mapping[str, Standing]) -> Mapping[str, Seat]:
        """By agent; the same object for as long as nothing about it changes."""
        kept, number_of = self._kept, self._journal.session_of
        self._kept = {}
        for agent, session in sessions.items():
            found = kept.get(agent)
            if found is None or found[0] is not session or found[1].number != number_of(agent):
                found = session, self._seat(agent, session)
            self._kept[agent] = found
        return {agent: seat for agent, (_, seat) in self._kept.items()}

    def _seat(self, agent: str, session: Standing) -> Seat:
        prefix = self._prefix_of(agent)
        return Seat(
            member=session.member,
            left_out=session.left_out,
            number=self._journal.session_of(agent),
            process=self._journal.process,
            prefix=None if prefix is None else prefix[:PREFIX_BYTES],
        )
