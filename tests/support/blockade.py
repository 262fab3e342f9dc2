"""A short story of blocks and a shutdown, with a quiet and noisy time before it."""

import asyncio
import time
from dataclasses import replace

from lab.atlas import PAKISTAN
from lab.censor import Action, Rule
from lab.country import Country
from lab.player import keep
from lab.programs import AGENT, Program
from lab.system import Agent, Files, System
from lab.waiting import until
from lab.watch import Watch
from support.watched import EVERYTHING_REACHABLE, IN_TIME_S, Story

BAD_AGENT = "jazz-3"
DEAF = "127.15.0.99:53"  # nobody answers there
NATIONWIDE = "RabtaPlatformBlockedNationwide x"
BLOCKED = "RabtaPlatformBlocked x ptcl"
SHUTDOWN = "RabtaMobileShutdown"
FIRING = (
    'count by (alertname, platform, isp) (count_over_time(ALERTS{alertstate="firing",alertname!="RabtaWatchdog"}[10m]))'
)


class Blockade(Story):
    """X is blocked at one ISP and then across the country, while the mobile networks are shut."""

    async def play(self) -> None:
        collector = ("127.0.0.1", self.ports.grpc)
        async with Country(PAKISTAN, self.folder, collector=collector) as country, Watch(self.ports.page) as reader:
            system = System(country, Files(root=self.folder), self.ports)
            system.agents = [_deafened(agent) if agent.name == BAD_AGENT else agent for agent in system.agents]
            try:
                await self.monitoring.start()
                await system.start(reader)
                async with asyncio.TaskGroup() as tasks:
                    keepers = [tasks.create_task(keep(*named, _nobody)) for named in system.programs]
                    await self._play(system, country)
                    for keeper in keepers:
                        keeper.cancel()
            finally:
                system.kill()
                await self.monitoring.alertmanager.stop()

    async def _play(self, system: System, country: Country) -> None:
        await self._be_quiet(system)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._block(country))
            tasks.create_task(self._shut(country))
        self.seen.moments["blocked"] = time.time()
        self.switch("resolved", BLOCKED, NATIONWIDE, SHUTDOWN)
        await country.censor_all((isp, "x", Rule(action=Action.CLEAR)) for isp in ("ptcl", "nayatel", "stormfiber"))
        for isp in ("zong", "jazz"):
            await country.restore(isp)
        for what in (NATIONWIDE, BLOCKED, SHUTDOWN):
            await self.told(what, "resolved")
        await until(self._watched_over, within=IN_TIME_S, beat=0.2)
        self.seen.moments["over"] = time.time()

    async def _watched_over(self) -> bool:
        """Whether the alert that always stands has come: a minute later, where Alertmanager was up after Prometheus."""
        return self.webhook.first("RabtaWatchdog", "firing") is not None

    async def _be_quiet(self, system: System) -> None:
        """Nothing happens but what happens every day: an agent that cannot look up names, programs that are killed."""
        await self.holds(EVERYTHING_REACHABLE)
        (row,) = await self.monitoring.query('process_start_time_seconds{job="rabta"}')
        system.collector.kill()
        next(agent for agent in system.agents if agent.name == "ptcl-1").program.kill()
        again = f'process_start_time_seconds{{job="rabta"}} > {row["value"][1]}'
        await self.holds(f"{EVERYTHING_REACHABLE} and on () {again}")
        self.seen.moments["quiet"] = time.time()
        self.seen.fired_in_quiet = await self.monitoring.query(FIRING)

    async def _block(self, country: Country) -> None:
        self.switch("firing", BLOCKED)
        await country.censor("ptcl", "x", Rule(action=Action.SNI_RESET))
        await self.holds('count(ALERTS{alertname="RabtaPlatformBlocked",alertstate="firing"})')
        self.switch("firing", NATIONWIDE)
        await country.censor("nayatel", "x", Rule(action=Action.DNS_NXDOMAIN))
        await country.censor("stormfiber", "x", Rule(action=Action.SNI_RESET))
        for what in (BLOCKED, NATIONWIDE):
            await self.told(what, "firing")

    async def _shut(self, country: Country) -> None:
        self.switch("firing", SHUTDOWN)
        for isp in ("zong", "jazz"):
            await country.shut(isp)
        await self.told(SHUTDOWN, "firing")


def _deafened(agent: Agent) -> Agent:
    env = agent.env | {"RABTA_RESOLVER": DEAF}
    return replace(agent, env=env, program=Program([AGENT, "run"], env, agent.program.log))


def _nobody(_line: str) -> None:
    """Nobody is told that a program was started again."""
