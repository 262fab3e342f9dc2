"""Whether a platform goes on and off: a block for a part of the time is `disrupted`, and no news at each turn. Pure.

A turn is a change from reachable to blocked or throttled, or back; what lies between two turns is a spell. TURNS turns
within MEMORY_S are one block that flaps, unless they took less than LEAST_S: one change may be seen in several steps,
such as a block that ends, and has made way for throttling.

It has settled when the last spell lasts twice as long as the longest of those before it, so that a censor who switches
every three minutes is waited for by six, and one who switches every eight by sixteen. Fewer turns are what they look
like: one that is back for two minutes in the middle of a block is a window.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

from rabta_proto.vocabulary import State

TURNS, LEAST_S, MEMORY_S = 4, 180.0, 1800.0
SETTLED = 2

_OUT_OF_REACH = {State.REACHABLE: False, State.BLOCKED: True, State.THROTTLED: True}


@dataclass(slots=True)
class Turns:
    """The last turns of one platform at one ISP, Unix seconds, and whether it is out of reach since the last one."""

    times: deque[float] = field(default_factory=lambda: deque(maxlen=TURNS))
    out: bool | None = None

    def hear(self, state: State, now: float) -> None:
        """States that say neither, such as `inconclusive`, are no turns."""
        out = _OUT_OF_REACH.get(state)
        if out is None or out is self.out:
            return
        if self.out is not None:
            self.times.append(now)
        self.out = out

    def flapping(self, now: float) -> bool:
        return (until := self.settled_at) is not None and now < until

    @property
    def settled_at(self) -> float | None:
        """When it will have settled, if nothing turns meanwhile; `None` where it does not flap."""
        if len(self.times) < TURNS or not LEAST_S <= self.times[-1] - self.times[0] <= MEMORY_S:
            return None
        return self.times[-1] + SETTLED * max(after - before for before, after in pairwise(self.times))

    def note(self, now: float) -> str:
        """How often, and for what share of the time; a share of time since the first turn that is remembered."""
        edges, out = [*self.times, now], bool(self.out)
        spells = [after - before for before, after in pairwise(edges)]
        lost = sum(spells[::-2] if out else spells[-2::-2])
        whole = now - edges[0]
        share = round(100 * lost / whole) if whole else 0
        return f"on and off: {len(self.times)} turns in {round(whole / 60)} minutes, out of reach {share}% of the time"
