"""Takes measurements into the windows of their cells, and judges them: at once, and anew when more is known. Pure.

A finding that was not plainly ok stays open. It is judged anew when a control is heard that speaks for its moment, and
when its agent has measured a reference, or anything that shows what its network lets through; so an anomaly counts as
soon as, and only while, the evidence bears it out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from rabta_collector.asking import Alarm
from rabta_collector.catalogue import Target
from rabta_collector.cells import Cell
from rabta_collector.consensus import Consensus
from rabta_collector.controls import Controls, Look
from rabta_collector.dossier import Dossier, open_dossier
from rabta_collector.locators import NO_TELLING, scheme_of
from rabta_collector.outliers import Outliers
from rabta_collector.paths import Paths
from rabta_collector.question import at_odds
from rabta_collector.record.rollup import Rollup
from rabta_collector.timing import Timing
from rabta_collector.vantages import Vantages
from rabta_collector.verdict.background import Background
from rabta_collector.verdict.classify import Finding, classify_alone, find_rule
from rabta_collector.verdict.decide import CROWD, STATE_OF
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.memory import judge_once
from rabta_collector.verdict.reads import without_reads
from rabta_collector.windows import Case, Window, says
from rabta_proto.alike import by_likeness
from rabta_proto.model import Measurement, TlsHandshake, Transfer
from rabta_proto.vocabulary import Depth, Judgement

INTERVALS = 1.5
"""How many intervals of its target a control's measurement speaks for, where that is longer than the least age."""

REFERENCES = ""
"""The platform that references are measured for."""

_JUDGEMENT_OF = {state: judgement for judgement, state in STATE_OF.items()}

Place = tuple[str, ...]
"""ISP and platform of a cell; the item of the agenda."""


