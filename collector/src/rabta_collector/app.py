"""One collector: what `serve` runs, from the lock on its data directory to the last commit.

At the start it binds first, so that a port in use is known at once, and serves readers; then it replays the journal
into the engine; then it takes agents. At the end sessions go first, then the journal, then readers.
"""

import asyncio
import os
import secrets
import time
from importlib.metadata import version

import structlog

from rabta_collector import garbage, post, upkeep, web
from rabta_collector.accounts import Accounts
from rabta_collector.admission import Admission
from rabta_collector.asked import remember
from rabta_collector.backfill import Voices
from rabta_collector.catalogue import Catalogue
from rabta_collector.checkpoints import make_stamp
from rabta_collector.chosen import open_journal
from rabta_collector.closedloop import ClosedLoop
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.decider import Decider
from rabta_collector.descriptors import connections, raise_limit
from rabta_collector.engine import Engine
from rabta_collector.handed import TakeIn
from rabta_collector.history.places import PLACES, make_places
from rabta_collector.history.shown import History
from rabta_collector.ingest import Ingest
from rabta_collector.isps import load_isps
from rabta_collector.journals import Owner
from rabta_collector.listeners import GrpcListener, HttpListener, grpc_credentials, web_context
from rabta_collector.networks import open_networks
from rabta_collector.origins import Origins
from rabta_collector.plan import Costs, Frame
from rabta_collector.planner import Planner
from rabta_collector.prefixes import Prefixes
from rabta_collector.projections import Parts as Projected
from rabta_collector.projections import Projections
from rabta_collector.query import Query
from rabta_collector.record.counts import Counted
from rabta_collector.record.desk import Desk
from rabta_collector.registry import Registry
from rabta_collector.rows import where_of
from rabta_collector.sealed import public_key_of
from rabta_collector.service import Parts, Service
from rabta_collector.share import Terms
from rabta_collector.signing import load_secret, load_signer
from rabta_collector.standing import Standings
from rabta_collector.state import Event, IngestStats, Snapshot
from rabta_collector.stopping import stopping_on_signals
from rabta_collector.targets import load_catalogue
from rabta_collector.timeline import Span
from rabta_collector.verdict.fingerprints import MARKS
from rabta_collector.whereabouts import Whereabouts

FLOOR_S = 60.0  # an agent measures no target more often, outside of the lab
log = structlog.get_logger()


