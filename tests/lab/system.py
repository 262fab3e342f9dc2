"""The whole system at work in a country: one collector, its agents at every network, all real processes.

`files` lays out a folder; everything that the programs keep and say is under it.
"""

import asyncio
import contextlib
import json
import shlex
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.atlas import INNOCUOUS_NAME, Network
from lab.country import Country
from lab.programs import AGENT, COLLECTOR, Program, ProgramError, environment, one_error, run
from lab.sites.pages import OBJECT_PATH
from lab.waiting import until
from lab.watch import Watch
from support.ports import hold

AGENTS_PER_ISP = 3
READY_S = 120.0
LAST_CALLS = 5
LAST_CALL_S = 30.0
_DEADLINES = {
    "dns": "1s",
    "tcp": "1500ms",
    "tls": "2s",
    "http": "3s",
    "transfer": "1s",
    "repeat_pause": "300ms",
}
READ_BYTES = 32_768
TIMED = ("x", "reference.example")
"""Sites with an object that is read against the clock; what they make of a platform is a part of it."""
PART = "website"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where everything is."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "collector"

    @property
    def homes(self) -> Path:
        return self.root / "agents"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def targets(self) -> Path:
        return self.root / "targets.toml"

    @property
    def isps(self) -> Path:
        return self.root / "isps.toml"

    @property
    def config(self) -> Path:
        return self.root / "collector.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the collector listens, on loopback."""

    grpc: int
    http: int

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.http}/"


