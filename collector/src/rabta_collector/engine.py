"""Folds the journal into verdicts: the same entries in the same order give the same events, live and at replay.

Time is cut into points of a grid, `grid_s` apart and counted from 1970. Entries change what is known; decisions are
made at points alone, and an entry counts from the first point after its time. So it is of no account when or how often
`advance` is called, and a point at which nothing is due costs nothing.

`apply` takes an entry in: classify, then count and record. Findings that were not plainly ok are judged anew when a
control or a reference is heard that speaks for their moment. `advance` decides cells (platform x ISP) in which
something changed or expired, and ISPs of which something was heard, or not heard for long enough. Cells with the votes
of hundreds rest in between (cells.py).

A vote expires `vote_intervals` times its agent's own interval after it began: the target's interval times the ISP's
agents (the work is shared among them), or the longer of the agent's own last two pauses where that was more; at least
`vote_floor_s`, at most `vote_ceiling_s`. A measurement that comes more than `late_s` after its end is counted and
corrects history (backfill.py), and votes for nothing.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from rabta_collector.agenda import Agenda
from rabta_collector.asking import Alarm
from rabta_collector.backfill import Backfill
from rabta_collector.briefing import Briefing
from rabta_collector.catalogue import Catalogue, Isp, Platform, Target
from rabta_collector.cells import Cell, unknown
from rabta_collector.chronicle import Chronicle
from rabta_collector.controls import Look
from rabta_collector.court import REFERENCES, Court, Place
from rabta_collector.entries import Entry, Measured, Presence
from rabta_collector.eventtime import placed
from rabta_collector.health import health, void_votes
from rabta_collector.isp_share import WHOLE, IspShare
from rabta_collector.nation import Nation
from rabta_collector.recall import recall
from rabta_collector.record.seam import Standing
from rabta_collector.settings import DEFAULTS, Settings
from rabta_collector.state import Event, Snapshot
from rabta_collector.tallies import Counting
from rabta_collector.verdict.decide import Terms
from rabta_collector.verdict.hands import OriginOf, nobody_knows
from rabta_collector.windows import Case
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Depth, IspState, Role

CLOCK_SLACK_S = 1.0
"""By so much an agent's clock may be ahead before its times are corrected."""

ALARMS_KEPT = 1000
"""Between two looks at them; of more the oldest are forgotten, for those of one place say the same."""


