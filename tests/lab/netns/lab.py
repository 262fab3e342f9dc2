"""The hard lab as scenarios are played in it: opened once, removed without a trace."""

import asyncio
import contextlib
import http.client
import random
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from lab.authority import Authorities
from lab.netns.namespaces import (
    inside,
    new_tag,
    remove,
    run,
    run_ip,
    run_tc,
    sweep,
    write_resolver,
    write_settings,
)
from lab.netns.rules import rules_of, write_tables
from lab.netns.serving import write_plan
from lab.netns.shaping import core_queues, router_queues, weather
from lab.netns.wiring import inside_each, joints, settings
from lab.netns.world import FORGER_HOST, PUBLIC_DOH, PUBLIC_UDP, REFERENCES, Network, World, hub_address, hub_host
from lab.place import HUBS, Hub, Place, Surroundings
from lab.programs import Program, ProgramError, environment, one_error
from lab.scenario import CensorKind, LabName, Scenario, Scheme, Vantage
from lab.sites.site import CHECK_HOST, INNOCUOUS_HOST, PORTAL_HOST
from lab.waiting import until

TESTS = Path(__file__).parents[2]
WEB_PORT = 80
_READY_S = 120.0
_FETCH_S = 10.0
_AT_ONCE = 4  # programs of the system that run side by side while it is built


