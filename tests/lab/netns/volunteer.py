"""A volunteer's machine in a namespace: two ways out, a VPN, and a core with a site, a portal check and a collector."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trustme
from google.protobuf.json_format import MessageToDict

from lab.netns.namespaces import files_of, new_tag, remove, run_ip
from lab.netns.wireguard import PORT, forget_device, make_device, make_key, public_of
from lab.programs import AGENT, COLLECTOR, environment
from lab.programs import run as run_program
from rabta_agent.config import Config
from rabta_agent.diary import read_last
from rabta_agent.home import Home
from rabta_agent.status import read_status
from rabta_proto.v1.measurement_pb2 import Measurement

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
GATEWAY, INNER = "39.32.0.1", "10.8.0.2/32"
URL = f"http://{SITE}/"
WITHIN_S = 180.0  # a turn comes once in 60 s, and the machine may be busy
HEADER = 14  # of Ethernet, which the interface counts and nobody pays for
Facts = dict[str, Any]


class Place:
    """An agent's namespace with two ways out, and a core with a site, a portal check and a collector."""

    def __init__(self, path: Path) -> None:
        self._tag, self._path = new_tag(), path
        self._near_end, self._far_end = f"secure{os.getpid()}", f"far{os.getpid()}"
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
            await run_ip([f"link set c{number} addrgenmode none"], self.core)  # the kernel's own talk over IPv6
            await run_ip([f"link set {device} addrgenmode none"], self.agent)  # is nobody's bytes
            await run_ip([f"addr add {far}/24 dev c{number}", f"link set c{number} up"], self.core)
            await run_ip([f"addr add {near}/24 dev {device}", f"link set {device} up"], self.agent)
        await run_ip(["link set lo up", f"route add default via {GATEWAY}"], self.agent)
        await run_ip(
            ["link set lo up", *(f"addr add {one}/32 dev lo" for one in (COLLECTOR_ADDRESS, SITE, PORTAL))], self.core
        )
        folder = files_of(self.agent)
        (folder / "hosts").write_text(HOSTS, encoding="ascii")
        (folder / "resolv.conf").write_text("nameserver 39.32.0.1\n", encoding="ascii")

    async def move(self) -> None:
        """The machine goes over to its other network."""
        await run_ip(["route replace default via 39.32.1.1"], self.agent)

    async def tunnel_up(self) -> None:
        """WireGuard to the core, with everything led through it, in two halves as VPN clients do."""
        near, far = self._path / "near.key", self._path / "far.key"
        near_public, far_public = (public_of(make_key_in(file)) for file in (near, far))
        listens = ("listen-port", str(PORT), "peer", near_public, "allowed-ips", INNER)
        calls = ("peer", far_public, "endpoint", f"{GATEWAY}:{PORT}", "allowed-ips", "0.0.0.0/0")
        await self._end(self.core, self._far_end, "10.8.0.1", (str(far), *listens))
        await self._end(self.agent, self._near_end, "10.8.0.2", (str(near), *calls))
        await run_ip([f"route add {half} dev {self._near_end}" for half in ("0.0.0.0/1", "128.0.0.0/1")], self.agent)

    async def _end(self, namespace: str, device: str, address: str, settings: tuple[str, ...]) -> None:
        await make_device(namespace, device, *settings)
        await run_ip([f"addr add {address}/24 dev {device}", f"link set {device} up"], namespace)

    async def tunnel_down(self) -> None:
        for namespace, device in ((self.agent, self._near_end), (self.core, self._far_end)):
            await run_ip([f"link delete {device}"], namespace)

    async def unplug(self) -> None:
        await run_ip(["route delete default"], self.agent)

    async def plug_in(self) -> None:
        await run_ip([f"route add default via {GATEWAY}"], self.agent)

    def networkmanager(self, word: str) -> None:
        """What NetworkManager says of every interface."""
        program = self._path / "bin" / "nmcli"
        program.write_text(f"#!/bin/sh\necho '{word}'\n", encoding="ascii")
        program.chmod(0o755)

    async def command(self, *arguments: str) -> str:
        prefix = ("ip", "netns", "exec", self.agent)
        return await run_program(*prefix, AGENT, *arguments, env=self.environment, within=WITHIN_S)

    async def probe_while(self, work: Callable[[], Awaitable[None]]) -> Facts:
        """A measurement by hand of a site that answers only when `work`, done meanwhile, is over."""
        async with self._running(self.core, *_answering("held")) as (said, fed):
            await said.readuntil(b"ready")
            async with asyncio.TaskGroup() as tasks:
                probing = tasks.create_task(self.probe())
                await said.readuntil(b"asked")
                await work()
                fed.write(b"\n")
        return probing.result()

    async def probe(self) -> Facts:
        facts: Facts = json.loads(await self.command("probe", URL, "--json"))
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

    async def connections(self) -> list[str]:
        """TCP connections of the machine that stand, a line of ss(8) for each."""
        listing = ("ip", "netns", "exec", self.agent, "ss", "-Htn", "state", "established")
        return (await run_program(*listing, env=self.environment, within=WITHIN_S)).splitlines()

    @asynccontextmanager
    async def collector(self) -> AsyncIterator[None]:
        flags = ("--targets", "targets.toml"), ("--tls-cert", "cert.pem"), ("--tls-key", "key.pem")
        files = [text for flag, name in flags for text in (flag, str(self._path / name))]
        places = ("--grpc", f"{COLLECTOR_ADDRESS}:443", "--http", "127.0.0.1:8080")
        async with self._running(self.core, COLLECTOR, "serve", "--data", str(self.data), *places, *files) as (said, _):
            await said.readuntil(b"ready:")
            yield

    @asynccontextmanager
    async def site(self, answer: str) -> AsyncIterator[None]:
        """Answers on the site's and the portal check's address alike."""
        async with self._running(self.core, *_answering(answer)) as (said, _):
            await said.readuntil(b"ready")
            yield

    @asynccontextmanager
    async def agent_running(self, **settings: str) -> AsyncIterator[None]:
        async with self._running(self.agent, AGENT, "run", **settings):
            yield

    @asynccontextmanager
    async def _running(
        self, namespace: str, *command: str, **settings: str
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", namespace, *command),
            env={**self.environment, **settings},
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout
        assert process.stdin
        try:
            yield process.stdout, process.stdin
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.communicate()

    def last_measured(self) -> Facts:
        """The newest measurement of the site, from the diary that an agent writes as it ends."""
        ((_at, content),) = read_last(Home(path=self.home).diary_file, URL)
        facts: Facts = MessageToDict(Measurement.FromString(content))
        return facts

    async def close(self) -> None:
        await remove(self._tag)
        for device in (self._near_end, self._far_end):
            forget_device(device)


def _answering(how: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "lab.netns.answering", SITE, PORTAL, how)


def make_key_in(file: Path) -> str:
    """A new private key, kept in a file, too, where wg(8) reads it."""
    file.write_text(key := make_key(), encoding="ascii")
    return key