class Engine:
    """Entries in, verdicts and events out."""

    def __init__(
        self,
        catalogue: Catalogue,
        isps: Sequence[Isp],
        settings: Settings = DEFAULTS,
        *,
        asn_of: Callable[[str], int | None] | None = None,
        origin_of: OriginOf = nobody_knows,
        share: IspShare = WHOLE,
    ) -> None:
        """`asn_of`: number of the network that announces an address; the same at a replay, or verdicts may differ.

        `origin_of`: where agents come from; a replay knows no prefixes. `share`: who is at other ISPs counts, as ever.
        """
        self._settings, self._origin_of = settings, origin_of
        self._terms = Terms(quorum=settings.quorum, min_agents=settings.min_agents)
        self._isps = share.owned([isp.id for isp in isps])
        self._agenda = Agenda(grid_s=settings.grid_s)  # of cells
        self._outlook = Agenda(grid_s=settings.grid_s)  # of ISPs
        self._nation = Nation(isps, settings.patience, self._outlook, self._health)
        self._alarms: deque[Alarm] = deque(maxlen=ALARMS_KEPT)
        self._court = Court(
            max_age_s=settings.control_max_age_s, changed=self._enter, asn_of=asn_of, alarmed=self._alarms.append
        )
        self.briefing = Briefing(court=self._court, nation=self._nation, isps=self._isps)
        self.backfill = Backfill()
        self._counting = Counting()
        self.chronicle = Chronicle(settings.events_kept, share)
        self._snapshot: Snapshot | None = None
        self._at = 0.0  # of the last entry
        self._point = 0  # of the grid after it
        self.set_catalogue(catalogue)

    def set_catalogue(self, catalogue: Catalogue) -> None:
        """Goes on with another catalogue. What is known of targets that are in both is kept."""
        self.catalogue = catalogue
        self._targets = {(target.platform, target.url): target for target in catalogue.targets}
        before = self._court.clear()
        for isp in dict.fromkeys(isp for isp, _ in before):
            self._open_cells(isp, before)
        self._snapshot = None

    def apply(self, entry: Entry) -> None:
        """Folds one entry of the journal; entries come in the order of `at`."""
        self._process(int(entry.at // self._settings.grid_s))
        self._at, self._point = entry.at, self._agenda.point_after(entry.at)
        self._snapshot = None
        self._nation.hear(entry)
        if entry.role is Role.CONTROL:
            self._court.meet_control(
                entry.agent, entry.at, connected=not isinstance(entry, Presence) or entry.connected
            )
        if entry.role is Role.PROBE and entry.isp in self._isps and (entry.isp, REFERENCES) not in self._court.cells:
            self._open_cells(entry.isp, {})
        if isinstance(entry, Measured):
            for measurement in entry.measurements:
                self._take(entry, measurement)
        elif entry.role is Role.PROBE and entry.isp in self._isps and self._nation.state(entry.isp) is not IspState.UP:
            self._agenda.enter_after((entry.isp, REFERENCES), self._at)  # what failed on a dead line may be void now

    def advance(self, now: float) -> tuple[Event, ...]:
        """Decides at every point up to `now`; returns the events that were not returned before."""
        self._process(int(now // self._settings.grid_s))
        return self.chronicle.tell()

    def snapshot(self) -> Snapshot:
        """Everything decided up to the last point, and counted up to the last entry."""
        if self._snapshot is None:
            now = self._agenda.done * self._settings.grid_s
            places = [(isp, platform.id) for platform in self.catalogue.platforms for isp in self._isps]
            self._snapshot = Snapshot(
                at=now,
                verdicts=tuple(self._court.cells[place].verdict for place in places if place in self._court.cells),
                isps=tuple(one for one in self._nation.statuses(now) if one.isp in self._isps),
                controls_connected=self._nation.controls_connected,
                controls_out_of_step=len(self._court.consensus.outliers),
                late_dropped=self.backfill.dropped,
                tallies=self._counting.snapshot(),
                goodput=self._court.timing.goodput(self._court.cells.values()),
            )
        return self._snapshot

    def find_events(
        self, *, since: float | None, until: float | None, platform: str | None, isp: str | None
    ) -> tuple[Event, ...]:
        """Events of a half-open span of time, oldest first."""
        return self.chronicle.find(since=since, until=until, platform=platform, isp=isp)

    def recall(self, standing: Standing, now: float) -> None:
        """What was known up to `now` by those who knew more of the past: since when states stand, and what they were.

        Called once, when everything up to that moment is decided.
        """
        recall(standing, now, isps=self._isps, court=self._court, nation=self._nation, chronicle=self.chronicle)
        self._snapshot = None

    def take_alarms(self) -> list[Alarm]:
        """Measurements at odds with what is held, since the last call."""
        alarms = list(self._alarms)
        self._alarms.clear()
        return alarms

    # Entries

    def _enter(self, cell: Cell) -> None:
        if cell.rests_until > self._at and not cell.stirred:
            self._agenda.enter_after(cell.place, cell.rests_until)
        else:
            self._agenda.enter(cell.place, self._point)

    def _open_cells(self, isp: str, before: dict[Place, Cell]) -> None:
        """Every platform has a verdict at an ISP that ever had an agent."""
        references = Platform(id=REFERENCES, name="", category="", targets=self.catalogue.references)
        for kind in (*self.catalogue.platforms, references):
            platform, targets = kind.id, kind.targets
            urls = {target.url: target for target in targets}
            cell = Cell(
                platform=platform,
                isp=isp,
                targets=urls,
                need=kind.need,
                parts=kind.parts,
                verdict=unknown(platform, isp, self._at),
                isp_state=self._nation.state(isp),
            )
            if (old := before.get((isp, platform))) is not None:
                cell.take_over(old)
            self._court.open(cell)
            self._enter(cell)

    def _take(self, entry: Measured, measurement: Measurement) -> None:
        target = self._targets.get((measurement.platform, measurement.target))
        if target is None:
            return
        started, lasted = placed(measurement, entry.at), measurement.duration_us / 1_000_000
        if started is None:
            return
        if started + lasted > entry.at + CLOCK_SLACK_S:  # a clock that is ahead: nothing comes before it was measured
            started = entry.at - lasted
        if started != measurement.began_us / 1_000_000:
            measurement = replace(measurement, started_at=datetime.fromtimestamp(started, UTC))
        if entry.role is Role.CONTROL:
            self._court.hear_control(target, entry.agent, Look(started, measurement))
            return
        cell = self._court.cells.get((entry.isp, target.platform))
        if cell is None:
            return
        if measurement.depth is Depth.TRACE:  # evidence, which decides nothing
            return self._court.paths.hear((entry.isp, target.platform), entry.agent, measurement, started)
        self._counting.count(measurement, entry.isp, started)
        if started + lasted + self._settings.late_s >= entry.at:
            self._admit(entry, cell, target, measurement, started)
        elif target.platform:
            finding = self._court.hear_late(cell, entry.agent, measurement, started)
            self.backfill.hear((entry.isp, target.platform), entry.agent, target.url, finding, started, entry.at)

    def _admit(self, entry: Measured, cell: Cell, target: Target, measurement: Measurement, started: float) -> None:
        """Lets a measurement vote unless its agent has a newer one."""
        window = cell.window(target.url)
        pause = window.pause_s(entry.agent, started)
        agents = max(self._nation.connected(entry.isp), len(window), 1)
        expires = started + self._standing_s(max(target.interval_s * agents, pause))
        case = Case(agent=entry.agent, measurement=measurement, started=started, expires=expires)
        if target.transfer is not None:  # reads take long: what began after them may have come before
            stands_s = self._standing_s(max(target.transfer.interval_s * agents, pause))
            self._court.timing.hear_agent(cell, target, replace(case, expires=started + stands_s), entry.at)
        newest = window.newest(entry.agent)
        if newest is not None and started <= newest[0]:
            self._court.hear_late(cell, entry.agent, measurement, started)
        elif expires > entry.at:
            self._court.hear_agent(cell, target, case, entry.at)

    def _standing_s(self, interval_s: float) -> float:
        """How long a vote stands."""
        settings = self._settings
        return min(max(settings.vote_intervals * interval_s, settings.vote_floor_s), settings.vote_ceiling_s)

    # Decisions

    def _process(self, last: int) -> None:
        """Decides at every point, up to the last, at which something is due."""
        while (point := min(filter(None, (self._agenda.next, self._outlook.next)), default=last + 1)) <= last:
            self._decide(point)
        if last > self._agenda.done:
            self._agenda.done = self._outlook.done = last
            self._snapshot = None

    def _decide(self, point: int) -> None:
        """Decides what is due at a point: references, then ISPs, then platforms."""
        now = point * self._settings.grid_s
        due = set(self._agenda.take(point))
        for isp in sorted(isp for isp, platform in due if platform == REFERENCES):
            self._decide_cell((isp, REFERENCES), now)
            self._outlook.enter_at((isp,), now)
        turns = self._nation.settle([isp for (isp,) in self._outlook.take(point)], now)
        for turn in (turn for turn in turns if turn.isp in self._isps):
            self.chronicle.write_turn(turn, now)
            for cell in self._court.of(turn.isp):
                cell.isp_state = turn.after
                due.add((cell.isp, cell.platform))
        for place in sorted(place for place in due if place[1] != REFERENCES):
            self._decide_cell(place, now)
        self._snapshot = None

    def _decide_cell(self, place: Place, now: float) -> None:
        cell = self._court.cells.get(place)
        if cell is None:  # the catalogue changed
            return
        crew = self._nation.known(cell.isp)
        faulty = partial(self.briefing.faulty_of, cell.platform)
        void = void_votes(cell, self._nation)
        change = cell.decide(now, self._terms, crew=crew, faulty=faulty, origin_of=self._origin_of, void=void)
        if change is not None and cell.platform != REFERENCES:
            self.chronicle.write_change(change, now, self._court.open_dossier(cell, now))
        if (expiry := cell.next_expiry) is not None:
            self._agenda.enter_at(place, max(expiry, cell.rests_until))
        if self._nation.state(cell.isp) not in (IspState.UP, IspState.UNKNOWN):
            self._nation.look_at(cell.isp, now)

    def _health(self, isp: str) -> IspState:
        return health(self._court.of(isp))
