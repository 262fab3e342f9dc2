"""A VPN protocol that an ISP cuts and allows again, all the way: real agents, collector and servers; the API tells."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.netns.namespaces import inside, new_tag, remove, run_ip
from lab.netns.vpnservers import CUT, PORTS, PROGRAMS, SERVER, Servers, start_openvpn, start_wireguard
from lab.programs import AGENT, COLLECTOR, Program, environment
from lab.programs import run as run_program
from lab.waiting import until
from support.programs import require

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]

ISP = "ptcl"
AGENTS, CONTROLS = 3, 2
WITHIN_S = 240.0
DEADLINES = '[deadlines]\ntcp = "3s"\nquic = "3s"\nrepeat_pause = "300ms"\n'
PAGE = "http://127.0.0.1:8080/"


def targets(keys: str) -> str:
    """Each protocol is a platform of its own."""
    urls = {
        "openvpn": f"openvpn+tcp://{SERVER}:{PORTS['openvpn+tcp']}",
        "wireguard": f"wireguard://{SERVER}:{PORTS['wireguard']}?{keys}",
    }
    platforms = (
        f'[[platform]]\nid = "{id_}"\n[[platform.target]]\nurl = "{url}"\ninterval = "2s"\npriority = 1\n'
        for id_, url in urls.items()
    )
    return "".join([DEADLINES, *platforms])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The servers and the collector in one namespace, and each agent in its own, on a cable of its own to it."""

    tag: str
    path: Path
    servers: Servers

    async def open(self) -> None:
        core = self.servers.inside
        await run_ip([f"netns add {core}"])
        await run_ip(["link set lo up", f"address add {SERVER}/32 dev lo"], core)
        for number in range(1, AGENTS + CONTROLS + 1):
            await self._lay(number)
        start_openvpn(self.servers)
        keys = await start_wireguard(self.servers)
        (self.path / "targets.toml").write_text(targets(keys), encoding="ascii")
        await self.servers.until_listening(("openvpn+tcp", "wireguard"), within=WITHIN_S)

    async def _lay(self, number: int) -> None:
        core, home, cable = self.servers.inside, self.home(number), f"{'isp' if number <= AGENTS else 'abroad'}{number}"
        await run_ip([f"netns add {home}"])
        await run_ip([f"link add {cable} netns {core} type veth peer name eth0 netns {home}"])
        await run_ip([f"address add 10.99.{number}.1/24 dev {cable}", f"link set {cable} up"], core)
        way = f"route add default via 10.99.{number}.1"
        await run_ip(["link set lo up", f"address add 10.99.{number}.2/24 dev eth0", "link set eth0 up", way], home)

    def home(self, number: int) -> str:
        return f"{self.tag}-{number}"

    async def filter(self, protocol: str) -> None:
        """What the ISP's packets meet, and nobody else's."""
        await self.servers.filter(f"-i isp+ {CUT[protocol]}" if protocol else "")

    @asynccontextmanager
    async def collector(self) -> AsyncIterator[None]:
        flags = {"data": "data", "targets": "targets.toml", "tls-cert": "cert.pem", "tls-key": "key.pem"}
        files = [word for flag, name in flags.items() for word in (f"--{flag}", str(self.path / name))]
        places = ("--grpc", f"{SERVER}:50051", "--http", "127.0.0.1:8080", "--lab")
        command = ["ip", "netns", "exec", self.servers.inside, COLLECTOR, "serve", *places, *files]
        program = Program(command, environment(), self.path / "collector.log")
        await program.start()
        try:
            await until(self.ready, within=WITHIN_S)
            yield
        finally:
            await program.stop()

    async def ready(self) -> bool:
        try:
            self.read("readyz")
        except OSError:
            return False
        return True

    def read(self, path: str) -> str:
        with inside(self.servers.inside), urllib.request.urlopen(PAGE + path, timeout=10) as answer:
            return str(answer.read().decode())

    def verdicts(self) -> Mapping[str, Mapping[str, Any]]:
        """Those at the ISP, by platform."""
        return {one["platform"]: one for one in json.loads(self.read(f"api/v1/verdicts?isp={ISP}"))["verdicts"]}

    @asynccontextmanager
    async def agents(self) -> AsyncIterator[None]:
        programs = []
        for role, numbers in (
            (("--role", "probe", "--isp", ISP), range(1, AGENTS + 1)),
            (("--role", "control"), range(AGENTS + 1, AGENTS + CONTROLS + 1)),
        ):
            data = ("--data", str(self.path / "data"))
            token = await run_program(COLLECTOR, "invite", *data, *role, "--uses", str(len(numbers)), within=WITHIN_S)
            programs += [await self._start(number, token.strip()) for number in numbers]
        try:
            yield
        finally:
            await asyncio.gather(*(program.stop() for program in programs))

    async def _start(self, number: int, token: str) -> Program:
        home = str(self.path / f"home{number}")
        env = environment(RABTA_HOME=home, RABTA_LAB="1", SSL_CERT_FILE=str(self.path / "ca.pem"))
        entered = ("ip", "netns", "exec", self.home(number), AGENT)
        join = ("join", f"https://{SERVER}:50051", "--invite", token)
        await run_program(*entered, *join, env=env, within=WITHIN_S)
        program = Program([*entered, "run"], env, self.path / f"agent{number}.log")
        await program.start()
        return program

    async def until_seen(self, platform: str, state: str, mechanism: str | None = None) -> None:
        async def seen() -> bool:
            found = self.verdicts().get(platform, {})
            return (found.get("state"), found.get("mechanism")) == (state, mechanism)

        await until(seen, within=WITHIN_S, beat=0.5)


async def test_a_protocol_that_an_isp_cuts_is_blocked_there_with_its_mechanism_and_reachable_again(
    root: None, tmp_path: Path
) -> None:
    for program in ("openvpn", "wireguard-go", "wg"):
        require(program, PROGRAMS[program])
    tag = new_tag()
    place = Place(tag=tag, path=tmp_path, servers=Servers(inside=f"{tag}-core", folder=tmp_path))
    try:
        await place.open()
        async with place.collector(), place.agents():
            await place.until_seen("openvpn", "reachable")
            await place.until_seen("wireguard", "reachable")
            await place.filter("openvpn+tcp")
            await place.until_seen("openvpn", "blocked", "vpn.reset")
            verdict = place.verdicts()["openvpn"]
            assert "vpn.reset.control_answered" in {witness["rule"] for witness in verdict["witness"]}
            assert "reachable" == place.verdicts()["wireguard"]["state"]
            await place.filter("")
            await place.until_seen("openvpn", "reachable")
    finally:
        await remove(tag)
        place.servers.wait()
