"""What the agents of one ISP have lately found of one target: a vote each, and a sample of findings. Pure, bounded.

Invariants: one agent has at most one vote, its newest conclusive finding; what cannot be judged takes no vote away, it
waits (is open) until controls or references are heard, and votes expire. The last two measurements of an agent that
were not plainly ok stay open: a vote that the first of two controls brought about must not outlive the word of the
second, although the agent has measured again meanwhile. A measurement older than the newest of its agent changes
nothing. Of an agent whose vote and finding have expired no more is kept than when it last measured, for `PACE_S`: from
that it is known how seldom it does, and so how long its next vote has to stand.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from rabta_collector.expiries import Expiries
from rabta_collector.verdict.classify import Finding
from rabta_collector.verdict.decide import Decision
from rabta_collector.verdict.vote import Vote, count_alike, say_the_same
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Depth, Judgement, Step

SAMPLE_LIMIT = 2000
VANTAGE = "vantage."
"""What the rules' ids begin with that tell of an agent's own line or machine."""
OPEN_LIMIT = 2
PACE_S = 21_600.0  # the longest that a vote stands
STARTS = 3  # of which the longer gap counts: one that was asked to measure at once is no faster for that


@dataclass(slots=True, kw_only=True)
class Case:
    """A measurement to be judged, which never changes. `started` and `expires` in Unix seconds."""

    agent: str
    measurement: Measurement
    started: float
    expires: float


@dataclass(slots=True, kw_only=True)
class Sampled:
    """One finding of the sample; a revision changes it in place."""

    expires: float
    rule: str
    kept: bool = True


@dataclass(slots=True, kw_only=True)
class Stand:
    """An open case with its last finding. `at` is when it was taken in."""

    case: Case
    finding: Finding
    sampled: Sampled
    at: float


@dataclass(slots=True, kw_only=True)
class Ballot:
    """One agent's say, as of its newest measurement. `base`: its vote before the `stands`, which come oldest first."""

    started: float
    expires: float
    base: Vote | None
    stands: tuple[Stand, ...]
    vote: Vote | None


