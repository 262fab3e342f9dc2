"""The half of a collector that decides: from the journal's rows to verdicts, and what readers see of them."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from rabta_collector.archive.keeping import DAY_S
from rabta_collector.backfill import Voices
from rabta_collector.catalogue import Catalogue, Isp
from rabta_collector.closedloop import Askable, ClosedLoop
from rabta_collector.decider import Decider
from rabta_collector.engine import Engine
from rabta_collector.entries import Entry, Fence
from rabta_collector.ground import Ground
from rabta_collector.history.places import make_places
from rabta_collector.history.shown import History
from rabta_collector.ingest import Ingest
from rabta_collector.isp_share import IspShare
from rabta_collector.journals import AnyJournal
from rabta_collector.newsroom import Newsroom
from rabta_collector.originals import Originals
from rabta_collector.origins import Origins
from rabta_collector.parts import Look, Wanted
from rabta_collector.plan import Costs
from rabta_collector.projections import Parts, Projections
from rabta_collector.query import Query
from rabta_collector.record.counts import Counted
from rabta_collector.record.desk import Desk
from rabta_collector.rows import where_of
from rabta_collector.state import Event, IngestStats, Snapshot
from rabta_collector.taking import take
from rabta_collector.timeline import Span
from rabta_collector.whereabouts import Whereabouts

MARKED_S = 60.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Learners:
    """What else is made of the journal, where agents are taken in the same process."""

    ingest: Ingest
    whereabouts: Whereabouts
    costs: Costs


class Country:
    """What is known, decided and shown."""

    def __init__(
        self,
        ground: Ground,
        journal: AnyJournal,
        *,
        origins: Origins,
        province_of: Callable[[str], str],
        sessions: Mapping[str, Askable],
        archive: Path | None = None,
        learners: Learners | None = None,
    ) -> None:
        """`sessions`: of the agents that can be asked to measure at once. `archive`: of this process's own record."""
        config, data = ground.config, ground.data
        self._ground, self._journal = ground, journal
        self._ready = self._rules = False
        engine = Engine(
            ground.catalogue,
            ground.isps,
            config.settings,
            asn_of=ground.networks.asn_of,
            origin_of=origins.of,
            share=config.share,
        )
        self.decider = Decider(engine, on_events=self._tell)
        self.history = History(data.history, data.record, make_places(ground.catalogue, ground.isps))
        self._loop = ClosedLoop(engine, sessions, ground.stats, lab=config.lab)
        self.desk = Desk(data, engine, province_of, archive)
        self.testimony = self.desk.testimony
        made: dict[str, Any] = {"originals": Originals()}
        if learners is not None:
            made = {name: getattr(learners, name) for name in Learners.__slots__}
        parts = Parts(decider=self.decider, networks=ground.networks, origins=origins, desk=self.desk, **made)
        where = where_of(config)
        self.projections = Projections(data, ground.stamp, parts, stats=ground.stats, journal=where, owned=ground.owned)

    def commit(self, entry: Entry | Fence | None, epoch: int) -> None:
        """Takes in the next row of the journal."""
        self.projections.commit(entry, epoch)

    # What readers see

    @property
    def catalogue(self) -> Catalogue:
        return self._ground.catalogue

    @property
    def stats(self) -> IngestStats:
        return self._ground.stats

    @property
    def share(self) -> IspShare:
        """Which ISPs are decided on here."""
        return self._ground.config.share

    @property
    def rules(self) -> bool:
        """Whether it is this process that tells Prometheus and asks agents; others may know the same."""
        return self._rules

    def snapshot(self) -> Snapshot:
        return self.decider.engine.snapshot()

    def find_events(
        self, *, since: float | None, until: float | None, platform: str | None, isp: str | None
    ) -> tuple[Event, ...]:
        return self.decider.engine.find_events(since=since, until=until, platform=platform, isp=isp)

    def find_late(self, query: Query) -> Voices:
        return self.decider.engine.backfill.voices(isp=query.isp, platform=query.platform)

    def find_counts(self, query: Query) -> tuple[Counted, ...]:
        return self.desk.find_counts(query)

    def find_past(self, query: Query) -> tuple[Span, ...]:
        """Spans of the past; what was imported a moment ago is among them."""
        return self.history.spans(query)

    async def gather(self, wanted: Wanted) -> Look:
        """What is wanted, of all ISPs that are decided on here."""
        return take(self, wanted)

    def newsroom_of(self, isp: str | None) -> Newsroom:
        return self.desk.newsroom

    @property
    def isps(self) -> Sequence[Isp]:
        return self._ground.isps

    def mark(self) -> object:
        """Number of the newest event, if that is not older than a minute."""
        events = self.find_events(since=self.snapshot().at - MARKED_S, until=None, platform=None, isp=None)
        return events[-1].id if events else 0

    def ready(self) -> bool:
        """Whether what was known is known again, and the journal does its work."""
        return self._ready and not self._journal.trouble

    def why_not_ready(self) -> str:
        """One line for whoever asks; empty where it is ready."""
        if trouble := self._journal.trouble:
            return f"{trouble}; agents keep what they measure and send it later"
        replaying = f"the journal is being replayed: {self.projections.progress}; verdicts come when that is done"
        return "" if self._ready else replaying

    # What happens

    def _tell(self, events: tuple[Event, ...]) -> None:
        self.desk.hear(events, live=self._ready)
        if not self._ready:
            return  # replayed: they were told when they happened
        if self._rules:
            self._loop.hear(events, self._journal.now())
        for event in events:
            log.info(
                "state.changed",
                platform=event.platform,
                isp=event.isp,
                before=event.from_state,
                now=event.to_state,
                mechanism=event.mechanism,
            )

    def hear_elsewhere(self, events: Sequence[Event]) -> None:
        """What was decided of ISPs that other processes have."""
        if self._rules:
            self._loop.hear(events, self._journal.now())

    async def replay(self, stop: Callable[[], bool]) -> None:
        """Knows again what was known, and follows the journal from there."""
        await self.projections.replay(self._journal, stop)

    def begin(self, *, rules: bool = True) -> None:
        """Tells readers from now on, and, where it `rules`, Prometheus and agents."""
        self._ready = True
        self.rule(rules)

    def rule(self, rules: bool) -> None:
        if rules and not self._rules:
            self._loop.start()
        self._rules = rules

    def end(self) -> None:
        self._ready = self._rules = False

    def works(self) -> list[Coroutine[Any, Any, None]]:
        """What is to be looked after from `begin` on."""
        return [
            self._tick(),
            self.projections.keep_counting(),
            self.desk.keep_forgetting(self._ground.config.archive.minutes_days * DAY_S),
            asyncio.to_thread(self.history.refresh),
        ]

    async def _tick(self) -> None:
        """Decides at each point of the grid, as far as the journal is complete."""
        grid_s = self._ground.config.settings.grid_s
        while True:
            await asyncio.sleep(grid_s - time.time() % grid_s)
            self.decider.advance(self._journal.horizon())
            if self._rules:
                self._loop.turn(self._journal.now())
            else:
                self._loop.start()  # what others ask for is nothing to us

    async def keep(self) -> None:
        """Checkpoints, again and again."""
        await self.projections.checkpoints.keep_for_ever(self._ground.config.checkpoint_s)

    async def close(self) -> None:
        """After the journal's end."""
        await self.projections.checkpoints.keep(hurries=True)
        await self.desk.close()