class Collector:
    """The parts of one collector, and what its readers see of them."""

    def __init__(self, config: Config, data: DataDir) -> None:
        """Reads every file there is. Raises what `cli` turns into one line."""
        self._config, self._data = config, data
        self._ready = self.lost = False
        self._catalogue, self._stats = load_catalogue(config.targets), IngestStats()
        isps = load_isps(config.isps)
        self._costs, self._whereabouts = Costs(self._catalogue), Whereabouts(self._catalogue, lab=config.lab)
        self._networks = open_networks(isps, config.asn_db)
        self._signer = load_signer(data.plan_key)
        self._credentials = grpc_credentials(config.tls_cert, config.tls_key)
        stamp = make_stamp(config, self._catalogue, isps)
        self._journal = open_journal(config, data, stamp=stamp, stats=self._stats, owner=self._owner())
        registry = Registry(data.state)
        self._accounts = Accounts(registry)
        self._admission = Admission(self._accounts, config.limits, Prefixes(secrets.token_bytes))
        origins, asn_of = Origins(self._accounts, self._admission), self._networks.asn_of
        engine = Engine(self._catalogue, isps, self._config.settings, asn_of=asn_of, origin_of=origins.of)
        self._decider = Decider(engine, on_events=self._tell)
        self._ingest = Ingest(
            journal=self._journal,
            stats=self._stats,
            lab=config.lab,
            asked=remember(registry, self._catalogue, now=self._journal.now()),
            joined_at=self._accounts.joined_at,
            room=config.limits.inflight_bytes,
        )
        registry.keep_fact("isps", " ".join(isp.id for isp in isps))
        registry.keep_fact("endpoints", " ".join(config.endpoints))
        registry.keep_fact(PLACES, (places := make_places(self._catalogue, isps)).to_json())
        self._history = History(data.history, data.record, places)
        self._planner = Planner(
            frame=Frame(catalogue=self._catalogue, marks=MARKS, newest_agent=version("rabta-collector")),
            signer=self._signer,
            terms=self._terms(),
            whereabouts=self._whereabouts,
            last_version=int(registry.fact("plan_version") or 0),
            clock=self._journal.now,
        )
        self._service = Service(self._parts(frozenset(isp.id for isp in isps)))
        self._loop = ClosedLoop(engine, self._service.sessions, self._stats, lab=config.lab)
        self._stopping = asyncio.Event()
        self.desk = Desk(data, engine, self._accounts.province_of)
        self.testimony, self.newsroom = self.desk.testimony, self.desk.newsroom
        made = (self._ingest, self._whereabouts, self._costs, self._decider)
        parts = Projected(*made, self._networks, origins, self.desk)
        self._projections = Projections(data, stamp, parts, journal=where_of(config, data))

    def _owner(self) -> Owner:
        """What a journal gets of the parts that are made after it."""
        return Owner(
            committed=lambda entry, epoch: self._projections.commit(entry, epoch),
            pack=lambda agent: self._ingest.seen.pack(agent),
            lost=self._lose,
        )

    def _terms(self) -> Terms:
        lab, bound = self._config.lab, self._config.bytes_per_day
        return Terms(floor_s=0.0 if lab else FLOOR_S, bytes_per_day=None if lab else bound, cost=self._costs.of)

    def _parts(self, isps: frozenset[str]) -> Parts:
        return Parts(
            accounts=self._accounts,
            admission=self._admission,
            ingest=self._ingest,
            journal=self._journal,
            planner=self._planner,
            networks=self._networks,
            stats=self._stats,
            isps=isps,
            standings=Standings(self.snapshot),
            public_key=self._signer.public_key,
            lab=self._config.lab,
            heartbeat_s=self._config.heartbeat_s,
            endpoints=self._config.endpoints,
            import_key=public_key_of(load_secret(self._data.import_key)),
        )

    @property
    def catalogue(self) -> Catalogue:
        return self._catalogue

    @property
    def stats(self) -> IngestStats:
        return self._stats

    def snapshot(self) -> Snapshot:
        return self._decider.engine.snapshot()

    def find_events(
        self, *, since: float | None, until: float | None, platform: str | None, isp: str | None
    ) -> tuple[Event, ...]:
        return self._decider.engine.find_events(since=since, until=until, platform=platform, isp=isp)

    def find_late(self, query: Query) -> Voices:
        return self._decider.engine.backfill.voices(isp=query.isp, platform=query.platform)

    def find_counts(self, query: Query) -> tuple[Counted, ...]:
        return self.desk.find_counts(query)

    def find_past(self, query: Query) -> tuple[Span, ...]:
        """Spans of the past; what was imported a moment ago is among them."""
        return self._history.spans(query)

    def ready(self) -> bool:
        """Whether what was known is known again, agents are taken, and the disk takes what they bring."""
        return self._ready and not self._journal.trouble

    def why_not_ready(self) -> str:
        """One line for whoever asks; empty where it is ready."""
        if trouble := self._journal.trouble:
            return f"{trouble}; agents keep what they measure and send it later"
        replaying = f"the journal is being replayed: {self._projections.progress}; verdicts come when that is done"
        return "" if self._ready else replaying

    def _tell(self, events: tuple[Event, ...]) -> None:
        self.desk.hear(events, live=self._ready)
        if not self._ready:
            return  # replayed: they were told when they happened
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

    # The life of a collector

    def _lose(self) -> None:
        """Another collector writes the journal: what this one decides is of no use any more."""
        self.lost = True
        self._stopping.set()

    def stop(self) -> None:
        """Stops: gracefully the first time, at once the second."""
        if self._stopping.is_set():
            os._exit(130)
        self._stopping.set()

    async def serve(self) -> None:
        """Until `stop`. Raises `ListenError`."""
        most = connections(sessions=self._config.limits.sessions, descriptors=raise_limit())
        agents = GrpcListener(self._config.grpc, self._credentials, connections=most)
        pages = web.make_app(self, metrics=self._config.admin is None)
        post.add_calls(pages, self._service.unary(), ready=lambda: self._ready, room=self._service.room)
        readers = HttpListener(pages)
        operators = HttpListener(web.make_admin_app(self), whose="operators", see="--admin, RABTA_ADMIN")
        keeping = asyncio.create_task(self._projections.checkpoints.keep_for_ever(self._config.checkpoint_s))
        try:
            await readers.start(self._config.http)
            await self._listen_with_tls(readers)
            await self._listen_to_operators(operators)
            self._journal.start()
            await self._projections.replay(self._journal, self._stopping.is_set)
            if not self._stopping.is_set():
                await self._take_agents(agents, readers)
        finally:
            self._ready = False
            await agents.stop()
            await self._service.gone()
            keeping.cancel()
            await self._journal.close()
            await self._projections.checkpoints.keep()
            await self.desk.close()
            await self._accounts.close()
            await readers.stop()
            await operators.stop()
        log.info("collector.stopped")

    async def _listen_with_tls(self, readers: HttpListener) -> None:
        config = self._config
        if config.https is not None and (context := web_context(config.tls_cert, config.tls_key)) is not None:
            log.info("web.tls", endpoint=str(await readers.start_tls(config.https, context)))

    async def _listen_to_operators(self, operators: HttpListener) -> None:
        """Plain on this machine itself: no certificate is made out to 127.0.0.1."""
        config = self._config
        if config.admin is None:
            return
        context = None if config.admin.loopback else web_context(config.tls_cert, config.tls_key)
        await operators.start(config.admin, context)
        log.info("admin.ready", endpoint=str(operators.endpoint), tls=context is not None)

    async def _take_agents(self, agents: GrpcListener, readers: HttpListener) -> None:
        self._loop.start()
        await agents.start(self._service.handlers(), self._service.note)
        self._ready = True
        page, tls = f"http://{readers.endpoint}/", self._credentials is not None
        log.info("collector.ready", agents=str(agents.endpoint), page=page, tls=tls)
        if not tls and not agents.endpoint.loopback:
            log.warning("collector.plain", message="agents send their secrets in the clear; see --tls-cert, --tls-key")
        print(f"ready: agents on {agents.endpoint}, page on {page}", flush=True)  # noqa: T201 - for whoever started us
        async with asyncio.TaskGroup() as group:
            works = (
                self._tick(),
                upkeep.watch_registry(self._accounts, self._service),
                upkeep.keep_heard(self._accounts, self._service),
                upkeep.keep_scores(self._accounts, self._decider.engine.briefing.outlier_scores),
                upkeep.keep_tidy(),
                upkeep.keep_planning(self._planner, self._service, self._accounts, self._config.share_pause_s),
                TakeIn(self._data.handed, self._ingest).run(),
                self._projections.tender(self._journal, self._config.archive).tend(),
                self._projections.keep_counting(),
            )
            tasks = [group.create_task(work) for work in works]
            group.create_task(asyncio.to_thread(self._history.refresh))
            await self._stopping.wait()
            self._history.stop()
            for task in tasks:
                task.cancel()
        await agents.refuse()
        self._service.end_all()

    async def _tick(self) -> None:
        """Decides at each point of the grid, as far as the journal is complete."""
        grid_s = self._config.settings.grid_s
        while True:
            await asyncio.sleep(grid_s - time.time() % grid_s)
            self._decider.advance(self._journal.horizon())
            self._loop.turn(self._journal.now())


async def run(config: Config) -> bool:
    """Serves until a signal; false where it ended because another collector took the journal over."""
    os.umask(0o077)  # every file of the data directory is its owner's
    data = DataDir(config.data)
    with data.locked():
        collector = Collector(config, data)
        with stopping_on_signals(collector.stop), garbage.seldom():
            await collector.serve()
        return not collector.lost
