"""Which versions of the agent fail by their own fault: what they find follows them through the country. Pure.

At one ISP a block and a broken release look alike where most agents there have updated. Through the country they do
not: a block is met by every version at the ISPs that have it, and by none elsewhere; a broken version fails at every
ISP, beside agents of other versions that get through. So a version is faulty, for one target, where

* at FEWEST_ISPS ISPs or more its agents have measured it, and nine of ten of them in all do not reach it; and
* at two of these ISPs or more other versions reach it, more agents of them than could be lying there (changeover.py).

The second keeps liars from hiding a block of the whole country behind a version of their own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from rabta_collector.verdict.changeover import could_lie
from rabta_collector.verdict.vote import Vote
from rabta_proto.vocabulary import Judgement

FEWEST_ISPS = 3
FAILS = 0.9


def find_faulty(isps: Iterable[Sequence[Vote]]) -> frozenset[str]:
    """Versions whose agents' votes say nothing of the network. `isps`: the votes on one target at each ISP."""
    fails: Counter[str] = Counter()
    votes: Counter[str] = Counter()
    measured: Counter[str] = Counter()
    beside: dict[str, int] = defaultdict(int)
    for ballots in isps:
        reached = Counter(vote.version for vote in ballots if vote.judgement is Judgement.OK)
        failed = Counter(vote.version for vote in ballots if vote.judgement is not Judgement.OK)
        fails += failed
        votes += failed + reached
        measured.update((failed + reached).keys())
        for version in failed:
            beside[version] += reached.total() - reached[version] > could_lie(len(ballots))
    return frozenset(
        version
        for version, count in fails.items()
        if version and measured[version] >= FEWEST_ISPS and count >= FAILS * votes[version] and beside[version] >= 2
    )
