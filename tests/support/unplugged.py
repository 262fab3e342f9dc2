"""What is made of a journal, without a network: the half of a collector that decides, started as after a kill."""

from collections.abc import Sequence
from pathlib import Path

from rabta_collector.accounts import Accounts
from rabta_collector.admission import Admission
from rabta_collector.checkpoints import make_stamp
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.decider import Decider
from rabta_collector.engine import Engine
from rabta_collector.entries import Entry
from rabta_collector.ingest import Ingest
from rabta_collector.journal import Journal
from rabta_collector.journal_file import Row
from rabta_collector.limits import Limits
from rabta_collector.networks import Networks
from rabta_collector.origins import Origins
from rabta_collector.plan import Costs
from rabta_collector.prefixes import Prefixes
from rabta_collector.projections import Parts, Projections
from rabta_collector.record.desk import Desk
from rabta_collector.registry import Registry
from rabta_collector.replay import entry_of
from rabta_collector.state import IngestStats
from rabta_collector.whereabouts import Whereabouts
from support.drawers import held_by
from support.factories import NOON
from support.feeds import CATALOGUE, ISPS, SETTINGS

STAMP = make_stamp(Config(), CATALOGUE, ISPS)


class Collector:
    """All in one folder; `stamp`: what a checkpoint has to fit."""

    def __init__(self, folder: Path, stamp: dict[str, str] = STAMP) -> None:
        path = folder / "journal.sqlite"
        self.stats, self.networks = IngestStats(), Networks(ISPS)
        accounts = Accounts(Registry(folder / "state.sqlite"))
        self.origins = Origins(accounts, Admission(accounts, Limits(), Prefixes(bytes)).prefix_of)
        self.engine = Engine(CATALOGUE, ISPS, SETTINGS, asn_of=self.networks.asn_of, origin_of=self.origins.of)
        self.journal = Journal(path, stats=self.stats, committed=self._committed, clock=lambda: NOON + 2000)
        self.parts = Parts(
            ingest=Ingest(
                journal=self.journal, stats=self.stats, lab=False, asked=frozenset(), joined_at=lambda agent: 0.0
            ),
            whereabouts=Whereabouts(CATALOGUE, lab=False),
            costs=Costs(CATALOGUE),
            decider=Decider(self.engine, on_events=lambda events: self.parts.desk.hear(events, live=False)),
            networks=self.networks,
            desk=Desk(DataDir(folder), self.engine, lambda agent: "", folder / "archive"),
            origins=self.origins,
        )
        self.projections = Projections(DataDir(folder), stamp, self.parts, stats=self.stats)

    def _committed(self, entry: Entry, epoch: int) -> None:
        self.projections.commit(entry, epoch)

    def live(self, rows: Sequence[Row], until: float | None = None) -> "Collector":
        for row in rows:
            self.projections.commit(entry_of(row), row.epoch)
        if until is not None:
            self.parts.decider.advance(until)
        return self

    async def start(self) -> "Collector":
        """As after a kill."""
        self.journal.start()
        await self.projections.replay(self.journal, lambda: False)
        await self.journal.close()
        return self

    @property
    def state(self) -> object:
        """All of it, at any depth, but for what is cached; and nothing waits to be counted in."""
        self.engine.snapshot()
        parts = vars(self.projections.checkpoints)["_parts"]
        return {name: held_by(part, frozenset({"_snapshot"})) for name, part in parts.items()}
