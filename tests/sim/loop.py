"""The closed loop in virtual time: the collector's own (closedloop.py), with sessions that lead to imagined agents.

Whatever answers to `Asker` can be put in its place, to see what another way of asking would bring. `Unasked` asks
nobody: then verdicts wait for the plan's own turns.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from rabta_collector.closedloop import ClosedLoop
from rabta_collector.engine import Engine
from rabta_collector.journal import Member
from rabta_collector.session import Session
from rabta_collector.state import Event, IngestStats
from rabta_proto.v1 import collector_pb2 as link


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the closed loop knows of a session: whose it is, how to ask, and what its volunteer leaves out."""

    member: Member
    ask: Callable[[link.MeasureNow], bool]
    left_out: frozenset[str] = frozenset()


Lines = Mapping[str, Line]


class Asker(Protocol):
    """As the collector calls it: `hear` for each batch of events, `turn` at points of the decision grid."""

    def hear(self, events: Iterable[Event], now: float) -> None: ...

    def turn(self, now: float) -> None: ...

    @property
    def busy(self) -> bool:
        """Whether a turn may give orders though nothing new is heard."""


class Unasked:
    """Nobody is asked."""

    busy = False

    def __init__(self, engine: Engine, lines: Lines) -> None:
        self._engine = engine

    def hear(self, events: Iterable[Event], now: float) -> None:
        pass

    def turn(self, now: float) -> None:
        self._engine.take_alarms()


class Asked:
    """The collector's own."""

    def __init__(self, engine: Engine, lines: Lines) -> None:
        self._stats = IngestStats()
        self._loop = ClosedLoop(engine, cast(Mapping[str, Session], lines), self._stats)
        self._loop.start()
        self.hear, self.turn = self._loop.hear, self._loop.turn

    @property
    def busy(self) -> bool:
        return self._stats.questions > 0


MakeAsker = Callable[[Engine, Lines], Asker]
