"""From the votes of one target at one ISP to a decision, and from decisions on targets to one on their platform. Pure.

One agent has one vote, its newest. With n votes, of which k are for the leading judgement:

* `k / n >= quorum` (two thirds): the leading judgement decides. So with three agents the second one that changes moves
  the verdict, and one agent, or any share below a third, never does.
* But where two sides measure in turns, on either of them two agents or more that did so after the first of the other,
  and more than could be lying (`could_lie` of all: (n - 1) / 3, rounded down), it is `disrupted`: a block of a part is
  not averaged away. Fewer may be liars, and what came before is old, and neither shall hide a block or blur one.
* No quorum, and two agents or more on either side: agents are changing over, and what stood stands. With one agent
  against two or so, measuring in turns, it is inconclusive.
* Votes from before the moment at which agents changed over, where one is found (changeover.py), are void.
* Agents of one invitation, of one prefix, or all new, bring no change about by themselves (hands.py). Where newcomers
  alone hold a quorum against others who have measured since, it is `disrupted`.
* Before all that: votes by versions of the agent that fail alike all over the country, where others do not, are left
  out (instruments.py); and where more than could lie and two agents reach it, as many do not, and no version of the
  agent is on both sides, the failure follows the instrument and not the network: inconclusive.

With fewer than `min_agents` votes a change needs two measurements that agree, of one agent or of two; only the first
`reachable` after nothing was known needs one. (Repeats within a measurement have made that one believable, and count
once.) Such a verdict has the note "few agents".

A block that does not prove itself, but by controls alone, looks like a path that failed for a moment. Where fewer than
three agents say so, one of them has to have seen it again: after fifteen minutes, or half of it where they are two.

Confidence is the Wilson lower bound (z = 1.28, one-sided 90 %) of the share k / n: 0.65 for 3 of 3, 0.81 for 7 of 7,
0.95 for 31 of 31; at most 0.3 with one agent and 0.5 with two; for `disrupted` k is twice the smaller side; 0 when
inconclusive. It is never more than the mean weight of the findings that bear the verdict (weights.py): however many
agents say so, a block that only controls prove is less sure than one that proves itself.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from math import fsum, sqrt

from rabta_collector.catalogue import Need
from rabta_collector.verdict.changeover import could_lie, find_changeover
from rabta_collector.verdict.hands import OriginOf, count_hands, nobody_knows
from rabta_collector.verdict.pace import held, typical
from rabta_collector.verdict.rules import RULES_BY_ID
from rabta_collector.verdict.vote import Vote
from rabta_proto.vocabulary import Judgement, Mechanism, State

STATE_OF = {
    Judgement.OK: State.REACHABLE,
    Judgement.BLOCKED: State.BLOCKED,
    Judgement.THROTTLED: State.THROTTLED,
    Judgement.DOWN: State.DOWN,
}
Z = 1.28
PROOF = 0.92
"""From this weight on a finding proves a block by itself (weights.py); below it something else may have failed."""

CROWD, LASTING_S = 3, 900.0
"""Fewer agents have to see a block that does not prove itself for so long: one for all of it, two for half."""

PROVED_OR_LASTING = (State.BLOCKED, State.THROTTLED)
"""States that a path that fails for a moment may feign."""

CAPS = {1: 0.3, 2: 0.5}
FEW_AGENTS = "few agents"
NOT_MEASURED = "no agent has measured it lately"
DISAGREE = "agents disagree"
INSTRUMENT = "what agents find follows their version, and not the network: a fault of the instrument, perhaps"

# Which target's state is the platform's, first to last.
_WORST_FIRST = (
    State.BLOCKED,
    State.THROTTLED,
    State.DISRUPTED,
    State.DOWN,
    State.INCONCLUSIVE,
    State.REACHABLE,
)
_BEST_FIRST = (
    State.REACHABLE,
    State.THROTTLED,
    State.DISRUPTED,
    State.INCONCLUSIVE,
    State.BLOCKED,
    State.DOWN,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The numbers that decide."""

    quorum: float = 2 / 3
    min_agents: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the votes say together. `began`: when the runs of the votes for it began.

    `turned`: when agents last changed over; votes of measurements from before that are void.
    """

    state: State = State.INCONCLUSIVE
    mechanism: Mechanism | None = None
    confidence: float = 0.0
    agreement: float = 0.0
    reached: float | None = None
    note: str | None = None
    began: tuple[float, ...] = ()
    turned: float = 0.0


def decide(
    votes: Sequence[Vote],
    before: Decision,
    terms: Terms,
    *,
    crew: int = 0,
    faulty: Collection[str] = frozenset(),
    origin_of: OriginOf = nobody_knows,
) -> Decision:
    """The decision on one target. `before` is the last one, which stands while agents change over.

    `crew`: agents that the ISP has, where more than vote. `faulty`: versions of the agent whose votes do not count.
    `origin_of`: where agents come from.
    """
    if faulty and (sound := [vote for vote in votes if vote.version not in faulty]) != votes:
        return decide(sound, before, terms, crew=crew, origin_of=origin_of) if sound else Decision(note=INSTRUMENT)
    if not votes:
        return Decision(note=NOT_MEASURED)
    if _follows_version(votes):
        return replace(_describe(State.INCONCLUSIVE, votes, before, terms), note=INSTRUMENT)
    changed = find_changeover(votes, terms.quorum, crew=crew, since=before.turned, origin_of=origin_of)
    turned = max(before.turned, changed or 0.0)
    fresh = [vote for vote in votes if vote.started >= turned] or votes
    counted = fresh if len(votes) >= terms.min_agents else _believable(fresh, before)
    liars = could_lie(max(crew, len(counted)))
    state = _state(counted, before, terms, liars=liars, counts=lambda some: count_hands(some, votes, liars, origin_of))
    if state in PROVED_OR_LASTING and before.state is not state and _too_soon(fresh, state):
        state = before.state
    return replace(_describe(state, fresh, before, terms), turned=turned)


def stands(before: Decision, votes: int, terms: Terms) -> bool:
    """Whether a decision is what `decide` comes to again, where so many votes are as they were but newer, and all good.

    It rests on how many they are and what bears them out, and not on when they were cast, unless some were void.
    """
    return before.state is State.REACHABLE and not before.turned and votes >= terms.min_agents


def _follows_version(votes: Sequence[Vote]) -> bool:
    """Whether agents of some versions reach it and agents of others do not; too many to be a few liars' doing."""
    reached = sum([vote.judgement is Judgement.OK for vote in votes])
    if min(reached, len(votes) - reached) < max(2, could_lie(len(votes)) + 1):
        return False
    sides = [{vote.version for vote in votes if (vote.judgement is Judgement.OK) is ok} for ok in (True, False)]
    return "" not in sides[0] | sides[1] and sides[0].isdisjoint(sides[1])


