"""Which processes ended without a word, so that their sessions are ended by somebody else. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rabta_collector.journal import Member

BEATS = 90
"""Of our own that we heard, and none of a process: it is gone. While NATS is away nobody hears anything.

Its agents have had the time to come to another one, which takes those whose line broke without a word up to a minute.
"""


@dataclass(slots=True, kw_only=True)
class Burial:
    """Counts our own beats since each process was heard of last."""

    _silent: dict[int, int] = field(default_factory=dict)

    def beat(self, heard: Iterable[int], holding: Iterable[int]) -> frozenset[int]:
        """To be called at each of our beats, with the processes that were heard of lately and those that held sessions.

        Those that are gone.
        """
        alive = frozenset(heard)
        self._silent = {process: self._silent.get(process, 0) + 1 for process in holding if process not in alive}
        return frozenset(process for process, beats in self._silent.items() if beats >= BEATS)


def sessions_of(
    gone: frozenset[int], present: Mapping[str, Member], sessions: Mapping[str, tuple[int, int]]
) -> list[tuple[Member, int, int]]:
    """What stands of these processes: whose session, its number, and the process."""
    found = ((member, *sessions.get(agent, (0, 0))) for agent, member in present.items())
    return [one for one in found if one[2] in gone]
