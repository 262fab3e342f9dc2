"""How many hands there may be behind votes that agree: agents of one invitation, of one prefix, or all new. Pure.

One agent has one vote, and who gets hold of an invitation with many uses has as many agents as it likes. So where a
verdict is to change, of the agents of one hand at most so many count as could be lying in any case: a third of all,
(n - 1) / 3 rounded down, one at least. A change takes more than those, so no one hand brings it about alone. A hand is

* an invitation, or a prefix (of the peer's address; known in memory alone, so that a replay has none), where more votes
  are not of it than could be lying. An invitation that brought two thirds of an ISP's agents or more is all that is
  known of the ISP: the few others could all be liars, and have no say against it;
* the newcomers, who joined within `NEW_S`, where `ELDERS` others have a vote, or more than could be lying: a hundred
  may join within an hour, but none that has been here for long.

So a third of liars still neither makes a block nor hides one: the honest, two thirds, are of several hands, or of one
that is not capped; only where all of them are newcomers and the liars are not, the block shows as `disrupted`.
Of whom nothing is known is a hand of its own.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from rabta_collector.verdict.vote import Vote

NEW_S = 7 * 86_400.0
ELDERS = 3
"""As many as a verdict takes that does not say "few agents"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an agent comes from, as far as is known. `joined`: Unix seconds. `prefix`: a number that tells nobody."""

    invite: str = ""
    prefix: bytes | None = None
    joined: float | None = None


UNKNOWN = Origin()
OriginOf = Callable[[str], Origin]
"""By an agent's pseudonym."""


def nobody_knows(agent: str) -> Origin:
    """Where nothing is known of any agent."""
    return UNKNOWN


def count_hands(supporters: Sequence[Vote], votes: Sequence[Vote], liars: int, origin_of: OriginOf) -> int:
    """How many of the supporters count; they are some of the votes. `liars`: how many of all could be lying."""
    if origin_of is nobody_knows:
        return len(supporters)
    heard = [(vote, origin_of(vote.agent)) for vote in votes]
    mine = {id(vote) for vote in supporters}
    counts = []
    for key in (_invite, _prefix, _new):
        of_all: Counter[Hashable] = Counter(key(vote, origin) for vote, origin in heard)
        of_mine: Counter[Hashable] = Counter(key(vote, origin) for vote, origin in heard if id(vote) in mine)
        least = min(liars + 1, ELDERS) if key is _new else liars + 1
        capped = {hand for hand in of_mine if hand is not None and len(votes) - of_all[hand] >= least}
        counts.append(_capped(of_mine.items(), capped, max(1, liars)))
    return min(counts)


def _capped(counts: Iterable[tuple[Hashable, int]], capped: set[Hashable], cap: int) -> int:
    return sum(min(count, cap) if hand in capped else count for hand, count in counts)


def _invite(vote: Vote, origin: Origin) -> Hashable:
    return origin.invite or None


def _prefix(vote: Vote, origin: Origin) -> Hashable:
    return origin.prefix


def _new(vote: Vote, origin: Origin) -> Hashable:
    return (origin.joined is not None and vote.started - origin.joined < NEW_S) or None