def _believable(votes: Sequence[Vote], before: Decision) -> Sequence[Vote]:
    """Of few votes those that one more measurement bears out, or that bear out what stands."""
    weights: Counter[Judgement] = Counter()
    for vote in votes:
        weights[vote.judgement] += vote.streak
    return [vote for vote in votes if weights[vote.judgement] >= 2 or _expected(vote.judgement, before.state)]


def _too_soon(votes: Sequence[Vote], state: State) -> bool:
    """Whether these blocks may be paths that failed for a moment: of few agents, none proves itself, and none lasts."""
    those = [vote for vote in votes if STATE_OF[vote.judgement] is state]
    if len(those) >= CROWD or any(vote.weight >= PROOF for vote in those):
        return False
    lasts_s = max(vote.started - vote.since for vote in those)  # two agents' faults, hours apart, are no run
    return lasts_s < LASTING_S / len(those)


def _expected(judgement: Judgement, before: State) -> bool:
    return STATE_OF[judgement] is before or (judgement is Judgement.OK and before is State.INCONCLUSIVE)


def _state(
    votes: Sequence[Vote], before: Decision, terms: Terms, *, liars: int, counts: Callable[[Sequence[Vote]], int]
) -> State:
    if not votes:
        return before.state
    leader, count = _leader(votes)
    in_turns = _in_turns(votes, leader)
    if min(in_turns) > max(1, liars):
        return State.DISRUPTED
    if count >= terms.quorum * len(votes) - 1e-9:
        mine = [vote for vote in votes if vote.judgement is leader]
        if STATE_OF[leader] is before.state or count <= liars or counts(mine) > liars:
            return STATE_OF[leader]
        return State.DISRUPTED if in_turns[1] else before.state
    two_sides = min(count, len(votes) - count) >= 2
    return before.state if two_sides or not min(in_turns) else State.INCONCLUSIVE


def _leader(votes: Sequence[Vote]) -> tuple[Judgement, int]:
    counts = Counter(vote.judgement for vote in votes)
    leader = max(counts, key=lambda judgement: (counts[judgement], judgement))
    return leader, counts[leader]


def _in_turns(votes: Sequence[Vote], leader: Judgement) -> tuple[int, int]:
    """Votes for the leading judgement from after the first other one, and others from after the first leading one."""
    mine = [vote.started for vote in votes if vote.judgement is leader]
    others = [vote.started for vote in votes if vote.judgement is not leader]
    if not others:
        return 0, 0
    return sum(at > min(others) for at in mine), sum(at > min(mine) for at in others)


