"""A volunteer's machine in a namespace: VPN, another network, a login page, paid bytes, and the day's cap."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from lab.netns.namespaces import new_tag, remove, run_ip
from lab.programs import AGENT, COLLECTOR, environment
from lab.programs import run as run_program
from rabta_agent.config import Config
from rabta_agent.home import Home
from rabta_agent.status import read_status

pytestmark = pytest.mark.root

NAME, COLLECTOR_ADDRESS, SITE, PORTAL = "collector.example", "20.50.0.10", "151.101.1.10", "151.101.1.11"
HOSTS = f"127.0.0.1 localhost\n{COLLECTOR_ADDRESS} {NAME}\n"
TARGETS = """
portal_check = "http://151.101.1.11/204"
[[platform]]
id = "x"
name = "X"
category = "SOCIAL"
[[platform.target]]
url = "http://151.101.1.10/"
interval = "60s"
[resolvers]
doh = []
udp = []
"""
WITHIN_S = 60.0
HEADER = 14  # of Ethernet, which the interface counts and nobody pays for
Facts = dict[str, Any]


class Place:
    """An agent's namespace with two ways out, and a core with a site, a portal check and a collector."""

    def __init__(self, path: Path) -> None:
        self._tag, self._path = new_tag(), path
        self.agent, self.core = f"{self._tag}-agent", f"{self._tag}-core"
        self.home, self.data = path / "home", path / "data"
        (path / "bin").mkdir()
        roots = path / "roots.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(roots)
        issued = authority.issue_cert(NAME)
        issued.cert_chain_pems[0].write_to_path(path / "cert.pem")
        issued.private_key_pem.write_to_path(path / "key.pem")
        (path / "targets.toml").write_text(TARGETS, encoding="ascii")
        inherited = environment()
        self.environment = environment(
            RABTA_HOME=str(self.home),
            SSL_CERT_FILE=str(roots),
            PATH=f"{path / 'bin'}:{inherited['PATH']}",
            PYTHONPATH=str(Path(__file__).parents[2]),
        )

    async def open(self) -> None:
        await run_ip(f"netns add {name}" for name in (self.agent, self.core))
        for number, device in enumerate(("wlan0", "eth0")):
            near, far = f"39.32.{number}.2", f"39.32.{number}.1"
            await run_ip([f"link add c{number} netns {self.core} type veth peer name {device} netns {self.agent}"])
            await run_ip([f"addr add {far}/24 dev c{number}", f"link set c{number} up"], self.core)
            await run_ip([f"addr add {near}/24 dev {device}", f"link set {device} up"], self.agent)
        await run_ip(["link set lo up", "route add default via 39.32.0.1"], self.agent)
        await run_ip(
            ["link set lo up", *(f"addr add {one}/32 dev lo" for one in (COLLECTOR_ADDRESS, SITE, PORTAL))], self.core
        )
        folder = Path("/etc/netns") / self.agent
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosts").write_text(HOSTS, encoding="ascii")
        (folder / "resolv.conf").write_text("nameserver 39.32.0.1\n", encoding="ascii")

    async def move(self) -> None:
        """The machine goes over to its other network."""
        await run_ip(["route replace default via 39.32.1.1"], self.agent)

    async def tunnel(self, *, up: bool) -> None:
        """A VPN that leads all traffic away; nobody is at its other end."""
        if up:
            await run_ip(["tuntap add dev tun0 mode tun"], self.agent)
            await run_ip(["addr add 10.8.0.2/24 dev tun0", "link set tun0 up"], self.agent)
            await run_ip([f"route replace {COLLECTOR_ADDRESS}/32 via 39.32.0.1"], self.agent)
            await run_ip(["route add 0.0.0.0/1 dev tun0", "route add 128.0.0.0/1 dev tun0"], self.agent)
        else:
            await run_ip(["link delete tun0"], self.agent)

    def networkmanager(self, word: str) -> None:
        """What NetworkManager says of every interface."""
        program = self._path / "bin" / "nmcli"
        program.write_text(f"#!/bin/sh\necho '{word}'\n", encoding="ascii")
        program.chmod(0o755)

    async def command(self, *arguments: str) -> str:
        prefix = ("ip", "netns", "exec", self.agent)
        return await run_program(*prefix, AGENT, *arguments, env=self.environment, within=WITHIN_S)

    async def probe(self) -> Facts:
        facts: Facts = json.loads(await self.command("probe", "http://151.101.1.10/", "--json"))
        return facts

    def status(self) -> Facts:
        """What `rabta-agent status --json` would print, without a process for each look."""
        return read_status(Home(path=self.home), Config(), datetime.now(UTC))

    async def until(self, condition: Callable[[Facts], object]) -> Facts:
        async with asyncio.timeout(WITHIN_S):
            while not condition(facts := self.status()):  # noqa: ASYNC110 - another process has no event
                await asyncio.sleep(0.3)
        return facts

    async def join(self) -> None:
        said = await run_program(COLLECTOR, "invite", "--isp", "ptcl", "--data", str(self.data))
        await self.command("join", f"https://{NAME}", "--invite", said.strip())

    async def carried(self) -> int:
        """Bytes that the machine's interfaces have carried both ways, from IP upwards."""
        listed = json.loads(
            await run_program(
                *("ip", "netns", "exec", self.agent, "ip", "-j", "-s", "link"), env=self.environment, within=WITHIN_S
            )
        )
        counts = [one["stats64"][way] for one in listed if one["ifname"] != "lo" for way in ("rx", "tx")]
        return sum(count["bytes"] - HEADER * count["packets"] for count in counts)

    @asynccontextmanager
    async def collector(self) -> AsyncIterator[None]:
        flags = ("--targets", "targets.toml"), ("--tls-cert", "cert.pem"), ("--tls-key", "key.pem")
        files = [text for flag, name in flags for text in (flag, str(self._path / name))]
        places = ("--grpc", f"{COLLECTOR_ADDRESS}:443", "--http", "127.0.0.1:8080")
        async with self._running(self.core, COLLECTOR, "serve", "--data", str(self.data), *places, *files) as said:
            await said.readuntil(b"ready:")
            yield

    @asynccontextmanager
    async def site(self, answer: str) -> AsyncIterator[None]:
        """Answers on the site's and the portal check's address alike."""
        command = (sys.executable, "-m", "lab.netns.answering", SITE, PORTAL, answer)
        async with self._running(self.core, *command) as said:
            await said.readuntil(b"ready")
            yield

    @asynccontextmanager
    async def agent_running(self, **settings: str) -> AsyncIterator[None]:
        async with self._running(self.agent, AGENT, "run", **settings):
            yield

    @asynccontextmanager
    async def _running(self, namespace: str, *command: str, **settings: str) -> AsyncIterator[asyncio.StreamReader]:
        process = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", namespace, *command),
            env={**self.environment, **settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout
        try:
            yield process.stdout
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.communicate()

    async def close(self) -> None:
        await remove(self._tag)


@pytest.fixture
async def place(root: None, tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    try:
        await made.open()
        yield made
    finally:
        await made.close()


async def test_the_network_is_told_for_what_it_is(place: Place) -> None:
    async with place.site("204"):
        plain = (await place.probe())["network"]
        await place.tunnel(up=True)
        through = (await place.probe())["network"]
        await place.tunnel(up=False)
        await place.move()
        moved = (await place.probe())["network"]
    assert ("NETWORK_KIND_WIFI", False, True) == (plain["kind"], plain["vpn"], plain["ipv4"])
    assert through["vpn"]
    assert ("NETWORK_KIND_ETHERNET", False) == (moved["kind"], moved["vpn"])


async def test_a_login_page_is_told_from_a_block(place: Place) -> None:
    async with place.collector():
        await place.join()
    async with place.site("login"):  # the site's answer breaks off, and the check is answered with a page
        assert (await place.probe())["network"]["captivePortal"]


async def test_where_bytes_are_paid_for_it_rests_if_the_volunteer_wants_it(place: Place) -> None:
    place.networkmanager("yes (guessed)")
    async with place.collector(), place.site("204"):
        await place.join()
        async with place.agent_running(RABTA_WHEN_METERED="no"):
            resting = await place.until(lambda facts: facts["hold"])
            assert ("metered", True) == (resting["hold"], resting["network"]["metered"])
            place.networkmanager("no")
            await place.move()  # another network is asked for anew
            await place.until(lambda facts: facts["produced"])


async def test_every_byte_of_the_day_is_counted_and_the_cap_holds(place: Place) -> None:
    cap = 150_000
    async with place.collector(), place.site("204"):
        await place.join()
        before = await place.carried()
        async with place.agent_running(RABTA_BYTES_PER_DAY=str(cap)):
            for _ in range(3):  # each session costs its opening
                await place.until(lambda facts: facts["connected"])
                await place.command("pause")
                await place.until(lambda facts: not facts["connected"])
                await place.command("resume")
            await place.until(lambda facts: facts["acked"] and facts["connected"])
        carried = await place.carried() - before
    counted = place.status()["bytes_today"]
    assert carried <= cap
    assert 0.95 * carried <= counted <= 1.15 * carried + 1500
