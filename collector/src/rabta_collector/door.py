"""The agents' half of a collector: who may speak, what they are asked for, and what of theirs is journaled."""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping
from importlib.metadata import version
from typing import Any

import structlog

from rabta_collector import upkeep
from rabta_collector.accounts import Accounts
from rabta_collector.admission import Admission
from rabta_collector.asked import remember
from rabta_collector.descriptors import connections, raise_limit
from rabta_collector.ending import end
from rabta_collector.ground import Ground
from rabta_collector.handed import TakeIn
from rabta_collector.history.places import PLACES, make_places
from rabta_collector.ingest import Ingest
from rabta_collector.journals import AnyJournal
from rabta_collector.listeners import GrpcListener, grpc_credentials
from rabta_collector.plan import Costs, Frame
from rabta_collector.planner import Planner, Present
from rabta_collector.prefixes import Prefixes
from rabta_collector.registries import AnyRegistry
from rabta_collector.sealed import public_key_of
from rabta_collector.service import Parts, Service
from rabta_collector.share import Terms
from rabta_collector.signing import load_secret, load_signer
from rabta_collector.standing import Standings
from rabta_collector.state import Snapshot
from rabta_collector.verdict.fingerprints import MARKS
from rabta_collector.whereabouts import Whereabouts

FLOOR_S = 60.0  # an agent measures no target more often, outside of the lab
Others = Callable[[], Mapping[str, Present]]
"""Agents whose sessions other processes hold."""

log = structlog.get_logger()


def nobody() -> Mapping[str, Present]:
    """Where there is no other process."""
    return {}


class Door:
    """`accounts`: of the registry. Others may look at its parts and change none."""

    def __init__(
        self,
        ground: Ground,
        journal: AnyJournal,
        registry: AnyRegistry,
        *,
        snapshot: Callable[[], Snapshot],
        others: Others = nobody,
        draw: Callable[[int], bytes] = secrets.token_bytes,
        shared: bool = False,
    ) -> None:
        """`snapshot`: what is held, as agents are told it. `draw`: the salt of prefixes."""
        config = ground.config
        self._ground, self._journal, self._others = ground, journal, others
        self.costs, self.whereabouts = Costs(ground.catalogue), Whereabouts(ground.catalogue, lab=config.lab)
        self._signer = load_signer(ground.data.plan_key)
        self._credentials = grpc_credentials(config.tls_cert, config.tls_key)
        self.accounts = Accounts(registry, shared=shared)
        self.admission = Admission(self.accounts, config.limits, Prefixes(draw))
        self.ingest = Ingest(
            journal=journal,
            stats=ground.stats,
            lab=config.lab,
            asked=remember(registry, ground.catalogue, now=journal.now()),
            joined_at=self.accounts.joined_at,
            room=config.limits.inflight_bytes,
        )
        registry.keep_fact("isps", " ".join(isp.id for isp in ground.isps))
        registry.keep_fact("endpoints", " ".join(config.endpoints))
        registry.keep_fact(PLACES, make_places(ground.catalogue, ground.isps).to_json())
        self.planner = Planner(
            frame=Frame(catalogue=ground.catalogue, marks=MARKS, newest_agent=version("rabta-collector")),
            signer=self._signer,
            terms=self._terms(),
            whereabouts=self.whereabouts,
            last_version=int(registry.fact("plan_version") or 0),
            clock=journal.now,
        )
        self.service = Service(self._parts(snapshot))
        most = connections(sessions=config.limits.sessions, descriptors=raise_limit())
        self._listener = GrpcListener(config.grpc, self._credentials, connections=most)
        self.listens = False
        """Whether agents are taken."""

    def _terms(self) -> Terms:
        config = self._ground.config
        bound = None if config.lab else config.bytes_per_day
        return Terms(floor_s=0.0 if config.lab else FLOOR_S, bytes_per_day=bound, cost=self.costs.of)

    def _parts(self, snapshot: Callable[[], Snapshot]) -> Parts:
        config = self._ground.config
        return Parts(
            accounts=self.accounts,
            admission=self.admission,
            ingest=self.ingest,
            journal=self._journal,
            planner=self.planner,
            networks=self._ground.networks,
            stats=self._ground.stats,
            isps=frozenset(isp.id for isp in self._ground.isps),
            standings=Standings(snapshot),
            public_key=self._signer.public_key,
            lab=config.lab,
            heartbeat_s=config.heartbeat_s,
            endpoints=config.endpoints,
            import_key=self.import_key,
            others=self._others,
        )

    @property
    def public_key(self) -> bytes:
        """By which agents know this collector's plans."""
        return self._signer.public_key

    @property
    def import_key(self) -> bytes:
        """For which agents seal what they export."""
        return public_key_of(load_secret(self._ground.data.import_key))

    async def open(self) -> None:
        """Takes agents from now on."""
        await self._listener.start(self.service.handlers(), self.service.note)
        self.listens = True
        if self._credentials is None and not self._listener.endpoint.loopback:
            log.warning("collector.plain", message="agents send their secrets in the clear; see --tls-cert, --tls-key")

    def tell(self, page: str) -> None:
        """Whoever started us, and the log: where agents and readers are taken."""
        agents = self._listener.endpoint
        log.info("collector.ready", agents=str(agents), page=f"http://{page}/", tls=self._credentials is not None)
        print(f"ready: agents on {agents}, page on http://{page}/", flush=True)  # noqa: T201 - for whoever started us

    def works(self) -> list[Coroutine[Any, Any, None]]:
        """What is to be looked after while agents are taken."""
        config = self._ground.config
        return [
            upkeep.watch_registry(self.accounts, self.service),
            upkeep.keep_heard(self.accounts, self.service),
            upkeep.keep_planning(self.planner, self.service, self.accounts, config.share_pause_s, self._others),
            TakeIn(self._ground.data.handed, self.ingest).run(),
        ]

    async def refuse(self) -> None:
        """Ends all sessions, because the end is near."""
        await self._listener.refuse()
        self.service.end_all()

    async def close(self) -> None:
        """Takes nobody any more; when this returns every session has ended, and said so to the journal."""
        self.listens = False
        await self._listener.stop()
        await self.service.gone()

    async def closed(self) -> None:
        """After the journal's end."""
        await self.accounts.close()


async def until_stopped(stopping: asyncio.Event, works: list[Coroutine[Any, Any, None]]) -> None:
    """Does all of these until it is to stop, or one of them fails."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        await stopping.wait()
        await end(*tasks)
