"""One collector: what `serve` runs, from the lock on its data directory to the last commit.

At the start it binds first, so that a port in use is known at once, and serves readers; then it replays the journal
into the engine; then it takes agents. At the end sessions go first, then the journal, then readers.
"""

import asyncio

import structlog

from rabta_collector import post, running, upkeep, web
from rabta_collector.chosen import open_journal
from rabta_collector.config import Config
from rabta_collector.country import Country, Learners
from rabta_collector.datadir import DataDir
from rabta_collector.door import Door, until_stopped
from rabta_collector.ground import open_ground
from rabta_collector.journals import Owner
from rabta_collector.listeners import Sides
from rabta_collector.origins import Origins
from rabta_collector.registry import Registry
from rabta_collector.stopping import stop

log = structlog.get_logger()


class Collector:
    """Both halves, on one journal."""

    def __init__(self, config: Config, data: DataDir) -> None:
        """Reads every file there is. Raises what `cli` turns into one line."""
        self._config = config
        self.lost = False
        ground = open_ground(config, data)
        owner = Owner(
            committed=lambda entry, epoch: self._country.commit(entry, epoch),
            pack=lambda agent: self._door.ingest.seen.pack(agent),
            lost=self._lose,
        )
        self._journal = open_journal(config, data, stamp=ground.stamp, stats=ground.stats, owner=owner)
        self._door = Door(ground, self._journal, Registry(data.state), snapshot=lambda: self._country.snapshot())
        door = self._door
        self._country = Country(
            ground,
            self._journal,
            origins=Origins(door.accounts, door.admission.prefix_of),
            province_of=door.accounts.province_of,
            sessions=door.service.sessions,
            archive=data.archive,
            learners=Learners(ingest=door.ingest, whereabouts=door.whereabouts, costs=door.costs),
        )
        self._stopping = asyncio.Event()

    def _lose(self) -> None:
        """Another collector writes the journal: what this one decides is of no use any more."""
        self.lost = True
        self._stopping.set()

    def stop(self) -> None:
        """Stops: gracefully the first time, at once the second."""
        stop(self._stopping)

    async def serve(self) -> None:
        """Until `stop`. Raises `ListenError`."""
        door, country = self._door, self._country
        pages = web.make_app(country, metrics=self._config.admin is None)
        post.add_calls(pages, door.service.unary(), ready=lambda: door.listens, room=door.service.room)
        sides, keeping = Sides(self._config), asyncio.create_task(country.keep())
        try:
            page = await sides.start(pages, web.make_operators_app(country))
            self._journal.start()
            await country.replay(self._stopping.is_set)
            if not self._stopping.is_set():
                await self._take_agents(page)
        finally:
            country.end()
            await door.close()
            keeping.cancel()
            await self._journal.close()
            await country.close()
            await door.closed()
            await sides.stop()
        log.info("collector.stopped")

    async def _take_agents(self, page: str) -> None:
        door, country = self._door, self._country
        country.begin()
        await door.open()
        door.tell(page)
        scores = upkeep.keep_scores(door.accounts, country.decider.engine.briefing.outlier_scores)
        tender = country.projections.tender(self._config.archive, self._journal.trim, country.stats)
        works = [*country.works(), *door.works(), tender.tend(), scores, upkeep.keep_tidy()]
        await until_stopped(self._stopping, works)
        country.history.stop()
        await door.refuse()


async def run(config: Config) -> bool:
    """Serves until a signal; false where it ended because another collector took the journal over."""
    collector = await running.run(config, Collector)
    return not collector.lost
