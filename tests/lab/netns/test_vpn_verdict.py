"""What an ISP cuts and allows again, all the way: VPN protocols, Tor, Encrypted Client Hello, and UDP as a whole.

Real agents, collector and servers; the API and the metrics tell. Everybody is in the country but two controls.
"""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.netns.namespaces import inside, new_tag, remove, run_ip
from lab.netns.vpnservers import (
    CUT,
    PORTS,
    PROGRAMS,
    SERVER,
    Servers,
    start_openvpn,
    start_tor,
    start_unbound,
    start_wireguard,
)
from lab.programs import AGENT, COLLECTOR, Program, environment
from lab.programs import run as run_program
from lab.referee import Seen
from lab.story import Cell
from lab.waiting import until
from lab.watch import read_metrics, shown_in_metrics
from support.programs import require

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(900)]

ISP = "ptcl"
AGENTS, CONTROLS = 3, 2
WITHIN_S = 240.0
DEADLINES = '[deadlines]\ntcp = "3s"\nquic = "3s"\nrepeat_pause = "300ms"\n'
PAGE = "http://127.0.0.1:8080/"
SPOKEN = ("openvpn", "openvpn+tcp", "wireguard", "tor", "ech")
OVER_UDP = ("openvpn", "wireguard")


def targets(keys: str) -> str:
    """Each protocol is a platform of its own, by its own name."""
    urls = {protocol: f"{protocol}://{SERVER}:{PORTS[protocol]}" for protocol in SPOKEN}
    urls["wireguard"] += f"?{keys}"
    platforms = (
        f'[[platform]]\nid = "{id_of(id_)}"\n[[platform.target]]\nurl = "{url}"\ninterval = "2s"\npriority = 1\n'
        for id_, url in urls.items()
    )
    return "".join([DEADLINES, *platforms])


def id_of(protocol: str) -> str:
    """The platform's."""
    return protocol.replace("+", "-")


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
        start_unbound(self.servers)  # which answers a ClientHello, whatever stands in it
        start_tor(self.servers)
        (self.path / "targets.toml").write_text(targets(keys), encoding="ascii")
        await self.servers.until_listening(SPOKEN, within=WITHIN_S)

    async def _lay(self, number: int) -> None:
        core, home, cable = self.servers.inside, self.home(number), f"{'isp' if number <= AGENTS else 'abroad'}{number}"
        await run_ip([f"netns add {home}"])
        await run_ip([f"link add {cable} netns {core} type veth peer name eth0 netns {home}"])
        await run_ip([f"address add 10.99.{number}.1/24 dev {cable}", f"link set {cable} up"], core)
        way = f"route add default via 10.99.{number}.1"
        await run_ip(["link set lo up", f"address add 10.99.{number}.2/24 dev eth0", "link set eth0 up", way], home)

    def home(self, number: int) -> str:
        return f"{self.tag}-{number}"

    async def filter(self, rule: str) -> None:
        """What the ISP's packets meet, and nobody else's; empty: nothing."""
        await self.servers.filter(f"-i isp+ {rule}" if rule else "")

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
        with inside(self.servers.inside), urllib.request.urlopen(PAGE + path, timeout=60) as answer:
            return str(answer.read().decode())

    def verdicts(self) -> Mapping[str, Mapping[str, Any]]:
        """Those at the ISP, by platform."""
        return {one["platform"]: one for one in json.loads(self.read(f"api/v1/verdicts?isp={ISP}"))["verdicts"]}

    def blocks(self) -> list[int]:
        """Numbers of the events by which anything there came to be blocked."""
        events = json.loads(self.read(f"api/v1/events?isp={ISP}"))["events"]
        return [event["id"] for event in events if event["to"] == "blocked"]

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

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All of it, until it is no longer wanted."""
        try:
            await self.open()
            async with self.collector(), self.agents():
                yield
        finally:
            await remove(self.tag)

    async def _start(self, number: int, token: str) -> Program:
        home = str(self.path / f"home{number}")
        env = environment(RABTA_HOME=home, RABTA_LAB="1", SSL_CERT_FILE=str(self.path / "ca.pem"))
        entered = ("ip", "netns", "exec", self.home(number), AGENT)
        join = ("join", f"https://{SERVER}:50051", "--invite", token)
        await run_program(*entered, *join, env=env, within=WITHIN_S)
        program = Program([*entered, "run"], env, self.path / f"agent{number}.log")
        await program.start()
        return program

    async def until_seen(self, protocol: str, state: str, mechanism: str | None = None) -> Mapping[str, Any]:
        """Waits until the verdict is this, and the metrics say the same; the verdict."""
        cell, wanted = Cell(isp=ISP, platform=id_of(protocol)), Seen(state=state, mechanism=mechanism)

        async def seen() -> bool:
            found = self.verdicts().get(id_of(protocol), {})
            told = Seen(state=found.get("state", ""), mechanism=found.get("mechanism"))
            return told == wanted and shown_in_metrics(read_metrics(self.read("metrics")), cell, wanted)

        await until(seen, within=WITHIN_S, beat=0.5)
        return self.verdicts()[id_of(protocol)]

    async def until_states(self, states: Mapping[str, str]) -> None:
        """Until these are all verdicts there: one that a busy machine held up is told of again."""

        async def so() -> bool:
            return states == {platform: one["state"] for platform, one in self.verdicts().items()}

        await until(so, within=WITHIN_S, beat=0.5)

    async def until_all_reachable(self) -> None:
        for protocol in SPOKEN:
            await self.until_seen(protocol, "reachable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A place where everything runs, and the loop that it runs in."""

    place: Place
    runner: asyncio.Runner

    def play(self, story: Coroutine[Any, Any, None]) -> None:
        self.runner.run(story)


