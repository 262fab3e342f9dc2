"""What agents say that their spools had to drop, by cause, summed over those that have a session now. Pure.

An agent says how much since its spool was made, so a sum over sessions tells no agent, and needs no memory of those
that are gone.
"""

from enum import StrEnum

from rabta_proto.v1 import collector_pb2 as link

MOST = 10**9  # of one agent: more than any spool ever held


class Cause(StrEnum):
    """Why a measurement was dropped before it was sent."""

    FULL = "full"  # the spool or the disk was full, or an agent did not say
    OLD = "old"  # it had waited for too long
    DAMAGED = "damaged"  # it could not be read any more


class Drops:
    """The numbers of each agent that has a session."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[int, int, int]] = {}

    def hear(self, agent: str, said: link.Hello | link.Heartbeat) -> None:
        """Notes what an agent says now; what cannot be is cut down."""
        total = min(said.dropped, MOST)
        old = min(said.dropped_old, total)
        damaged = min(said.dropped_damaged, total - old)
        self._said[agent] = (total - old - damaged, old, damaged)

    def forget(self, agent: str) -> None:
        """Its session has ended."""
        self._said.pop(agent, None)

    def sums(self) -> dict[str, int]:
        """Measurements by cause."""
        columns = zip(*self._said.values(), strict=True) if self._said else ((0,), (0,), (0,))
        return {str(cause): sum(column) for cause, column in zip(Cause, columns, strict=True)}
