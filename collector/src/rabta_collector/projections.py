"""Everything that is made of the journal: fed with its entries as they are committed, and known again at a start.

A start goes on from the last checkpoint where that fits (checkpoints.py), and reads the rest of the journal, or all of
it. What is made of an entry hangs on the entries before it and on nothing else.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

import structlog

from rabta_collector.archive.keeping import Keeping
from rabta_collector.archive.tending import Tender
from rabta_collector.checkpoints import Checkpoints
from rabta_collector.datadir import DataDir
from rabta_collector.decider import Decider
from rabta_collector.entries import Entry, Fence, Measured
from rabta_collector.ingest import Ingest
from rabta_collector.journals import AnyJournal
from rabta_collector.networks import Networks
from rabta_collector.originals import Originals
from rabta_collector.origins import Origins
from rabta_collector.plan import Costs
from rabta_collector.record.desk import Desk
from rabta_collector.record.seam import goes_on_from
from rabta_collector.replay import Known, Owned, Progress, reaches, replay
from rabta_collector.rfc3339 import format_time
from rabta_collector.rows import Where, open_rows
from rabta_collector.state import IngestStats
from rabta_collector.whereabouts import Whereabouts

MOST_CELLS = 20_000
"""Of counts that wait: minutes of platforms at ISPs."""

COUNT_S = 10.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is made of the journal; not so `networks` and `origins`, which the engine asks. `desk` keeps decisions.

    Where agents are taken by other processes, there is no `ingest`, and nothing that plans are made with; `originals`
    has what these could not know of one another.
    """

    decider: Decider
    networks: Networks
    origins: Origins
    desk: Desk
    ingest: Ingest | None = None
    whereabouts: Whereabouts | None = None
    costs: Costs | None = None
    originals: Originals | None = None


