"""Whether agents changed over at some moment: one change held against a steady mixture. Pure.

A vote is its agent's newest measurement, and most are minutes old. When a block begins, or ends, those who measured
since say one thing and those who have not yet another, and waiting for all of them would cost minutes. So votes are put
in the order of their measurements and cut in two, at each place; with k of n votes for a judgement, d of m after the
cut and b of l before it, the generalised likelihood ratio of "the share changed there" to "it never did" is

    L(d, m) + L(b, l) - L(k, n),    L(k, n) = k ln(k / n) + (n - k) ln(1 - k / n)

(Basseville and Nikiforov, Detection of Abrupt Changes, 1993, chapter 2; the cuts tried are n, hence the n below).
Agents have changed over where, at some cut,

* it is at least ln(n / ERROR): a steady mixture is taken for a change once in a thousand times, or less;
* the judgement holds a quorum of the votes after the cut; and
* more votes than a third of all agents could be lying for it: d > (n - 1) / 3, rounded down, of agents of one hand
  counted as hands.py says. So no third of liars, whatever they say and whenever, brings a change about.

Fewer than fourteen agents never fill that measure, and are simply heard, all of them. Votes that an earlier change made
void still count among all agents, and are no part of the sequence: three changes in a row look like a mixture.
"""

from collections.abc import Callable, Sequence
from itertools import compress
from math import inf, log

from rabta_collector.verdict.hands import OriginOf, count_hands, nobody_knows
from rabta_collector.verdict.vote import Vote

ERROR = 0.001
"""Chance that the shares of a steady mixture look like a change."""


def could_lie(agents: int) -> int:
    """How many of so many agents may be lying, whatever they say, without a verdict that is theirs."""
    return (agents - 1) // 3


def find_changeover(
    votes: Sequence[Vote], quorum: float, *, crew: int = 0, since: float = 0.0, origin_of: OriginOf = nobody_knows
) -> float | None:
    """Start of the first vote after the likeliest change, where there was one.

    `quorum`: share that decides. `crew`: agents of the ISP, of which more may have been heard lately than have a vote.
    `since`: when agents last changed over; of votes from before nothing more is learnt than that there are so many.
    `origin_of`: where agents come from.
    """
    ordered = sorted((vote for vote in votes if vote.started >= since), key=lambda vote: vote.started)
    liars = could_lie(max(crew, len(votes)))
    least = log(max(1, len(ordered)) / ERROR)
    if _likelihood(len(ordered) // 2, len(ordered)) > -least:  # no cut of so few votes could be told from chance
        return None

    def enough(supporters: Sequence[Vote]) -> bool:
        return len(supporters) > liars and count_hands(supporters, votes, liars, origin_of) > liars

    found: tuple[float, float] | None = None
    for judgement in sorted({vote.judgement for vote in ordered}):
        says = [vote.judgement is judgement for vote in ordered]
        if -_likelihood(sum(says), len(says)) < least:  # were they in the clearest of orders
            continue
        likeliest = _likeliest(says, ordered, quorum, least, enough)
        if likeliest is not None and (found is None or likeliest[0] > found[0]):
            found = likeliest
    return None if found is None else found[1]


def _likeliest(
    yes: Sequence[bool],
    ordered: Sequence[Vote],
    quorum: float,
    least: float,
    enough: Callable[[Sequence[Vote]], bool],
) -> tuple[float, float] | None:
    """The greatest ratio of all cuts that count, `least` at the least, and the start of the first vote after it.

    `enough`: whether votes for it after a cut are more than could be lying; dear, and so asked last.
    """
    total, votes = len(yes), sum(yes)
    steady = _likelihood(votes, total)
    best = (least, -inf)
    before = 0
    for cut, says in enumerate(yes):
        after, rest = votes - before, total - cut
        if says and after >= quorum * rest - 1e-9:
            ratio = _likelihood(after, rest) + _likelihood(before, cut) - steady
            if (found := (ratio, ordered[cut].started)) > best and enough(list(compress(ordered[cut:], yes[cut:]))):
                best = found
        before += says
    return best if best[1] > -inf else None


def _likelihood(count: int, total: int) -> float:
    """The logarithm of the greatest likelihood of `count` of `total`."""
    if count in (0, total):
        return 0.0
    share = count / total
    return count * log(share) + (total - count) * log(1 - share)
