"""`archive --keep`: has each day sealed when it is over, of the rows that all processes append and of what they decide.

Any number of these may run, each with an archive of its own: they read the same streams, and none hangs on another.
One of them has a lease, and gives up what all of them have sealed and what no start of a `decide` asks for any more.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable

import structlog

from rabta_collector import running, upkeep, web
from rabta_collector.archive import child
from rabta_collector.archive.chain import InvalidCheckpointError
from rabta_collector.archive.keeping import SEALS, Need
from rabta_collector.archive.reading import last_record_of, last_row_of
from rabta_collector.archive.sealing import sealed_to
from rabta_collector.catalogue import Catalogue
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.door import until_stopped
from rabta_collector.jetstream.giving import Giver
from rabta_collector.jetstream.leases import Lease
from rabta_collector.jetstream.link import ApiError, NoAnswerError
from rabta_collector.jetstream.needs import Needs
from rabta_collector.journal_file import UnusableJournalError
from rabta_collector.listeners import Sides
from rabta_collector.record.heard import sealed_up_to
from rabta_collector.record.reading import reading
from rabta_collector.roles.ground import make_ready, place_of, wait_for_key
from rabta_collector.state import IngestStats, Snapshot
from rabta_collector.stopping import stop
from rabta_collector.targets import load_catalogue

WAKE_S = 60.0
FAILING = (OSError, sqlite3.Error, InvalidCheckpointError, UnusableJournalError, ApiError, NoAnswerError)
log = structlog.get_logger()


class ArchiveRole:
    """One process of one or more."""

    def __init__(self, config: Config, data: DataDir, *, clock: Callable[[], float] = time.time) -> None:
        """Raises what `cli` turns into one line."""
        self._config, self._data, self._clock = config, data, clock
        self._place = place_of(config, "archive --keep")
        wait_for_key(self._place, data)
        make_ready(self._place, 0.0, make=False)  # who made the registry had made the stream
        self.catalogue: Catalogue = load_catalogue(config.targets)
        self.stats = IngestStats()
        self._needs = Needs(self._place, data.name())
        self._giver = Giver(self._place, data.record, config.archive)
        self._gives = False
        self._lease = Lease(self._place, "archive", changed=self._change)
        self._trouble = "nothing was looked at yet"
        self._stopping = asyncio.Event()

    def _change(self, held: bool) -> None:
        self._gives = held

    # What operators see

    @property
    def rules(self) -> bool:
        return False

    @property
    def share(self) -> None:
        """It decides on no ISP."""

    def snapshot(self) -> Snapshot:
        """Nothing of the country."""
        return Snapshot(at=0.0)

    def ready(self) -> bool:
        """Whether the last look found all as it should be."""
        return not self._trouble

    def why_not_ready(self) -> str:
        """One line for whoever asks; empty where it is ready."""
        return self._trouble

    # Its life

    def stop(self) -> None:
        """Stops: gracefully the first time, at once the second."""
        stop(self._stopping)

    async def serve(self) -> None:
        """Until `stop`. Raises `ListenError`."""
        sides = Sides(self._config)
        pages = web.make_operators_app(self, metrics=self._config.admin is None)
        try:
            page = await sides.start(pages, web.make_operators_app(self))
            log.info("archive.ready", health=f"http://{page}/healthz")
            print(f"ready: health on http://{page}/healthz", flush=True)  # noqa: T201 - for whoever started us
            await until_stopped(self._stopping, [self._tend(), self._lease.run(), upkeep.keep_tidy()])
        finally:
            await self._lease.close()
            await self._giver.close()
            await self._needs.close()
            await sides.stop()
        log.info("collector.stopped")

    async def _tend(self) -> None:
        """Until it is cancelled. What goes wrong is told, and tried again."""
        while True:
            try:
                self._trouble = await self._look()
            except FAILING as wrong:
                self._trouble = f"the archive is not kept: {wrong}"
            if self._trouble:
                self.stats.archive_failures += 1
                log.error("archive.failed", message=self._trouble)
            await asyncio.sleep(WAKE_S)

    async def _look(self) -> str:
        """What is wrong, in one line; empty: nothing."""
        await self._say_need()  # first: sealing may take hours, in which another one would give up what is to be read
        due = await asyncio.to_thread(child.is_due, self._place, self._data.archive, self._clock())
        sealed = not due or await child.seal(self._data, self._place)
        self.stats.archive_sealed_to = sealed_to(self._data.archive)
        if due:
            await self._say_need()
        if self._gives:
            await self._giver.give_up(await self._needs.all(), self._clock())
        return "" if sealed else "a day that is over could not be sealed; the log says why"

    async def _say_need(self) -> None:
        await self._needs.say(await asyncio.to_thread(self._need))

    def _need(self) -> Need:
        """What is sealed here."""
        archive, record = self._data.archive, self._data.record
        event = 0
        if record.exists():
            with reading(record) as file:
                event = sealed_up_to(file.connection, last_record_of(archive))
        return Need(part=SEALS, row=last_row_of(archive), event=event)


async def run(config: Config) -> None:
    """Keeps the archive until a signal."""
    await running.run(config, ArchiveRole)
