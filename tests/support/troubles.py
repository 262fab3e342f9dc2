"""Two stories beside the blocks: sites, agents and controls that fail; a collector that breaks, and an ISP.

They are hurried (hurry.py), for some of these alerts wait for minutes.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from faults.smalldisk import SmallDisk, small_disk
from lab.atlas import Atlas, Network, Site
from lab.censor import NOTHING, Action, Rule
from lab.country import Country
from lab.programs import AGENT, Program
from lab.system import Agent, Files, System
from lab.watch import Watch
from rabta_proto.vocabulary import IspKind
from support.hurry import hurry
from support.watched import BEGUN, EVERYTHING_REACHABLE, Story
from support.webhook import Webhook

DOWN = "RabtaPlatformDown wikipedia ptcl"
DISRUPTED = "RabtaPlatformDisrupted x ptcl"
TOO_FEW = "RabtaTooFewAgents zong"
NO_CONTROL = "RabtaNoControl"
STALLED = "RabtaIngestStalled"
COLLECTOR_DOWN = "RabtaCollectorDown"
THROTTLED = "RabtaPlatformThrottled x zong"
ISP_DOWN = "RabtaIspDown zong"
DISK_BYTES = 16 * 1024 * 1024

_SITES = (
    Site(number=1, hostname="x.com", name="X (Twitter)", platform="x", category="SOCIAL"),
    Site(number=2, hostname="www.wikipedia.org", name="Wikipedia", platform="wikipedia", category="CULTR"),
    Site(number=5, hostname="reference.example", name="The reference"),
)
_ZONG = Network(id="zong", name="Zong", number=14, kind=IspKind.MOBILE)
_ABROAD = Network(id="abroad-1", name="Abroad 1", number=101)
OF_FLEET = Atlas(
    networks=(
        Network(id="ptcl", name="PTCL", number=11, kind=IspKind.FIXED),
        Network(id="other", name="PTCL's other resolver", number=12, kind=IspKind.FIXED),  # nobody lives there
        _ZONG,
        _ABROAD,
        Network(id="abroad-2", name="Abroad 2", number=102),
    ),
    sites=_SITES,
)
OF_COLLECTOR = Atlas(networks=(_ZONG, _ABROAD), sites=(_SITES[0], _SITES[-1]))


class _Hurried(Story):
    """`crew`: the agents that there are, by name. `memory_s`: for how long one that is gone is missed."""

    atlas: Atlas
    crew: frozenset[str]
    memory_s = 86_400

    def __init__(self, folder: Path, webhook: Webhook) -> None:
        super().__init__(folder, webhook)
        hurry(folder / "monitoring")
        self.seen.hurried = frozenset({TOO_FEW, NO_CONTROL})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[System, Country]]:
        """All of it, from when everything is reachable."""
        collector = ("127.0.0.1", self.ports.grpc)
        async with Country(self.atlas, self.folder, collector=collector) as country, Watch(self.ports.page) as reader:
            system = System(country, Files(root=self.folder), self.ports, interval="3s", agents=6)
            with system.files.config.open("a", encoding="utf-8") as config:
                config.write(f"isp_memory_s = {self.memory_s}\n")
            system.agents = [self.placed(agent, country) for agent in system.agents if agent.name in self.crew]
            try:
                await self.monitoring.start()
                await system.start(reader)
                await self.holds(EVERYTHING_REACHABLE)
                self.seen.moments[BEGUN] = time.time()
                yield system, country
            finally:
                system.kill()
                await self.monitoring.alertmanager.stop()

    def placed(self, agent: Agent, _: Country) -> Agent:
        return agent


class Fleet(_Hurried):
    """A site goes down, one of an ISP's two resolvers lies, an agent leaves; then nobody is abroad any more."""

    atlas = OF_FLEET
    crew = frozenset(
        {f"ptcl-{index}" for index in range(1, 7)}
        | {f"zong-{index}" for index in range(1, 4)}
        | {"abroad-1-1", "abroad-2-1"}
    )
    memory_s = 20

    def placed(self, agent: Agent, country: Country) -> Agent:
        """Half of PTCL's agents use its other resolver."""
        if agent.name not in ("ptcl-4", "ptcl-5", "ptcl-6"):
            return agent
        env = agent.env | {"RABTA_RESOLVER": country.resolver(country.atlas.network("other"))}
        return replace(agent, env=env, program=Program([AGENT, "run"], env, agent.program.log))

    async def play(self) -> None:
        async with self.running() as (system, country), asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sites(system, country))
            tasks.create_task(self._agent(system))

    async def _sites(self, system: System, country: Country) -> None:
        self.switch("firing", DOWN, DISRUPTED)
        await country.take_down("wikipedia")
        await country.censor("other", "x", Rule(action=Action.DNS_NXDOMAIN))
        for what in (DOWN, DISRUPTED):
            await self.told(what, "firing")
        self.switch("resolved", DOWN, DISRUPTED)
        await country.bring_up("wikipedia")
        await country.censor("other", "x", NOTHING)
        for what in (DOWN, DISRUPTED):
            await self.told(what, "resolved")
        await self._of([agent for agent in system.agents if agent.network.kind is None], NO_CONTROL)

    async def _agent(self, system: System) -> None:
        await self._of([agent for agent in system.agents if agent.name == "zong-3"], TOO_FEW)

    async def _of(self, agents: list[Agent], what: str) -> None:
        """These agents end, and come back once somebody was told."""
        self.switch("firing", what)
        for agent in agents:
            await agent.program.stop()
        await self.told(what, "firing")
        self.switch("resolved", what)
        for agent in agents:
            await agent.program.start()
        await self.told(what, "resolved")


class Breakdown(_Hurried):
    """The disk is full, where there is leave to make one; an ISP is silent, then slows a platform; the collector goes.

    Few agents: timed reads of many on a busy machine would slow one another, and not only under one name.
    """

    atlas = OF_COLLECTOR
    crew = frozenset({"zong-1", "zong-2", "zong-3", "abroad-1-1"})

    async def play(self) -> None:
        with ExitStack() as held:
            disk = None if os.geteuid() else held.enter_context(small_disk(self.folder / "collector", DISK_BYTES))
            async with self.running() as (system, country):
                if disk is not None:
                    await self._fill(disk)
                await self._shut(country)
                await self._slow(country)
                await self._stop(system)

    async def _fill(self, disk: SmallDisk) -> None:
        self.switch("firing", STALLED)
        disk.fill()
        await self.told(STALLED, "firing")
        self.switch("resolved", STALLED)
        disk.clear()
        await self.told(STALLED, "resolved")

    async def _shut(self, country: Country) -> None:
        self.switch("firing", ISP_DOWN)
        await country.shut("zong")
        await self.told(ISP_DOWN, "firing")
        self.switch("resolved", ISP_DOWN)
        await country.restore("zong")
        await self.told(ISP_DOWN, "resolved")

    async def _slow(self, country: Country) -> None:
        self.switch("firing", THROTTLED)
        await country.censor("zong", "x", Rule(action=Action.THROTTLE))
        await self.told(THROTTLED, "firing")
        self.switch("resolved", THROTTLED)
        await country.censor("zong", "x", NOTHING)
        await self.told(THROTTLED, "resolved")

    async def _stop(self, system: System) -> None:
        self.switch("firing", COLLECTOR_DOWN)
        await system.collector.stop()
        await self.told(COLLECTOR_DOWN, "firing")
        self.switch("resolved", COLLECTOR_DOWN)
        await system.collector.start()
        await self.told(COLLECTOR_DOWN, "resolved")