def free_port() -> int:
    """A port that is nobody else's."""
    return hold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent: a place in a network, and the program that runs there."""

    name: str
    network: Network
    home: Path
    env: dict[str, str]
    command: str
    program: Program

    async def join(self, url: str, token: str) -> None:
        await run(self.command, "join", url, "--invite", token, env=self.env)

    async def status(self) -> dict[str, object]:
        """What `rabta-agent status --json` says, which works while the agent runs and when it does not."""
        said = json.loads(await run(self.command, "status", "--json", env=self.env))
        assert isinstance(said, dict)
        return said

    async def waits(self) -> bool:
        """Whether something of it has not been delivered."""
        return bool((await self.status())["waiting"])

    async def is_connected(self) -> bool:
        return bool((await self.status())["connected"])


class System:
    """Collector and agents; `country` is what they work in. `commands`: what agents are started by, in turn."""

    def __init__(
        self,
        country: Country,
        files: Files,
        ports: Ports,
        *,
        interval: str = "2s",
        commands: Sequence[str] = (AGENT,),
        agents: int = AGENTS_PER_ISP,
    ) -> None:
        self.country = country
        self._commands = commands
        self.files = files
        self.ports = ports
        for folder in (files.data, files.homes, files.logs):
            folder.mkdir(parents=True, exist_ok=True)
        files.targets.write_text(_targets(country, interval), encoding="utf-8")
        files.isps.write_text(_isps(country), encoding="utf-8")
        files.config.write_text(_CONFIG, encoding="utf-8")
        self.collector = Program(self._serve(), environment(), files.logs / "collector.log")
        self.agents = [
            self._agent(network, index)
            for network in country.atlas.networks
            for index in range(1, 1 + (1 if network.kind is None else agents))
        ]

    def _serve(self) -> list[str]:
        flags = {
            "--config": self.files.config,
            "--data": self.files.data,
            "--grpc": f"127.0.0.1:{self.ports.grpc}",
            "--http": f"127.0.0.1:{self.ports.http}",
            "--targets": self.files.targets,
            "--isps": self.files.isps,
        }
        return [COLLECTOR, "serve", *(str(word) for flag in flags.items() for word in flag), "--lab"]

    def _agent(self, network: Network, index: int) -> Agent:
        name = f"{network.id}-{index}"
        home = self.files.homes / name
        place = {
            "RABTA_HOME": str(home),
            "RABTA_LAB": "1",
            "RABTA_SOURCE_ADDRESS": network.agent(index),
            "RABTA_RESOLVER": self.country.resolver(network),
            "SSL_CERT_FILE": str(self.country.roots),
        }
        lines = [f"export {key}={shlex.quote(value)}\n" for key, value in place.items()]
        (self.files.homes / f"{name}.env").write_text("".join(lines), encoding="utf-8")
        env = environment(**place)
        command = self._commands[(index - 1) % len(self._commands)]
        program = Program([command, "run"], env, self.files.logs / f"{name}.log")
        return Agent(name=name, network=network, home=home, env=env, command=command, program=program)

    @property
    def programs(self) -> list[tuple[str, Program]]:
        """Every long-running program with its name."""
        return [("the collector", self.collector), *((f"agent {agent.name}", agent.program) for agent in self.agents)]

    async def start(self, watch: Watch) -> None:
        """From nothing to a collector with all agents at work."""
        await self.collector.start()
        await self.until_ready(watch)
        with one_error():
            await self.invite_and_join()
        await self.start_agents()

    async def until_ready(self, watch: Watch) -> None:
        """Waits until the collector answers; raises ProgramError, in its own words, when it does not."""
        ready = asyncio.ensure_future(watch.until_ready(READY_S))
        ended = asyncio.ensure_future(self.collector.ended())
        try:
            await asyncio.wait((ready, ended), return_when=asyncio.FIRST_COMPLETED)
            if not ready.done() or ready.exception():
                raise ProgramError(f"the collector does not answer: {self.collector.last_words()}")
        finally:
            ready.cancel()
            ended.cancel()

    async def invite_and_join(self) -> None:
        """Gives every agent its credential; the collector must run."""
        async with asyncio.TaskGroup() as tasks:
            for network in self.country.atlas.networks:
                tasks.create_task(self._settle_network(network))

    async def _settle_network(self, network: Network) -> None:
        if not (agents := [agent for agent in self.agents if agent.network is network]):
            return
        whose = ["--role", "control"] if network.kind is None else ["--role", "probe", "--isp", network.id]
        data = ["--data", str(self.files.data)]
        (token,) = (await run(COLLECTOR, "invite", *data, *whose, "--uses", str(len(agents)))).split()
        async with asyncio.TaskGroup() as tasks:
            for agent in agents:
                tasks.create_task(agent.join(self.country.relay(network), token))

    async def start_agents(self) -> None:
        for agent in self.agents:
            await agent.program.start()

    async def stop_agents(self) -> None:
        """Lets all agents drain and end; who was between two sessions when it was asked to is started once more.

        Who cannot reach the collector at all, because its network is shut, keeps what it has.
        """
        await self._stop(self.agents)
        for _ in range(LAST_CALLS):
            if not (behind := [agent for agent in self._reaching() if await agent.waits()]):
                return
            for agent in behind:
                await agent.program.start()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_CALL_S):
                    await asyncio.gather(*(until(agent.is_connected, within=LAST_CALL_S) for agent in behind))
            await self._stop(behind)

    def _reaching(self) -> list[Agent]:
        """Those whose network carries something, where there is a collector."""
        return [agent for agent in self.agents if self.collector.running and self.country.carries(agent.network.id)]

    async def _stop(self, agents: Sequence[Agent]) -> None:
        await asyncio.gather(*(agent.program.stop() for agent in agents))

    async def stop(self) -> None:
        await self.stop_agents()
        await self.collector.stop()

    def kill(self) -> None:
        for program in (self.collector, *(agent.program for agent in self.agents)):
            program.kill()


def check_ports(ports: Ports) -> None:
    """Raises ProgramError, naming the port and its variable, where another program listens already."""
    for name, port in (("RABTA_GRPC_PORT", ports.grpc), ("RABTA_HTTP_PORT", ports.http)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise ProgramError(f"port {port} is in use on 127.0.0.1; set {name} to another") from None


def _targets(country: Country, interval: str) -> str:
    """The targets file of the country."""
    lines = [f'innocuous = ["{INNOCUOUS_NAME}"]', "", "[resolvers]"]
    lines += [f"doh = {json.dumps(country.public_doh)}", f"udp = {json.dumps(country.public_udp)}", "", "[deadlines]"]
    lines += [f'{step} = "{time}"' for step, time in _DEADLINES.items()]
    for site in country.atlas.sites:
        if site.platform:
            lines += ["", "[[platform]]", f'id = "{site.platform}"', f'name = "{site.name}"']
            lines.append(f'category = "{site.category}"')
            lines += ["[[platform.part]]", f'id = "{PART}"'] * (site.key in TIMED) + ["[[platform.target]]"]
        else:
            lines += ["", "[[reference]]"]
        lines += [f'url = "{country.url(site)}"', f'interval = "{interval}"', "priority = 1"]
        if site.key in TIMED:
            lines += [f'part = "{PART}"'] * bool(site.platform) + [_transfer(country.url(site))]
    return "\n".join([*lines, ""])


def _transfer(url: str) -> str:
    """What is read against the clock once an hour in a country is every few seconds in a laboratory."""
    named = f'url = "{url.removesuffix("/")}{OBJECT_PATH}", bytes = {READ_BYTES}, control_name = "{INNOCUOUS_NAME}"'
    return f'transfer = {{ {named}, interval = "3s" }}'


def _isps(country: Country) -> str:
    entries = [f'[[isp]]\nid = "{n.id}"\nname = "{n.name}"\nkind = "{n.kind}"\n' for n in country.atlas.isps]
    return "\n".join(entries)


_CONFIG = """# What is minutes in a country is seconds in a laboratory.
[decide]
isp_silence_s = 5
isp_together_s = 15
late_s = 10
"""
