"""One platform at one ISP: the windows of its targets, the verdict made of them, and what changed with it. Pure.

Targets that are not required decide nothing, unless no target of the platform is. Neither state nor numbers nor witness
of a verdict are theirs; what is wrong with one of them stands in the note: "quic://x.com/: blocked (quic.timeout)".
A part has a state of its own, of its own targets, and counts for the platform as one target does where it is required;
what is wrong with one stands in the note as well: "media: throttled (throttle.sni)".
A platform that goes on and off is `disrupted` until it has settled (verdict/flapping.py).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from rabta_collector.catalogue import Need, Part, Target
from rabta_collector.locators import shown
from rabta_collector.record.seam import Stood
from rabta_collector.state import PartVerdict, Verdict, Witness
from rabta_collector.verdict.decide import NOT_MEASURED, Decision, Terms, combine, decide, stands
from rabta_collector.verdict.flapping import Turns
from rabta_collector.verdict.hands import OriginOf, nobody_knows
from rabta_collector.verdict.rules import RULES_BY_ID
from rabta_collector.verdict.vote import Vote
from rabta_collector.windows import Window
from rabta_proto.vocabulary import IspState, Judgement, State

WITNESSES = 8
REST_S, LONGEST_REST_S = 0.002, 5.0
"""Seconds for which a cell rests after a decision, for each vote, and at most: to count a thousand takes some 3 ms."""

STIR = 0.01
"""Share of a target's votes that turn, with which a decision is due at once."""

ISP_DOWN = "the ISP is down"

