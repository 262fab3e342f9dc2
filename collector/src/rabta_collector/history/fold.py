"""Folds findings of the past, of one platform at one ISP, into spans of one state. Pure.

Time is cut into hours. Each finding is one anonymous voice and votes in its hour, by the same rules as agents do now
(verdict/decide.py): two thirds decide; of fewer than three voices a change needs two findings that agree, be it in
hours one after the other, and where nothing stood before, one is enough: it is all that is known. A site (scheme and
host) keeps its decision until other findings come, for `GAP_S`, a day and half of one for probes that run daily; the
platform is made of the sites that have one, as its `need` says. Where nobody measured for longer than that, nothing is
said of the time between.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from rabta_collector.catalogue import Need
from rabta_collector.state import Witness
from rabta_collector.verdict.decide import Decision, Terms, combine, decide
from rabta_collector.verdict.rules import RULES_BY_ID
from rabta_collector.verdict.vote import Vote
from rabta_proto.vocabulary import Judgement, Mechanism, State

HOUR_S = 3600.0
GAP_S = 1.5 * 86_400
WITNESSES = 8
TERMS = Terms()
_NOTHING = Decision()
FOLD_VERSION = 2
"""To be raised with every change here: spans that were kept are made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A finding of the past. `started` in Unix seconds; `site`: scheme and host."""

    started: float
    site: str
    judgement: Judgement
    rule: str
    mechanism: Mechanism | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSpan:
    """A state and how long it stood, half-open, in Unix seconds; how many findings that rests on, and their rules."""

    state: State
    mechanism: Mechanism | None
    since: float
    until: float
    findings: int = 0
    witness: tuple[Witness, ...] = ()


def fold(found: Iterable[Found], need: Need, terms: Terms = TERMS) -> Iterator[PastSpan]:
    """Spans, oldest first, of findings that come oldest first."""
    cell = _Cell(need=need, terms=terms)
    hour: list[Found] = []
    for one in found:
        if hour and _hour(one.started) != _hour(hour[0].started):
            yield from cell.take(hour)
            hour = []
        hour.append(one)
    if hour:
        yield from cell.take(hour)
    yield from cell.close()


@dataclass(slots=True, kw_only=True)
class _Site:
    """What stands of one site. `judgement`, `since`, `streak`: the unbroken run of findings up to the last."""

    decision: Decision = field(default_factory=Decision)
    last: float = 0.0
    judgement: Judgement | None = None
    since: float = 0.0
    streak: int = 0

    def vote(self, one: Found, *, believed: bool) -> Vote:
        """The vote of the next finding; `believed`: without another one that bears it out."""
        goes_on = one.judgement is self.judgement and _hour(one.started) - _hour(self.last) <= GAP_S
        self.judgement, self.last = one.judgement, one.started
        self.since = self.since if goes_on else one.started
        self.streak = self.streak + 1 if goes_on else 1
        return Vote(
            judgement=one.judgement,
            rule=one.rule,
            step=RULES_BY_ID[one.rule].step if one.rule in RULES_BY_ID else None,
            mechanism=one.mechanism,
            started=one.started,
            since=self.since,
            streak=self.streak + believed,
            expires=one.started + GAP_S,
        )


@dataclass(slots=True, kw_only=True)
class _Cell:
    """The platform so far. `last`: end of the last hour in which something was found."""

    need: Need
    terms: Terms
    sites: dict[str, _Site] = field(default_factory=dict)
    span: PastSpan | None = None
    last: float = 0.0
    rules: Counter[str] = field(default_factory=Counter)

    def take(self, hour: list[Found]) -> Iterator[PastSpan]:
        """Spans that end with what was found in an hour."""
        start = _hour(hour[0].started)
        votes: dict[str, list[Vote]] = {}
        fresh = {name: site.decision for name, site in self.sites.items() if start - _hour(site.last) <= GAP_S}
        for one in hour:
            if one.judgement is not Judgement.INCONCLUSIVE:
                site = self.sites.setdefault(one.site, _Site())
                alone = fresh.get(one.site, _NOTHING).state is State.INCONCLUSIVE
                votes.setdefault(one.site, []).append(site.vote(one, believed=alone))
        if not votes:
            return
        for name, cast in votes.items():
            self.sites[name].decision = fresh[name] = decide(cast, fresh.get(name, _NOTHING), self.terms)
        yield from self._stand(_together(fresh, self.need), start, hour)

    def _stand(self, decision: Decision, start: float, hour: list[Found]) -> Iterator[PastSpan]:
        """Goes on with the span that stands, or begins another one."""
        span = self.span
        goes_on = span is not None and start - self.last <= GAP_S - HOUR_S
        same = span is not None and (span.state, span.mechanism) == (decision.state, decision.mechanism)
        if span is None or not goes_on or not same:
            since = _beginning(decision, start, span if goes_on else None)
            if span is not None and since > span.since:
                yield self._ended(since if goes_on else self.last)
                self.rules.clear()
            self.span = PastSpan(state=decision.state, mechanism=decision.mechanism, since=since, until=since)
        self.last = start + HOUR_S
        self.rules.update(one.rule for one in hour)

    def close(self) -> Iterator[PastSpan]:
        if self.span is not None:
            yield self._ended(self.last)

    def _ended(self, until: float) -> PastSpan:
        assert self.span is not None
        ordered = sorted(self.rules.items(), key=lambda item: (-item[1], item[0]))[:WITNESSES]
        witness = tuple(Witness(rule=rule, count=count) for rule, count in ordered)
        return replace(self.span, until=until, findings=self.rules.total(), witness=witness)


def _hour(moment: float) -> float:
    """The beginning of the hour that a moment is in."""
    return moment // HOUR_S * HOUR_S


def _together(decisions: dict[str, Decision], need: Need) -> Decision:
    """The platform's decision; sites of which nothing is known yet count only where that is so of all."""
    known = [decision for decision in decisions.values() if decision.state is not State.INCONCLUSIVE]
    return combine(known or list(decisions.values()), need)


def _beginning(decision: Decision, start: float, before: PastSpan | None) -> float:
    """The hour in which a state began: that of the first finding that showed it, within the span before.

    A span in which nothing was known yet may turn out to have been that state all along.
    """
    if before is None or not decision.began:
        return start
    began = _hour(min(decision.began))
    if before.state is State.INCONCLUSIVE:
        return min(max(began, before.since), start)
    return began if before.since < began <= start else start