@pytest.fixture(scope="module")
def stage(root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    for program in ("openvpn", "wireguard-go", "wg", "unbound", "tor"):
        require(program, PROGRAMS[program])
    tag, path = new_tag(), tmp_path_factory.mktemp("cut")
    place = Place(tag=tag, path=path, servers=Servers(inside=f"{tag}-core", folder=path))
    with asyncio.Runner() as runner:
        running = place.running()
        try:
            runner.run(running.__aenter__())
            yield Stage(place=place, runner=runner)
        finally:
            runner.run(running.__aexit__(None, None, None))
            place.servers.wait()


@pytest.mark.parametrize(
    ("protocol", "mechanism", "rule"),
    [
        ("openvpn+tcp", "vpn.reset", "vpn.reset.control_answered"),
        ("openvpn", "vpn.timeout", "vpn.timeout.control_answered"),
        ("wireguard", "vpn.timeout", "vpn.timeout.control_answered"),
        ("tor", "vpn.reset", "vpn.reset.control_answered"),
        ("ech", "tls.ech", "tls.ech.isolated"),
    ],
)
def test_what_an_isp_cuts_is_blocked_there_with_its_mechanism_and_reachable_again(
    stage: Stage, protocol: str, mechanism: str, rule: str
) -> None:
    """A filter on exactly one protocol; controls are answered, and so are those in the country who speak another."""
    place = stage.place

    async def story() -> None:
        await place.filter("")
        await place.until_all_reachable()
        await place.filter(CUT[protocol])
        verdict = await place.until_seen(protocol, "blocked", mechanism)
        assert rule in {witness["rule"] for witness in verdict["witness"]}
        others = {id_of(other): "reachable" for other in SPOKEN if other != protocol}
        await place.until_states({id_of(protocol): "blocked"} | others)
        await place.filter("")
        await place.until_seen(protocol, "reachable")

    stage.play(story())


def test_silence_over_udp_is_no_block_where_nothing_gets_through_over_udp(stage: Stage) -> None:
    """An ISP, or every office there, that lets no UDP out says nothing about OpenVPN or WireGuard."""
    place = stage.place

    async def story() -> None:
        await place.filter("")
        await place.until_all_reachable()
        before = place.blocks()
        await place.filter("-p udp -j DROP")
        for protocol in OVER_UDP:
            verdict = await place.until_seen(protocol, "inconclusive")
            assert "vantage.udp_unproven" in {witness["rule"] for witness in verdict["witness"]}
        states = {id_of(one): "inconclusive" if one in OVER_UDP else "reachable" for one in SPOKEN}
        await place.until_states(states)
        await place.filter("")
        await place.until_all_reachable()
        assert before == place.blocks()

    stage.play(story())


@pytest.mark.parametrize("protocol", ["wireguard", "tor"])
def test_what_does_not_answer_the_controls_either_is_down_and_not_blocked(stage: Stage, protocol: str) -> None:
    """WireGuard is silent: that the controls' own lines work shows by what else they reach."""
    place = stage.place

    async def story() -> None:
        await place.filter("")
        await place.until_all_reachable()
        before = place.blocks()
        await place.servers.filter(CUT[protocol])
        await place.until_seen(protocol, "down")
        await place.filter("")
        await place.until_seen(protocol, "reachable")
        assert before == place.blocks()

    stage.play(story())