_THROTTLED = Judgement.THROTTLED
_TROUBLES = (State.BLOCKED, State.THROTTLED, State.DISRUPTED, State.DOWN)
JUDGEMENTS_OF = {
    State.REACHABLE: [Judgement.OK],
    State.BLOCKED: [Judgement.BLOCKED],
    State.THROTTLED: [Judgement.THROTTLED],
    State.DISRUPTED: list(Judgement),
    State.DOWN: [Judgement.DOWN],
    State.INCONCLUSIVE: list(Judgement),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Two verdicts, one after the other, that differ in state or mechanism."""

    before: Verdict
    after: Verdict
    detected_after_s: float | None


@dataclass(slots=True, kw_only=True)
class Cell:
    """`isp_state` is set from outside before each decision. `platform` is empty for the references of an ISP.

    `deciding` are the targets that make up the platform, `place` is ISP and platform. `paces` hold what timed reads
    say, each apart from its target's window: they are few, and what reaches a site without them says nothing against
    them. `_by_part` holds what was last decided of each part; it is empty while the ISP is down. Until `rests_until`
    nothing is to be decided anew unless it has `stirred`, or the ISP's state changes: to count a crowd twice a second
    is no news.
    """

    platform: str
    isp: str
    targets: Mapping[str, Target]
    need: Need
    verdict: Verdict
    windows: dict[str, Window] = field(default_factory=dict)
    paces: dict[str, Window] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)
    isp_state: IspState = IspState.UNKNOWN
    rests_until: float = 0.0
    parts: tuple[Part, ...] = ()
    deciding: Mapping[str, Target] = field(init=False)
    place: tuple[str, str] = field(init=False)
    _by_part: dict[Part, Decision] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        optional = {part.id for part in self.parts if not part.required}
        counted = {url: one for url, one in self.targets.items() if one.required and one.part not in optional}
        self.deciding = counted or self.targets
        self.place = (self.isp, self.platform)

    def take_over(self, old: "Cell") -> None:
        """What was seen and said of the same platform before the catalogue changed."""
        self.verdict, self.turns = old.verdict, old.turns
        self.windows = {url: window for url, window in old.windows.items() if url in self.targets}
        self.paces = {url: window for url, window in old.paces.items() if url in self.targets}

    def window(self, url: str) -> Window:
        window = self.windows.get(url)
        if window is None:
            window = self.windows[url] = Window()
        return window

    def pace(self, url: str) -> Window:
        """The window of a target's timed reads."""
        window = self.paces.get(url)
        if window is None:
            window = self.paces[url] = Window()
        return window

    def decision(self, url: str) -> Decision:
        """What stands of one target: reached, it may be throttled all the same."""
        decision, pace = self.window(url).decision, self.paces.get(url)
        if pace is None or pace.decision.state is not State.THROTTLED or decision.state is not State.REACHABLE:
            return decision
        return replace(pace.decision, reached=decision.reached)

    def decide(
        self,
        now: float,
        terms: Terms,
        *,
        crew: int = 0,
        faulty: Callable[[str], Collection[str]] = lambda _: (),
        origin_of: OriginOf = nobody_knows,
        void: Callable[[Vote], bool] = lambda _: False,
    ) -> Change | None:
        """Makes the verdict for this moment; returns the change, where it is one.

        `crew`: agents that the ISP has. `faulty`: versions of the agent whose votes on a target do not count.
        `origin_of`: where agents come from. `void`: votes that say nothing of now, of those for which all is not well.
        """
        agents: set[str] = set()
        counted = 0
        for url, window in self.windows.items():
            votes = window.votes(now)
            counted += len(votes)
            if url in self.deciding:
                agents.update(votes)
            last, calm = window.decision, not (window.troubled or window.altered)
            window.altered = False
            if calm and stands(last, len(votes), terms):
                continue
            broken = faulty(url) if window.troubled else ()
            told = [vote for vote in votes.values() if not void(vote)] if window.troubled else list(votes.values())
            window.decision = decide(told, last, terms, crew=crew, faulty=broken, origin_of=origin_of)
            if window.decision.state is not last.state:
                window.since = now
        for window in self.paces.values():
            votes = window.votes(now)
            window.decision = decide(list(votes.values()), window.decision, terms, origin_of=origin_of)
        self.rests_until = now + min(REST_S * counted, LONGEST_REST_S)
        down = self.isp_state is IspState.DOWN
        self._by_part = {} if down else {part: self._part(part) for part in self.parts}
        decision = self._in_time(self._decision(), now)
        before = self.verdict
        self.verdict = self._verdict(decision, before, len(agents), now)
        if (before.state, before.mechanism) == (self.verdict.state, self.verdict.mechanism):
            return None
        return Change(before=before, after=self.verdict, detected_after_s=_delay(decision, before, now))

    def recall(self, stood: Stood, now: float) -> Change | None:
        """What was known here by those who knew more, as of `now`; what has changed since, if that is known."""
        verdict, state = self.verdict, State(stood.state)
        before = replace(verdict, state=state, mechanism=stood.mechanism, since=stood.since)
        if verdict.state is state:
            self.verdict = replace(verdict, since=stood.since)
        elif verdict.state is not State.INCONCLUSIVE:
            self.verdict = replace(verdict, since=now)
        else:
            return None
        same = (before.state, before.mechanism) == (verdict.state, verdict.mechanism)
        return None if same else Change(before=before, after=self.verdict, detected_after_s=None)

    @property
    def stirred(self) -> bool:
        """Whether so many votes of a target have turned that a decision is due at once."""
        if any(window.turned >= max(1, STIR * len(window.standing)) for window in self.windows.values()):
            return True
        return any(pace.turned for pace in self.paces.values())

    @property
    def next_expiry(self) -> float | None:
        """When a decision is due though nothing is heard; known after a decision."""
        windows = (*self.windows.values(), *self.paces.values())
        settled_at = self.turns.settled_at if self.turns.flapping(self.verdict.updated) else None
        expiries = (*(window.next_expiry for window in windows), settled_at)
        return min((expiry for expiry in expiries if expiry is not None), default=None)

    def _decision(self) -> Decision:
        if self.isp_state is IspState.DOWN:
            return Decision(note=ISP_DOWN)
        loose = [self.decision(url) for url, target in self.deciding.items() if not target.part]
        required = [decision for part, decision in self._by_part.items() if part.required]
        return combine([*loose, *required] or list(self._by_part.values()), self.need)

    def _in_time(self, decision: Decision, now: float) -> Decision:
        """The decision, unless it is one turn of many."""
        self.turns.hear(decision.state, now)
        if decision.state in (State.INCONCLUSIVE, State.DOWN) or not self.turns.flapping(now):
            return decision
        return replace(decision, state=State.DISRUPTED, mechanism=None, note=self.turns.note(now))

    def _part(self, part: Part) -> Decision:
        """Of its required targets, or of all where none is."""
        its = [target for target in self.targets.values() if target.part == part.id]
        needed = [target for target in its if target.required] or its
        return combine([self.decision(target.url) for target in needed], part.need)

    def _verdict(self, decision: Decision, before: Verdict, agents: int, now: float) -> Verdict:
        changed = decision.state is not before.state
        return Verdict(
            platform=self.platform,
            isp=self.isp,
            state=decision.state,
            mechanism=decision.mechanism,
            since=now if changed else before.since,
            updated=now,
            confidence=round(decision.confidence, 4),
            agents=agents,
            measurements=sum(window.size for window in self._deciding_windows()),
            agreement=round(decision.agreement, 4),
            witness=self._witness(decision.state),
            note=self._note(decision),
            reached=decision.reached,
            parts=tuple(self._parts()),
        )

    def _parts(self) -> Iterable[PartVerdict]:
        for part, decision in self._by_part.items():
            state, how = decision.state, decision.mechanism
            yield PartVerdict(id=part.id, name=part.name, state=state, mechanism=how, note=decision.note)

    def _witness(self, state: State) -> tuple[Witness, ...]:
        """Rules of the sample that bear the state out, the most frequent first."""
        ordered = self._rules(JUDGEMENTS_OF[state])
        return tuple(Witness(rule=rule, count=count) for rule, count in ordered[:WITNESSES])

    def _rules(self, judgements: Collection[Judgement]) -> list[tuple[str, int]]:
        """Rules of these judgements that the sample matched, and how often; the most frequent first."""
        counts: Counter[str] = Counter()
        timed = [self.paces[url] for url in self.deciding if url in self.paces] if _THROTTLED in judgements else []
        for window in (*self._deciding_windows(), *timed):
            counts.update(window.rules)
        those = ((rule, count) for rule, count in counts.items() if RULES_BY_ID[rule].judgement in judgements)
        return sorted(those, key=lambda item: (-item[1], item[0]))

    def _deciding_windows(self) -> list[Window]:
        return [self.windows[url] for url in self.deciding if url in self.windows]

    def _note(self, decision: Decision) -> str | None:
        """The decision's own, and what is wrong with targets that are not required."""
        notes = [self._main_note(decision), *(self._others_notes() if self.isp_state is not IspState.DOWN else ())]
        return "; ".join(filter(None, notes)) or None

    def _main_note(self, decision: Decision) -> str | None:
        """The decision's own; where nothing is known, why: what most of the undecided findings have in common."""
        if decision.state is not State.INCONCLUSIVE or decision.note not in (NOT_MEASURED, None):
            return decision.note
        undecided = self._rules([Judgement.INCONCLUSIVE])
        return RULES_BY_ID[undecided[0][0]].comment if undecided else NOT_MEASURED

    def _others_notes(self) -> Iterable[str]:
        optional = [url for url, target in self.targets.items() if url not in self.deciding and not target.part]
        for url in optional:
            decision = self.decision(url)
            if decision.state in _TROUBLES:
                details = "; ".join(filter(None, (decision.mechanism, decision.note)))
                yield f"{shown(url)}: {decision.state}" + (f" ({details})" if details else "")


def unknown(platform: str, isp: str, now: float) -> Verdict:
    """What stands before anything was decided."""
    return Verdict(
        platform=platform,
        isp=isp,
        state=State.INCONCLUSIVE,
        mechanism=None,
        since=now,
        updated=now,
        confidence=0.0,
        agents=0,
        measurements=0,
        agreement=0.0,
        note=NOT_MEASURED,
    )


def _delay(decision: Decision, before: Verdict, now: float) -> float | None:
    """Seconds since the first measurement that shows the change; a run from before the last change shows that one."""
    began = [start for start in decision.began if before.since <= start <= now]
    return now - min(began) if began and decision.state is not State.INCONCLUSIVE else None