class NetnsLab:
    """See `Lab`. Each ISP's id is its vantage's word."""

    name = LabName.NETNS
    in_this_loop = False

    def __init__(self) -> None:
        self._tag = new_tag()
        self._root = Path()
        self.world = World(tag=self._tag, scenarios=())
        self._servers: Program | None = None
        self._weather: asyncio.Task[None] | None = None

    async def open(self, scenarios: Sequence[Scenario], root: Path) -> None:
        """Also removes what labs left behind whose process was killed. Raises ProgramError."""
        await sweep()
        self._root = root
        self.world = World(tag=self._tag, scenarios=tuple(scenarios))
        try:
            self._write_certificates()
            await self._build()
            await self._serve()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        if self._weather is not None:
            self._weather.cancel()
            await asyncio.gather(self._weather, return_exceptions=True)
        if self._servers is not None:
            await self._servers.stop()
            self._servers = None
        await remove(self._tag)

    def _write_certificates(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        authorities = Authorities()
        authorities.save(self._authorities)
        authorities.roots(self._root)
        authorities.old_roots(self._root)
        hub = authorities.usual.issue(*(hub_host(number) for number in range(HUBS)))
        hub.private_key_pem.write_to_path(str(self._root / "hub.key.pem"))
        hub.cert_chain_pems[0].write_to_path(str(self._root / "hub.cert.pem"))

    @property
    def _authorities(self) -> Path:
        return self._root / "authorities"

    async def _build(self) -> None:
        world = self.world
        await run_ip(joints(world))
        for network in world.networks:
            write_resolver(world.router(network), network.resolver)
            for number in range(1, 1 + network.agents):
                write_resolver(world.home(network, number), network.resolver)
        write_resolver(world.core, PUBLIC_UDP)
        turn = asyncio.Semaphore(_AT_ONCE)
        with one_error():
            async with asyncio.TaskGroup() as tasks:
                for namespace, lines in inside_each(world):
                    tasks.create_task(_in_turn(turn, partial(run_ip, lines, namespace)))
                for network in world.networks:
                    tasks.create_task(_in_turn(turn, partial(self._set_rules, network)))
        for namespace, values in settings(world):
            write_settings(namespace, values)
        await self._set_queues()

    async def _set_queues(self) -> None:
        """Who has packets wait; and the weather, where congestion is to come and go."""
        world = self.world
        lines = {world.core: list(core_queues(world.networks))}
        for network in world.networks:
            lines[world.router(network)] = list(router_queues(network, world.blocks(network)))
        for namespace, batch in lines.items():
            await run_tc(batch, namespace)
        if any(scenario.censor is CensorKind.CONGESTION for scenario in world.scenarios):
            self._weather = asyncio.create_task(self._change_weather(random.Random()))

    async def _change_weather(self, rng: random.Random) -> None:
        """Congestion that comes and goes, until it is cancelled."""
        congested = False
        while True:
            congested = not congested
            for network in self.world.networks:
                lines = list(weather(network, self.world.blocks(network), congested=congested))
                await run_tc(lines, self.world.router(network))
            await asyncio.sleep(rng.uniform(0.5, 3.0))

    async def _set_rules(self, network: Network) -> None:
        world = self.world
        taker = FORGER_HOST if network.vantage is Vantage.OFFICE else PORTAL_HOST
        rules = rules_of(network, world.blocks(network), world.address(taker))
        enter = ("ip", "netns", "exec", world.router(network))
        for program, version in (("iptables-restore", 4), ("ip6tables-restore", 6)):
            await run(*enter, program, fed=write_tables(rules, version))

    async def _serve(self) -> None:
        plan, log = self._root / "plan.json", self._root / "servers.log"
        write_plan(self.world, plan, self._authorities)
        log.write_bytes(b"")
        command = ["ip", "netns", "exec", self.world.core, sys.executable, "-m", "lab.netns.serving", str(plan)]
        ip = shutil.which(command[0]) or command[0]
        self._servers = Program([ip, *command[1:]], environment(PYTHONPATH=str(TESTS)), log)
        await self._servers.start()
        try:
            await until(self._ready, within=_READY_S, beat=0.02)
        except TimeoutError:
            raise ProgramError(f"the servers of the lab are not ready in {_READY_S:g} s; see {log}") from None

    async def _ready(self) -> bool:
        assert self._servers is not None
        if not self._servers.running:
            raise ProgramError(f"the servers of the lab ended: {self._servers.last_words()}")
        return "ready" in self._servers.log.read_text("utf-8", errors="replace").splitlines()

    def target(self, scenario: Scenario) -> str:
        match scenario.scheme:
            case Scheme.DNS:
                return f"dns:{scenario.host}"
            case Scheme.TCP:
                return f"tcp://{scenario.host}:5222"
            case scheme:
                return f"{scheme}://{scenario.host}/"

    def surroundings(self) -> Surroundings:
        return Surroundings(
            references=tuple(f"https://{host}/" for host in REFERENCES),
            innocuous=(INNOCUOUS_HOST,),
            doh=tuple(f"https://{host}/dns-query" for host in PUBLIC_DOH),
            udp=(PUBLIC_UDP,),
            portal_check=f"http://{CHECK_HOST}/",
        )

    def hub(self, number: int) -> Hub:
        address = hub_address(number)
        files = {"--tls-cert": "hub.cert.pem", "--tls-key": "hub.key.pem"}
        return Hub(
            place=self._place(self.world.core, "roots.pem"),
            arguments=(
                *("--grpc", f"{address}:443", "--http", f"{address}:{WEB_PORT}"),
                *(word for flag, file in files.items() for word in (flag, str(self._root / file))),
            ),
            url=f"https://{hub_host(number)}",
        )

    def agent(self, vantage: Vantage, number: int) -> Place:
        roots = "old-roots.pem" if vantage is Vantage.OLD_ROOTS else "roots.pem"
        place = self._place(self.world.home(self.world.network(vantage.value), number), roots)
        # As of a volunteer who agreed to it, so that what is measured there is seen for what it is.
        return replace(place, env={**place.env, "RABTA_THROUGH_VPN": "1"}) if vantage is Vantage.VPN else place

    def control(self, number: int) -> Place:
        return self._place(self.world.home(self.world.network(f"control-{number}"), 1), "roots.pem")

    def _place(self, namespace: str, roots: str) -> Place:
        return Place(
            prefix=(shutil.which("ip") or "ip", "netns", "exec", namespace),
            env={"SSL_CERT_FILE": str(self._root / roots)},
        )

    async def fetch(self, number: int, path: str) -> bytes:
        return await asyncio.to_thread(self._fetch, hub_address(number), path)

    def _fetch(self, address: str, path: str) -> bytes:
        connection = http.client.HTTPConnection(address, WEB_PORT, timeout=_FETCH_S)
        with contextlib.closing(connection), inside(self.world.core):
            try:
                connection.request("GET", path)
                return connection.getresponse().read()
            except http.client.HTTPException as wrong:
                raise OSError(f"http://{address}{path}: {wrong!r}") from wrong


async def _in_turn(turn: asyncio.Semaphore, work: Callable[[], Awaitable[None]]) -> None:
    async with turn:
        await work()
