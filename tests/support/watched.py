"""A short story of blocks and a shutdown, with a quiet and noisy time before it, and what alerts came of it.

Every step waits for what the one before it set off, so that a busy machine plays it slower and not differently.
"""

import asyncio
import contextlib
import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.atlas import PAKISTAN
from lab.censor import Action, Rule
from lab.country import Country
from lab.monitoring import Monitoring, Places, Rows
from lab.player import keep
from lab.programs import AGENT, Program
from lab.system import Agent, Files, Ports, System, free_port
from lab.waiting import until
from lab.watch import Watch
from support.webhook import Told, Webhook

IN_TIME_S = 120.0  # on a machine that does other things as well
BAD_AGENT = "jazz-3"
DEAF = "127.15.0.99:53"  # nobody answers there
NATIONWIDE = "RabtaPlatformBlockedNationwide x"
BLOCKED = "RabtaPlatformBlocked x ptcl"
SHUTDOWN = "RabtaMobileShutdown"
EVERYTHING_REACHABLE = 'count(rabta_verdict{state="reachable"} == 1) == bool count(rabta_verdict{state="reachable"})'
FIRING = (
    'count by (alertname, platform, isp) (count_over_time(ALERTS{alertstate="firing",alertname!="RabtaWatchdog"}[10m]))'
)


@dataclass(slots=True, kw_only=True)
class Watched:
    """What was seen. `switched`: when what each alert is about began and ended. Times are Unix time."""

    prometheus: str
    told: list[Told] = field(default_factory=list)
    moments: dict[str, float] = field(default_factory=dict)
    switched: dict[tuple[str, str], float] = field(default_factory=dict)
    fired_in_quiet: Rows = field(default_factory=list)

    def query(self, expression: str, moment: str = "blocked") -> Rows:
        """An instant query at one of the `moments`: `quiet`, `blocked` (X nationwide and mobile shut), `over`."""
        wanted = urllib.parse.urlencode({"query": expression, "time": f"{self.moments[moment]:.3f}"})
        return self._answer(f"query?{wanted}")

    def query_range(self, expression: str, *, step_s: int = 5) -> Rows:
        """A query over all of the story."""
        span = {"start": f"{self.moments['quiet'] - 10:.3f}", "end": f"{self.moments['over']:.3f}", "step": step_s}
        return self._answer(f"query_range?{urllib.parse.urlencode({'query': expression, **span})}")

    def _answer(self, path: str) -> Rows:
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/{path}", timeout=30) as response:
            rows = json.load(response)["data"]["result"]
        assert isinstance(rows, list)
        return rows

    def delay(self, what: str, status: str) -> float | None:
        """Seconds from the switch to the webhook; `None`: it never came."""
        since = self.switched[what, status]
        came = [told.at for told in self.told if (told.what, told.status) == (what, status) and told.at >= since]
        return min(came) - since if came else None

    def delays(self) -> dict[str, float | None]:
        return {f"{what} {status}": self.delay(what, status) for what, status in self.switched}

    def table(self) -> list[str]:
        return [
            f"{what:<34} {status:<9} {'never' if (delay := self.delay(what, status)) is None else f'{delay:5.1f} s'}"
            for what, status in self.switched
        ]


@contextlib.contextmanager
def watch(folder: Path) -> Iterator[Watched]:
    """Plays the story in a thread; Prometheus stays up until the end."""
    played: Future[Watched] = Future()
    over = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_everything(folder, played, over)), name="story")
    thread.start()
    try:
        yield played.result()
    finally:
        over.set()
        thread.join()


async def _everything(folder: Path, played: Future[Watched], over: threading.Event) -> None:
    ports = Ports(grpc=free_port(), http=free_port())
    async with Webhook() as webhook:
        places = Places(collector=ports.http, prometheus=free_port(), alertmanager=free_port(), webhook=webhook.url)
        monitoring = Monitoring(folder / "monitoring", places)
        try:
            seen = Watched(prometheus=places.prometheus_url, told=webhook.told)
            await _Story(folder, ports, monitoring, webhook, seen).play()
            played.set_result(seen)
            await asyncio.to_thread(over.wait)
        except BaseException as error:
            if played.done():
                raise
            played.set_exception(error)
        finally:
            await monitoring.stop()