@dataclass(slots=True, kw_only=True)
class Court:
    """`changed` is told of every cell whose votes changed. `max_age_s`: see `control_max_age_s` of the settings.

    `asn_of`: number of the network that announces an address, where the operator supplies a database.
    `alarmed` is told of each measurement that is at odds with what is held of its target.
    """

    max_age_s: float
    changed: Callable[[Cell], None]
    alarmed: Callable[[Alarm], None] = lambda _: None
    cells: dict[Place, Cell] = field(default_factory=dict)
    controls: Controls = field(default_factory=Controls)
    consensus: Consensus = field(default_factory=Consensus)
    vantages: Vantages = field(default_factory=Vantages)
    outliers: Outliers = field(default_factory=Outliers)
    asn_of: Callable[[str], int | None] | None = None
    timing: Timing = field(init=False)
    rollup: Rollup = field(default_factory=Rollup)
    paths: Paths = field(default_factory=Paths)
    _came: dict[str, float] = field(default_factory=dict)
    """When each control that is connected came."""

    _by_isp: dict[str, list[Cell]] = field(default_factory=dict)
    _by_platform: dict[str, list[Cell]] = field(default_factory=dict)
    _open: dict[str, set[str]] = field(default_factory=dict)
    """By ISP the agents that may have open cases there; nobody else has any."""

    def __post_init__(self) -> None:
        self.timing = Timing(max_age_s=self.max_age_s, changed=self.changed)

    def meet_control(self, agent: str, moment: float, *, connected: bool) -> None:
        """A control came or went: while one has yet to look, the others do not speak for all of them."""
        if connected:
            self._came.setdefault(agent, moment)
        else:
            self._came.pop(agent, None)

    def open(self, cell: Cell) -> None:
        """Takes a cell in, in place of the one that was there."""
        self.cells[cell.isp, cell.platform] = cell
        self._by_isp.setdefault(cell.isp, []).append(cell)
        self._by_platform.setdefault(cell.platform, []).append(cell)

    def clear(self) -> dict[Place, Cell]:
        """Gives all cells out."""
        before, self.cells, self._by_isp, self._by_platform = self.cells, {}, {}, {}
        return before

    def of(self, isp: str) -> list[Cell]:
        """The cells of an ISP, that of its references among them."""
        return self._by_isp.get(isp, [])

    def hear_control(self, target: Target, agent: str, look: Look) -> None:
        """A control's measurement votes for nothing; it shows those of agents in another light."""
        if look.measurement.depth is Depth.TRACE:
            return
        platform, url = target.platform, target.url
        self._compare(target, agent, look)
        cells = self._by_platform.get(platform, ())
        self.timing.hear_control(cells, target, agent, look)
        before, after = self.controls.add((platform, url), agent, look, self._reach_s(target))
        for cell in cells:
            cases = cell.window(url).open_cases()
            self._revise(cell, [case for case in cases if before < case.started <= after])

    def _compare(self, target: Target, agent: str, look: Look) -> None:
        """Leaves out a control that is out of step with the others."""
        reached = _reached(without_reads(look.measurement))
        key = (target.platform, target.url)
        self.consensus.hear(agent, key, reached=reached, started=look.started, reach_s=self._reach_s(target))
        self.controls.muted = self.consensus.outliers

    def hear_agent(self, cell: Cell, target: Target, case: Case, now: float) -> None:
        """An agent's measurement, newer than its last one of this target."""
        told = self.vantages.hear(case.agent, case.measurement, case.started)
        finding = self.judge(cell, case)
        window = cell.window(target.url)
        self._score(window, case)
        window.record(case, finding, now)
        self.rollup.hear(cell.isp, cell.platform, case.agent, case.started, finding.judgement)
        self.changed(cell)
        if at_odds(window.decision.state, says(finding)):
            self._alarm(cell, window, case, finding)
        if finding.judgement is Judgement.OK:
            told = self.vantages.hear_reached(case.agent, case.measurement, case.started) or told
        else:
            self._open.setdefault(cell.isp, set()).add(case.agent)
        if (told or cell.platform == REFERENCES) and case.agent in self._open.get(cell.isp, ()):
            self._revise_all(cell.isp, case.agent)

    def _alarm(self, cell: Cell, window: Window, case: Case, finding: Finding) -> None:
        self.alarmed(
            Alarm(
                agent=case.agent,
                isp=cell.isp,
                platform=cell.platform,
                url=case.measurement.target,
                held=window.decision.state,
                started=case.started,
                sure=finding.judgement is not Judgement.INCONCLUSIVE,
            )
        )

    def _revise_all(self, isp: str, agent: str) -> None:
        """Judges anew what is open of an agent at an ISP."""
        found = False
        for cell in self.of(isp):
            for window in cell.windows.values():
                cases = window.open_cases(agent)
                found = found or bool(cases)
                self._revise(cell, cases)
        if not found:
            self._open[isp].discard(agent)

    def _score(self, window: Window, case: Case) -> None:
        """Holds an agent's last finding against the verdict, where one state has stood from before it until now."""
        if len(window.standing) <= CROWD:
            return
        last = window.said(case.agent)
        if last is None or window.since > last.started:
            return
        if (held := _JUDGEMENT_OF.get(window.decision.state)) is not None:
            self.outliers.hear(case.agent, against=last.judgement is not held, now=case.started)

    def _revise(self, cell: Cell, cases: Iterable[Case]) -> None:
        """Judges open cases anew."""
        for case in cases:
            finding = self.judge(cell, case)
            if (before := cell.window(case.measurement.target).revise(case, finding)) is not None:
                self.rollup.revise(cell.isp, cell.platform, case.started, before.judgement, finding.judgement)
                self.changed(cell)

    def judge(self, cell: Cell, case: Case) -> Finding:
        """What a measurement says, by all that is known of its moment."""
        if (alone := classify_alone(case.measurement)) is not None:
            return alone
        target = cell.targets[case.measurement.target]
        controls = self.controls.around((cell.platform, target.url), case.started, self._reach_s(target))
        references = () if cell.platform == REFERENCES else self._failed_references(cell.isp, case)
        background = self._background(case, self._to_come((cell.platform, target.url), case.started, target))
        return judge_once(case.measurement, controls, references, background)

    def hear_late(self, cell: Cell, agent: str, measurement: Measurement, started: float) -> Finding:
        """A measurement that votes for nothing any more: it is judged, and counted in its own time."""
        finding = self.judge(cell, Case(agent=agent, measurement=measurement, started=started, expires=started))
        self.rollup.hear(cell.isp, cell.platform, agent, started, finding.judgement)
        return finding

    def open_dossier(self, cell: Cell, now: float) -> Dossier:
        """What the cell's verdict rests on."""

        def looks(url: str, moment: float) -> Sequence[Measurement]:
            return self.controls.around((cell.platform, url), moment, self._reach_s(cell.targets[url]))

        return open_dossier(cell, now, looks)

    def _to_come(self, key: tuple[str, str], moment: float, target: Target) -> int:
        """Controls that came so lately that their first look at a target is still to come."""
        reach_s = self._reach_s(target)
        late = [agent for agent, came in self._came.items() if moment - came <= reach_s]
        if not late:
            return 0
        known = {*self.controls.lookers(key), *self.consensus.outliers}
        return sum(agent not in known for agent in late)

    def _background(self, case: Case, controls_to_come: int) -> Background:
        """QUIC is measured seldom: what it did within half of the time that a vote stands is the newest there is."""
        agent, url, at = case.agent, case.measurement.target, case.started
        quic_reach_s = max(self.max_age_s, (case.expires - at) / 2)
        return Background(
            quic_works=self.vantages.quic_works(agent, url, at, quic_reach_s),
            udp_works=self.vantages.udp_works(agent, url, at, quic_reach_s),
            ipv6_works=self.vantages.ipv6_works(agent, url, at, self.max_age_s),
            tls_works=self.vantages.tls_works(agent, url, at, self.max_age_s),
            loses=self.vantages.loses(agent, url, at, self.max_age_s),
            controls_sound=True,
            controls_to_come=controls_to_come,
            asn_of=self.asn_of,
        )

    def _reach_s(self, target: Target) -> float:
        return max(self.max_age_s, INTERVALS * target.interval_s)

    def _failed_references(self, isp: str, case: Case) -> tuple[Measurement, ...]:
        """The agent's newest measurements of references, from about the same time; none unless none went well.

        Nor where anything else went well since the last of them: references are rare, and the line may work again.
        """
        failed: dict[float, Measurement] = {}
        for url, window in self.cells[isp, REFERENCES].windows.items():
            if scheme_of(url) in NO_TELLING:
                continue
            newest = window.newest(case.agent)
            if newest is None or abs(newest[0] - case.started) > self.max_age_s:
                continue
            if newest[1] is None:
                return ()
            failed[newest[0]] = newest[1].measurement
        if failed and self._went_well_since(isp, case.agent, max(failed)):
            return ()
        return tuple(failed.values())

    def _went_well_since(self, isp: str, agent: str, moment: float) -> bool:
        """Whether a measurement of this agent, begun after the moment, was plainly ok."""
        latest = (window.newest(agent) for cell in self.of(isp) for window in cell.windows.values())
        return any(newest is not None and newest[0] > moment and newest[1] is None for newest in latest)


def _reached(measurement: Measurement) -> bool:
    """Whether a control reached its target, by its own word. Most did without a hitch, and need no table of rules."""
    return went_smoothly(measurement) or find_rule(Facts(measurement=measurement)).judgement is Judgement.OK


@by_likeness
def went_smoothly(measurement: Measurement) -> bool:
    """Whether nothing failed and a certificate valid for the name was shown; on whichever step rules say `ok` then."""
    network, shown = measurement.network, False
    if network.vpn or network.captive_portal or network.changed or network.seen_isp:
        return False
    for observation in measurement.observations:
        if observation.failure is not None or isinstance(observation.detail, Transfer):  # how fast, the table says
            return False
        if isinstance(observation.detail, TlsHandshake) and not observation.detail.isolation:
            shown = observation.detail.verified
    return shown