class Projections:
    """The one who hands entries on."""

    def __init__(
        self,
        data: DataDir,
        stamp: Mapping[str, str],
        parts: Parts,
        *,
        stats: IngestStats,
        journal: Where | None = None,
        owned: Owned = None,
    ) -> None:
        """`stamp`: what the state hangs on beside the journal. `journal`: where it is, if not in the data directory.

        `owned`: the ISPs whose measurements are read; all without it.
        """
        self._data, self._parts, self._owned, self._stats = data, parts, owned, stats
        self._where: Where = data.journal if journal is None else journal
        self._known = Known()
        self._counted_to = 0
        self.progress = Progress(0, 0)
        """Of the replay."""
        engine = parts.decider.engine
        self.checkpoints = Checkpoints(
            data.checkpoint,
            self._where,
            stamp,
            known=self._known,
            parts=_state_of(parts),
            outside={"networks": parts.networks, "origins": parts.origins},
            decided_to=lambda: engine.snapshot().at,
        )
        self.checkpoints.settled = parts.desk.settled
        self.checkpoints.told = self._count_checkpoint

    def _count_checkpoint(self, written: bool) -> None:
        self._stats.checkpoints["written" if written else "failed"] += 1

    @property
    def known(self) -> Known:
        """What was taken in of the journal."""
        return self._known

    def commit(self, entry: Entry | Fence | None, epoch: int) -> None:
        """Takes in the next row of the journal, which is kept there; `None`: it cannot be read."""
        if isinstance(noted := self._known.note(entry), Entry):
            self._take(noted, epoch)

    def _take(self, entry: Entry, epoch: int) -> None:
        parts = self._parts
        if 0.0 < self._known.recalls_at <= entry.at:
            self._recall()
        if parts.ingest is not None:
            parts.ingest.remember(entry, epoch)
        if parts.originals is not None and isinstance(entry, Measured):
            brought, entry = len(entry.measurements), parts.originals.of(entry, epoch)
            self._stats.copied += brought - len(entry.measurements)
        if parts.whereabouts is not None:
            parts.whereabouts.hear(entry)
        if parts.costs is not None and isinstance(entry, Measured):
            for measurement in entry.measurements:
                parts.costs.learn(measurement)
        parts.decider.take(entry)
        self._count()

    def _count(self) -> None:
        """What the record has counted before is not counted again; of a long replay it is handed on in parts."""
        row = self._known.row
        if row <= self._counted_to:
            self._parts.decider.engine.briefing.court.rollup.take()
        else:
            self._parts.desk.count(row, least=MOST_CELLS)

    async def keep_counting(self) -> None:
        """Has what was measured counted in the record, again and again."""
        while True:
            await asyncio.sleep(COUNT_S)
            self._parts.desk.count(self._known.row)

    def tender(self, keeping: Keeping, trim: Callable[[int], None], stats: IngestStats) -> Tender:
        """Who has days sealed, and old rows given up."""
        return Tender(
            data=self._data,
            where=self._where,
            keeping=keeping,
            checkpoint=lambda: self.checkpoints.kept,
            trim=trim,
            stats=stats,
        )

    async def replay(self, journal: AnyJournal, stop: Callable[[], bool]) -> None:
        """Makes known again what was known; then nobody is present."""
        started, known = time.monotonic(), self._known
        journal.begin_after(self.checkpoints.take_up())
        if not known.row:
            await self._begin_anew()
            await asyncio.to_thread(self._recollect)
        self._counted_to = await self._parts.desk.counted_to()
        rows, measurements = known.row, known.measurements
        self.progress = Progress(rows, journal.rows)
        await replay(
            self._where,
            self._take,
            known,
            stop=stop,
            progress=self.progress,
            archive=self._data.archive,
            owned=self._owned,
        )
        if known.unreadable:
            log.error("journal.unreadable", rows=known.unreadable[:20], count=len(known.unreadable))
        log.info(
            "replay.done",
            rows=known.row - rows,
            measurements=known.measurements - measurements,
            seconds=round(time.monotonic() - started, 3),
        )
        if not stop():
            journal.begin_after(known.at)
            await journal.follow(known.row, stop)
        if not stop() and self._parts.ingest is not None:
            for member in tuple(known.present.values()):  # their sessions ended with the last collector
                journal.append_presence(member, connected=False)
            self._parts.decider.advance(journal.horizon())

    async def _begin_anew(self) -> None:
        """What the record knows of a time of which the journal has no rows any more stands as it is written there."""
        desk = self._parts.desk
        begins, counted = await asyncio.to_thread(self._reach, await desk.counted_to())
        since = goes_on_from(begins, max(counted, await desk.last_decided()))
        await desk.begin_anew(since)
        if since > begins:  # else nobody knows what was between
            self._known.recalls_at = since
        if since:
            log.warning("record.stands", until=format_time(since), message="the journal begins later")

    def _reach(self, row: int) -> tuple[float, float]:
        """When the first row that there is was written, and the one of this number, if any.

        The first is 0 where no row before it is missing.
        """
        with closing(open_rows(self._where)) as rows:
            first, first_us = rows.first_position()
            if first <= 1 or reaches(self._data.archive, first - 1):
                return 0.0, 0.0
            marks = rows.marks_of(row) if row >= first else None
        return first_us / 1_000_000, 0.0 if marks is None else marks[0] / 1_000_000

    def _recall(self) -> None:
        """What the record knows of the time before."""
        moment, self._known.recalls_at = self._known.recalls_at, 0.0
        self._parts.decider.recall(self._parts.desk.standing_at(moment), moment)

    def _recollect(self) -> None:
        """What agents' measurements were in rows that the journal gave up, as far as it says so itself."""
        if (ingest := self._parts.ingest) is None:
            return
        with closing(open_rows(self._where)) as rows:
            for agent, packed in rows.marks():
                ingest.seen.unpack(agent, packed)


def _state_of(parts: Parts) -> dict[str, object]:
    """What a checkpoint holds."""
    state: dict[str, object] = {"engine": parts.decider.engine}
    if parts.ingest is not None:
        state |= {"seen": parts.ingest.seen, "echoes": parts.ingest.echoes}
    others = {"whereabouts": parts.whereabouts, "costs": parts.costs, "originals": parts.originals}
    return state | {name: part for name, part in others.items() if part is not None}
