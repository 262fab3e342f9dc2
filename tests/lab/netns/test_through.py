"""The ISP blocks the collector itself, by name, by address, or by HTTP/2, and what was measured arrives, once.

A small place of its own: an agent, its ISP's router, and a collector with two addresses and one certificate, pinned.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from lab.netns.namespaces import files_of, new_tag, remove, run, run_ip
from lab.programs import AGENT, COLLECTOR, environment
from lab.programs import run as run_program
from support.collector_server import journaled

pytestmark = pytest.mark.root

NAME, FIRST, SECOND, NOWHERE = "collector.example", "20.50.0.10", "20.50.0.11", "203.0.113.9"
ENDPOINTS = f"https://{SECOND}:443,https+post://{FIRST}:8443"
COUNT = 7
TARGETS = """
[[platform]]
id = "x"
name = "X"
category = "SOCIAL"
[[platform.target]]
url = "https://x.com/"
"""
WITHIN_S = 90.0
RESET = ("-j", "REJECT", "--reject-with", "tcp-reset")


class Place:
    """Namespaces, and the collector in one of them."""

    def __init__(self, path: Path) -> None:
        self._tag, self._path = new_tag(), path
        self.agent, self.isp, self.core = (f"{self._tag}-{name}" for name in ("agent", "isp", "core"))
        self.home, self.data = path / "home", path / "data"
        self.environment = environment(PYTHONPATH=str(Path(__file__).parents[2]), RABTA_HOME=str(self.home))

    async def open(self) -> None:
        await run_ip(f"netns add {name}" for name in (self.agent, self.isp, self.core))
        for far, near, inner in ((self.agent, "10.1.0", "a"), (self.core, "20.50.0", "c")):
            await run_ip([f"link add {inner}0 netns {self.isp} type veth peer name eth0 netns {far}"])
            await run_ip([f"addr add {near}.1/24 dev {inner}0", f"link set {inner}0 up"], self.isp)
            own = [f"{near}.2"] if far == self.agent else [FIRST, SECOND]
            await run_ip([f"addr add {address}/24 dev eth0" for address in own], far)
            await run_ip(["link set lo up", "link set eth0 up", f"route add default via {near}.1"], far)
        await run("ip", "netns", "exec", self.isp, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.resolve(FIRST)

    def resolve(self, address: str) -> None:
        """What the collector's name leads to, as the ISP has it."""
        (files_of(self.agent) / "hosts").write_text(f"127.0.0.1 localhost\n{address} {NAME}\n", encoding="ascii")

    async def block(self, *rule: str) -> None:
        await run("ip", "netns", "exec", self.isp, "iptables", "-w", "-A", "FORWARD", "-p", "tcp", *rule, *RESET)

    async def in_agents_place(self, *command: str) -> str:
        prefix = ("ip", "netns", "exec", self.agent)
        return await run_program(*prefix, *command, env=self.environment, within=WITHIN_S)

    async def join(self) -> None:
        """While nothing is blocked."""
        cert = str(self._path / "cert.pem")
        said = await run_program(COLLECTOR, "invite", "--data", str(self.data), "--pin", "--tls-cert", cert)
        await self.in_agents_place(AGENT, "join", f"https://{NAME}", "--invite", said.strip())

    async def carry(self) -> str:
        """The way by which measurements arrived."""
        return (
            await self.in_agents_place(sys.executable, "-m", "lab.netns.carrier", str(self.home), str(COUNT))
        ).strip()

    def arrived(self) -> list[int]:
        return sorted(sequence for _, _, sequence in journaled(self.data / "journal.sqlite"))

    @asynccontextmanager
    async def collector(self) -> AsyncIterator[None]:
        issued = trustme.CA().issue_cert(NAME)
        issued.cert_chain_pems[0].write_to_path(self._path / "cert.pem")
        issued.private_key_pem.write_to_path(self._path / "key.pem")
        (self._path / "targets.toml").write_text(TARGETS, encoding="ascii")
        files = ("targets", "targets.toml"), ("tls-cert", "cert.pem"), ("tls-key", "key.pem")
        flags = [text for flag, name in files for text in (f"--{flag}", str(self._path / name))]
        places = ("--grpc", "0.0.0.0:443", "--https", "0.0.0.0:8443", "--http", "127.0.0.1:8080")
        process = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", self.core, COLLECTOR, "serve", "--data", str(self.data)),
            *(*places, *flags, "--endpoints", ENDPOINTS),
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout
        try:
            async with asyncio.timeout(WITHIN_S):
                while not (line := await process.stdout.readline()).startswith(b"ready:"):
                    assert line, "the collector ended"
            yield
        finally:
            process.terminate()
            await process.communicate()

    async def close(self) -> None:
        await remove(self._tag)


@pytest.mark.parametrize(
    ("lie", "rules", "way"),
    [
        pytest.param(
            NOWHERE,
            # gRPC names the certificate's name to an address that is not in it: the filter meets it there, too.
            [("-d", NOWHERE), ("-m", "string", "--algo", "bm", "--string", NAME)],
            f"https+post://{FIRST}:8443",
            id="by-name",
        ),
        pytest.param(FIRST, [("-d", FIRST)], f"https://{SECOND}:443", id="by-address"),
        pytest.param(
            FIRST,
            [("-m", "string", "--algo", "bm", "--hex-string", "|026832|")],  # ALPN's h2, with its length
            f"https+post://{FIRST}:8443",
            id="by-http2",
        ),
    ],
)
async def test_what_is_measured_arrives_once_however_the_collector_is_blocked(
    root: None, tmp_path: Path, lie: str, rules: Sequence[Sequence[str]], way: str
) -> None:
    place = Place(tmp_path)
    try:
        await place.open()
        async with place.collector():
            await place.join()
            assert f"https://{NAME}:443" == await place.carry()
            place.resolve(lie)
            for rule in rules:
                await place.block(*rule)
            assert way == await place.carry()
        assert list(range(1, 2 * COUNT + 1)) == place.arrived()
    finally:
        await place.close()