@dataclass(slots=True, kw_only=True)
class Window:
    """Ballots and sample of one target at one ISP; `decision` is the last one, made of the `standing` votes.

    `since`: when its state last changed, Unix seconds.
    """

    decision: Decision = field(default_factory=Decision)
    since: float = 0.0
    standing: Mapping[str, Vote] = field(default_factory=dict)
    turned: int = 0
    """Agents' says, since `votes` was last asked, that say something else than those before them."""

    altered: bool = False
    """Whether, since the last decision, a vote came, went, or would count otherwise than by being newer."""

    troubled: int = 0
    """Votes for something else than that all is well."""

    _votes: dict[str, Vote] = field(default_factory=dict)
    _expiries: Expiries = field(default_factory=Expiries)
    _starts: dict[str, tuple[float, ...]] = field(default_factory=dict)
    _ballots: dict[str, Ballot] = field(default_factory=dict)
    _passed: Stand | None = None  # the last that was plainly ok, for whoever asks what that looks like
    _sample: deque[Sampled] = field(default_factory=deque)
    _rules: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        """Agents of which something is kept."""
        return len(self._ballots)

    def newest(self, agent: str) -> tuple[float, Case | None] | None:
        """Start of an agent's newest measurement, and its case while it is open."""
        ballot = self._ballots.get(agent)
        return None if ballot is None else (ballot.started, ballot.stands[-1].case if ballot.stands else None)

    def said(self, agent: str) -> Vote | None:
        """An agent's vote, where its newest measurement has brought it about."""
        ballot = self._ballots.get(agent)
        return ballot.vote if ballot is not None and ballot.vote and ballot.vote.started == ballot.started else None

    def newest_findings(self) -> dict[str, tuple[float, Judgement | None]]:
        """Of each agent when its newest measurement began, and what it says of the network: `None` where nothing."""
        return {
            agent: (ballot.started, says(ballot.stands[-1].finding) if ballot.stands else Judgement.OK)
            for agent, ballot in self._ballots.items()
        }

    def pause_s(self, agent: str, started: float) -> float:
        """The longest of an agent's last pauses, at a measurement that begins; zero when it is its first for long."""
        longest = 0.0
        for before, after in pairwise((*self._starts.get(agent, ()), started)):
            if longest < after - before < PACE_S:
                longest = after - before
        return longest

    def record(self, case: Case, finding: Finding, now: float) -> None:
        """Takes in a measurement newer than any of its agent's before."""
        before = self._ballots.get(case.agent)
        self._starts[case.agent] = (*self._starts.get(case.agent, ()), case.started)[1 - STARTS :]
        stand = Stand(case=case, finding=finding, sampled=Sampled(expires=case.expires, rule=finding.rule), at=now)
        self._add(stand.sampled)
        if finding.judgement is Judgement.OK:
            self._passed = stand
            if before is not None and not before.stands:  # as most are: nothing was open, and nothing is
                before.started, before.expires = case.started, case.expires
                before.base = before.vote = _cast(_standing(before.base, now), case, finding)
                self._put(case.agent, before)
                return
        stands = (*(before.stands if before else ()), stand)
        kept = 0 if finding.judgement is Judgement.OK else OPEN_LIMIT
        settled = max(0, len(stands) - kept)
        base = _tally(before.base if before else None, stands[:settled])
        ballot = self._ballots[case.agent] = Ballot(
            started=case.started,
            expires=case.expires,
            base=base,
            stands=stands[settled:],
            vote=_tally(base, stands[settled:]),
        )
        self._put(case.agent, ballot)

    def revise(self, case: Case, finding: Finding) -> Finding | None:
        """Takes in another finding of an open case; the one before it, where that was another one."""
        ballot = self._ballots[case.agent]
        stand = next(one for one in ballot.stands if one.case is case)
        sampled = stand.sampled
        if finding.rule == sampled.rule:
            return None
        if sampled.kept:
            self._uncount(sampled.rule)
            self._rules[finding.rule] += 1
        before, stand.finding, sampled.rule = stand.finding, finding, finding.rule
        ballot.vote = _tally(ballot.base, ballot.stands)
        self._put(case.agent, ballot)
        return before

    def renew(self, agent: str, judgement: Judgement, expires: float, now: float) -> bool:
        """Has an agent's vote of that judgement stand on, if it still stands and only until later than it would."""
        ballot = self._ballots.get(agent)
        if (
            ballot is None
            or ballot.vote is None
            or ballot.vote.judgement is not judgement
            or ballot.vote.expires <= now
        ):
            return False
        if expires <= ballot.vote.expires:
            return False
        ballot.expires = max(ballot.expires, expires)
        ballot.base = ballot.base and replace(ballot.base, expires=max(ballot.base.expires, expires))
        for stand in ballot.stands:
            stand.case = replace(stand.case, expires=max(stand.case.expires, expires))
        ballot.vote = _tally(ballot.base, ballot.stands)
        self._put(agent, ballot)
        return True

    def open_cases(self, agent: str | None = None) -> list[Case]:
        """Measurements, of one agent or of all, that later evidence may show in another light."""
        ballots = self._ballots.values() if agent is None else filter(None, [self._ballots.get(agent)])
        return [stand.case for ballot in ballots for stand in ballot.stands]

    def cited(self) -> list[Stand]:
        """Measurements that are held, each with its finding: the open ones, and the last that was plainly ok."""
        return [*(stand for ballot in self._ballots.values() for stand in ballot.stands), *filter(None, [self._passed])]

    def votes(self, now: float) -> dict[str, Vote]:
        """Votes that stand, by agent. Forgets what has expired; `next_expiry` is when more of it will have."""
        while self._sample and self._sample[0].expires <= now:
            self._drop()
        for agent in self._expiries.take(now):
            self._set(agent, None)
            if self._ballots[agent].expires > now:
                self._expiries.note(agent, self._ballots[agent].expires)
            else:
                del self._ballots[agent]
        if len(self._starts) > 2 * len(self._ballots):
            self._starts = {agent: starts for agent, starts in self._starts.items() if starts[-1] + PACE_S > now}
        self.standing, self.turned = (votes := dict(self._votes)), 0
        return votes

    @property
    def next_expiry(self) -> float | None:
        """When something expires."""
        return self._expiries.next

    def _put(self, agent: str, ballot: Ballot) -> None:
        """An agent's say, which may be another one than before."""
        self.turned += not say_the_same(self._votes.get(agent), ballot.vote)
        self._set(agent, ballot.vote)
        self._expiries.note(agent, ballot.expires if ballot.vote is None else ballot.vote.expires)

    def _set(self, agent: str, vote: Vote | None) -> None:
        before = self._votes.pop(agent, None) if vote is None else self._votes.get(agent)
        if vote is not None:
            self._votes[agent] = vote
            self.troubled += vote.judgement is not Judgement.OK
        self.troubled -= before is not None and before.judgement is not Judgement.OK
        self.altered = self.altered or not count_alike(before, vote)

    @property
    def size(self) -> int:
        """Measurements in the sample."""
        return len(self._sample)

    @property
    def rules(self) -> Mapping[str, int]:
        """Rules that the sample matched, and how often."""
        return self._rules

    def _add(self, sampled: Sampled) -> None:
        self._sample.append(sampled)
        self._rules[sampled.rule] += 1
        if len(self._sample) > SAMPLE_LIMIT:
            self._drop()

    def _drop(self) -> None:
        sampled = self._sample.popleft()
        sampled.kept = False
        self._uncount(sampled.rule)

    def _uncount(self, rule: str) -> None:
        self._rules[rule] -= 1
        if self._rules[rule] <= 0:
            del self._rules[rule]


def says(finding: Finding) -> Judgement | None:
    """What a finding says of the network; `None` where the agent's own vantage explains it."""
    return None if finding.rule.startswith(VANTAGE) else finding.judgement


def _tally(vote: Vote | None, stands: Iterable[Stand]) -> Vote | None:
    """The vote after some findings, given the vote before them."""
    for stand in stands:
        vote = _cast(_standing(vote, stand.at), stand.case, stand.finding)
    return vote


def _standing(vote: Vote | None, now: float) -> Vote | None:
    return vote if vote is not None and vote.expires > now else None


def _cast(base: Vote | None, case: Case, finding: Finding) -> Vote | None:
    """The vote after a finding, given the vote before it."""
    if finding.judgement is Judgement.INCONCLUSIVE:
        return base
    if base is not None and _too_shallow(base, case, finding):
        return replace(base, expires=case.expires)
    same = base is not None and base.judgement is finding.judgement
    return Vote(
        judgement=finding.judgement,
        rule=finding.rule,
        step=finding.step,
        mechanism=finding.mechanism,
        started=case.started,
        since=base.since if same and base else case.started,
        streak=base.streak + 1 if same and base else 1,
        weight=finding.weight,
        pace=finding.pace,
        version=case.measurement.agent_version,
        agent=case.agent,
        expires=case.expires,
    )


def _too_shallow(base: Vote, case: Case, finding: Finding) -> bool:
    """A light measurement asks for no page, so its success says nothing against a block seen in the pages."""
    light = case.measurement.depth is Depth.LIGHT and finding.judgement is Judgement.OK
    return light and base.judgement is Judgement.BLOCKED and base.step is Step.HTTP
