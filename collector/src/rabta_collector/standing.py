"""What is held of every platform, as volunteers' agents are told it: whole once, and later what has changed. Pure.

Changes are numbered for all agents together, so that of each session no more is remembered than the number up to which
its agent was told. They are looked for every LOOK_S at the most, and an agent is told every TELL_S at the most: it pays
for the bytes, and reads this when its volunteer asks.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from rabta_collector.rfc3339 import minute_of
from rabta_collector.state import Snapshot, Verdict
from rabta_proto.codec import to_timestamp
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import State

LOOK_S = 15.0
TELL_S = 300.0


class Standings:
    """One for all sessions."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._held: dict[tuple[str, str], Verdict] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._number = 0
        self._looked_at = float("-inf")
        self._at = 0.0

    def teller(self) -> "Teller":
        """For one session."""
        return Teller(self)

    def since(self, number: int, now: float) -> tuple[int, link.Standing | None]:
        """The number of the newest change, and what has changed after the one given; `None`: nothing. 0: all of it."""
        self._look(now)
        changed = [self._held[place] for place, at in self._numbers.items() if at > number]
        if number == 0:
            changed = [verdict for verdict in changed if verdict.state is not State.INCONCLUSIVE]
        if not changed:
            return self._number, None
        at = to_timestamp(datetime.fromtimestamp(self._at, UTC))
        return self._number, link.Standing(at=at, held=map(_held, changed), whole=number == 0)

    def _look(self, now: float) -> None:
        if 0 <= now - self._looked_at < LOOK_S:
            return
        self._looked_at, snapshot = now, self._snapshot()
        self._at = snapshot.at
        for verdict in snapshot.verdicts:
            place = verdict.platform, verdict.isp
            former = self._held.get(place)
            if former is None or (former.state, former.mechanism) != (verdict.state, verdict.mechanism):
                self._number += 1
                self._held[place], self._numbers[place] = verdict, self._number


class Teller:
    """What one agent was told."""

    def __init__(self, standings: Standings) -> None:
        self._standings = standings
        self._number = 0
        self._told_at = float("-inf")

    def news(self, now: float) -> link.Standing | None:
        """What there is to tell now, which then counts as told; `None`: nothing."""
        if 0 <= now - self._told_at < (TELL_S if self._number else LOOK_S):
            return None
        self._told_at = now
        self._number, standing = self._standings.since(self._number, now)
        return standing


def _held(verdict: Verdict) -> link.Held:
    return link.Held(
        platform=verdict.platform,
        isp=verdict.isp,
        state=str(verdict.state),
        mechanism=str(verdict.mechanism or ""),
        since=to_timestamp(datetime.fromtimestamp(minute_of(verdict.since), UTC)),
    )