class _Story:
    def __init__(self, folder: Path, ports: Ports, monitoring: Monitoring, webhook: Webhook, seen: Watched) -> None:
        self._folder = folder
        self._ports = ports
        self._monitoring = monitoring
        self._webhook = webhook
        self._seen = seen

    async def play(self) -> None:
        collector = ("127.0.0.1", self._ports.grpc)
        async with Country(PAKISTAN, self._folder, collector=collector) as country, Watch(self._ports.page) as reader:
            system = System(country, Files(root=self._folder), self._ports)
            system.agents = [_deafened(agent) if agent.name == BAD_AGENT else agent for agent in system.agents]
            try:
                await self._monitoring.start()
                await system.start(reader)
                async with asyncio.TaskGroup() as tasks:
                    keepers = [tasks.create_task(keep(*named, _nobody)) for named in system.programs]
                    await self._play(system, country)
                    for keeper in keepers:
                        keeper.cancel()
            finally:
                system.kill()
                await self._monitoring.alertmanager.stop()

    async def _play(self, system: System, country: Country) -> None:
        await self._be_quiet(system)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._block(country))
            tasks.create_task(self._shut(country))
        self._seen.moments["blocked"] = time.time()
        self._switch("resolved", BLOCKED, NATIONWIDE, SHUTDOWN)
        await country.censor_all((isp, "x", Rule(action=Action.CLEAR)) for isp in ("ptcl", "nayatel", "stormfiber"))
        for isp in ("zong", "jazz"):
            await country.restore(isp)
        for what in (NATIONWIDE, BLOCKED, SHUTDOWN):
            await self._told(what, "resolved")
        self._seen.moments["over"] = time.time()

    async def _be_quiet(self, system: System) -> None:
        """Nothing happens but what happens every day: an agent that cannot look up names, programs that are killed."""
        await self._holds(EVERYTHING_REACHABLE)
        (row,) = await self._monitoring.query('process_start_time_seconds{job="rabta"}')
        system.collector.kill()
        next(agent for agent in system.agents if agent.name == "ptcl-1").program.kill()
        again = f'process_start_time_seconds{{job="rabta"}} > {row["value"][1]}'
        await self._holds(f"{EVERYTHING_REACHABLE} and on () {again}")
        self._seen.moments["quiet"] = time.time()
        self._seen.fired_in_quiet = await self._monitoring.query(FIRING)

    async def _block(self, country: Country) -> None:
        self._switch("firing", BLOCKED)
        await country.censor("ptcl", "x", Rule(action=Action.SNI_RESET))
        await self._holds('count(ALERTS{alertname="RabtaPlatformBlocked",alertstate="firing"})')
        self._switch("firing", NATIONWIDE)
        await country.censor("nayatel", "x", Rule(action=Action.DNS_NXDOMAIN))
        await country.censor("stormfiber", "x", Rule(action=Action.SNI_RESET))
        for what in (BLOCKED, NATIONWIDE):
            await self._told(what, "firing")

    async def _shut(self, country: Country) -> None:
        self._switch("firing", SHUTDOWN)
        for isp in ("zong", "jazz"):
            await country.shut(isp)
        await self._told(SHUTDOWN, "firing")

    def _switch(self, status: str, *alerts: str) -> None:
        self._seen.switched |= {(what, status): time.time() for what in alerts}

    async def _holds(self, expression: str) -> None:
        async def holds() -> bool:
            rows = await self._monitoring.query(expression)
            return bool(rows) and all(float(row["value"][1]) > 0 for row in rows)

        await until(holds, within=IN_TIME_S, beat=0.5)

    async def _told(self, what: str, status: str) -> None:
        since = self._seen.switched[what, status]

        async def told() -> bool:
            return self._webhook.first(what, status, since=since) is not None

        try:
            await until(told, within=IN_TIME_S, beat=0.2)
        except TimeoutError:
            came = sorted({(one.what, one.status) for one in self._webhook.told})
            raise AssertionError(f"{what} never {status}; what came: {came}") from None


def _deafened(agent: Agent) -> Agent:
    env = agent.env | {"RABTA_RESOLVER": DEAF}
    return replace(agent, env=env, program=Program([AGENT, "run"], env, agent.program.log))


def _nobody(_line: str) -> None:
    """Nobody is told that a program was started again."""