def _describe(state: State, votes: Sequence[Vote], before: Decision, terms: Terms) -> Decision:
    """A state with its numbers."""
    total = len(votes)
    reached = sum(vote.judgement is Judgement.OK for vote in votes)
    supporters = _supporters(state, votes)
    larger = max(len(supporters), total - len(supporters)) if state is State.DISRUPTED else len(supporters)
    sure = min(total, 2 * (total - larger)) if state is State.DISRUPTED else larger
    return Decision(
        state=state,
        mechanism=_mechanism(state, supporters, before.mechanism),
        confidence=0.0 if state is State.INCONCLUSIVE else _confidence(sure, total, supporters),
        agreement=larger / total,
        reached=reached / total,
        note=_note(state, supporters, votes, terms),
        began=tuple(sorted(vote.since for vote in supporters)),
    )


def _confidence(sure: int, total: int, supporters: Sequence[Vote]) -> float:
    weights = [vote.weight for vote in supporters]
    heaviest = fsum(weights) / len(weights) if weights else 1.0
    return min(wilson(sure, total), CAPS.get(total, 1.0), heaviest)


def _supporters(state: State, votes: Sequence[Vote]) -> Sequence[Vote]:
    """The votes for a state; for a partial one those that did not get through, for an unknown one the leading ones."""
    if state is State.DISRUPTED:
        return [vote for vote in votes if vote.judgement is not Judgement.OK]
    if state is State.INCONCLUSIVE:
        leader, _ = _leader(votes)
        return [vote for vote in votes if vote.judgement is leader]
    return [vote for vote in votes if STATE_OF[vote.judgement] is state]


def _mechanism(state: State, supporters: Sequence[Vote], before: Mechanism | None) -> Mechanism | None:
    """The one that most supporters name; of several the one that stood before."""
    if state not in (State.BLOCKED, State.THROTTLED):
        return None
    counts = Counter(vote.mechanism for vote in supporters if vote.mechanism is not None)
    if not counts:
        return before
    most = [mechanism for mechanism, count in counts.items() if count == max(counts.values())]
    return before if before in most else min(most)


def _note(state: State, supporters: Sequence[Vote], votes: Sequence[Vote], terms: Terms) -> str | None:
    notes = [FEW_AGENTS] if len(votes) < terms.min_agents else []
    if state is State.DISRUPTED:
        notes.append(f"{sum(v.judgement is Judgement.OK for v in votes)} of {len(votes)} agents reach it")
    elif state is State.INCONCLUSIVE:
        notes.append(DISAGREE if len(votes) > 1 else "one measurement, not yet borne out")
    elif state is State.DOWN:
        notes.append("fails for the controls too")
    elif state is State.THROTTLED and (paces := [vote.pace for vote in supporters if vote.pace is not None]):
        notes.append(held(typical(paces)))
    elif rule := _unusual(supporters):
        notes.append(RULES_BY_ID[rule].comment)
    return "; ".join(notes) or None


def _unusual(supporters: Sequence[Vote]) -> str | None:
    """A rule that most supporters matched and that a reader has to be told of: the server's doing, or a ghost."""
    counts = Counter(vote.rule for vote in supporters)
    rule, count = max(counts.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    told = rule.endswith(".ghost") or (rule in RULES_BY_ID and RULES_BY_ID[rule].server_side)
    return rule if told and 2 * count > len(supporters) else None


def wilson(count: int, total: int) -> float:
    """Lower bound of a share, given `count` of `total`."""
    if total == 0:
        return 0.0
    share, square = count / total, Z * Z
    middle = share + square / (2 * total)
    spread = Z * sqrt(share * (1 - share) / total + square / (4 * total * total))
    return max(0.0, (middle - spread) / (1 + square / total))


def combine(decisions: Sequence[Decision], need: Need) -> Decision:
    """A platform's decision: that of its worst target where it needs all, of its best where any one will do."""
    order = _WORST_FIRST if need is Need.ALL else _BEST_FIRST
    if not decisions:
        return Decision(note=NOT_MEASURED)
    state = min((decision.state for decision in decisions), key=order.index)
    those = [decision for decision in decisions if decision.state is state]
    # A claim stands on its strongest leg, except that reachable everywhere is only as sure as the least sure of them.
    weakest = state is State.REACHABLE and need is Need.ALL
    return (min if weakest else max)(those, key=lambda decision: (decision.confidence, decision.agreement))
