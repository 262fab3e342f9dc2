"""Judges timed reads: each measurement that holds some, against those of controls. Pure.

They vote in a window of their own (cells.py), for they are few and far between, and what reaches a site says nothing of
how fast it may be read. What looks slower than it was, and what is at odds with what is held, is a suspicion: someone
may be asked to read against the clock (inquiry.py). A single read of what is held to be throttled is a glance: it votes
for nothing, and while it is as slow as that was, its agent's vote stands on (glances.py).
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rabta_collector.catalogue import Target
from rabta_collector.cells import Cell
from rabta_collector.controls import Controls, Look
from rabta_collector.glances import Glance, is_free
from rabta_collector.question import Key
from rabta_collector.slowness import Slowness
from rabta_collector.verdict.classify import classify
from rabta_collector.verdict.pace import plateau, typical
from rabta_collector.verdict.reads import HANDSHAKE_S, Reads, has_reads
from rabta_collector.windows import Case
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Judgement, State

INTERVALS = 1.5
"""How many intervals of its object a control's reads speak for, where that is longer than the least age."""

SUSPICIONS_KEPT = 200


@dataclass(slots=True, kw_only=True)
class Timing:
    """`changed` is told of every cell whose votes changed. `max_age_s`: see `control_max_age_s` of the settings."""

    max_age_s: float
    changed: Callable[[Cell], None]
    controls: Controls = field(default_factory=Controls)
    slowness: Slowness = field(default_factory=Slowness)
    suspicions: deque[Key] = field(default_factory=lambda: deque(maxlen=SUSPICIONS_KEPT))
    """Targets of ISPs at which something looks slower, or no longer slow."""

    glances: deque[Glance] = field(default_factory=lambda: deque(maxlen=SUSPICIONS_KEPT))

    def hear_control(self, cells: Iterable[Cell], target: Target, agent: str, look: Look) -> None:
        """A control's reads show those of agents in another light."""
        if target.transfer is None or not has_reads(look.measurement):
            return
        key = (target.platform, target.url)
        before, after = self.controls.add(key, agent, look, self._reach_s(target))
        for cell in cells:
            if cell.platform == target.platform and target.url in cell.paces:
                cases = cell.pace(target.url).open_cases()
                self._revise(cell, target, (case for case in cases if before < case.started <= after))

    def hear_agent(self, cell: Cell, target: Target, case: Case, now: float) -> None:
        """An agent's measurement of a target with an object; its reads vote where it has any that can be compared."""
        self._watch(cell, target, case.measurement)
        if not has_reads(case.measurement):
            return
        if not (reads := Reads(measurement=case.measurement)).compared:
            self._glance(cell, target, case, reads, now)
            return
        window = cell.pace(target.url)
        newest = window.newest(case.agent)
        if case.expires <= now or (newest is not None and case.started <= newest[0]):
            return
        finding = classify(case.measurement, self._around(target, case.started))
        window.record(case, finding, now)
        self.changed(cell)
        throttled = window.decision.state is State.THROTTLED
        if throttled if finding.judgement is Judgement.OK else not throttled:
            self.suspicions.append((cell.isp, cell.platform, target.url))

    def _glance(self, cell: Cell, target: Target, case: Case, reads: Reads, now: float) -> None:
        """One read of what is held to be throttled, against what it was held to."""
        window = cell.pace(target.url)
        slow = {agent: one for agent, one in window.standing.items() if one.judgement is Judgement.THROTTLED}
        paces = [vote.pace for vote in slow.values() if vote.pace is not None]
        if window.decision.state is not State.THROTTLED or not paces or len(reads.own) != 1:
            return
        own = slow.get(case.agent)
        held = own.pace if own is not None and own.pace is not None else typical(paces)
        read = reads.own[0]
        quick = read.handshake_us is None or read.handshake_us < HANDSHAKE_S * 1e6
        free = quick and is_free(plateau(read), held)
        key = (cell.isp, cell.platform, target.url)
        self.glances.append(Glance(key=key, agent=case.agent, started=case.started, free=free))
        if not free and window.renew(case.agent, Judgement.THROTTLED, case.expires, now):
            self.changed(cell)

    def _watch(self, cell: Cell, target: Target, measurement: Measurement) -> None:
        """Notes how long handshake and page took; what is slower than this ISP is used to is suspicious."""
        if self.slowness.hear((cell.isp, target.url), measurement):
            self.suspicions.append((cell.isp, cell.platform, target.url))

    def take(self) -> list[Key]:
        """The suspicions since the last call, each once."""
        taken = list(dict.fromkeys(self.suspicions))
        self.suspicions.clear()
        return taken

    def take_glances(self) -> list[Glance]:
        """The glances since the last call."""
        taken = list(self.glances)
        self.glances.clear()
        return taken

    @staticmethod
    def goodput(cells: Iterable[Cell]) -> dict[tuple[str, str], tuple[float, float]]:
        """By platform and ISP the medians of agents' goodput, under its names and in what these are compared with."""
        found = {}
        for cell in cells:
            votes = (vote for window in cell.paces.values() for vote in window.standing.values())
            if cell.platform and (paces := [vote.pace for vote in votes if vote.pace is not None]):
                typical_pace = typical(paces)
                found[cell.platform, cell.isp] = (typical_pace.goodput, typical_pace.goodput_other)
        return found

    def _revise(self, cell: Cell, target: Target, cases: Iterable[Case]) -> None:
        """Judges open cases anew."""
        for case in cases:
            finding = classify(case.measurement, self._around(target, case.started))
            if cell.pace(target.url).revise(case, finding):
                self.changed(cell)

    def _around(self, target: Target, moment: float) -> tuple[Measurement, ...]:
        return self.controls.around((target.platform, target.url), moment, self._reach_s(target))

    def _reach_s(self, target: Target) -> float:
        interval_s = target.transfer.interval_s if target.transfer is not None else 0.0
        return max(self.max_age_s, INTERVALS * interval_s)
