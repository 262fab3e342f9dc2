"""The page from one machine to three, typed as it stands: three real NATS servers, two processes of each part, HAProxy.

An agent joins a collector with a file, whose journal moves to NATS; behind the same address it then finds two processes
that take agents. One of each is taken away, and a server; then all of it goes back into a file.
"""

import asyncio
import contextlib
import os
import re
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from lab.programs import AGENT, COLLECTOR, Program, ProgramError, environment, run
from lab.system import free_port
from lab.waiting import until
from support import typed
from support.guarded import Guarded, guarded
from support.ports import free_ports
from support.programs import require

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PAGE = DEPLOY / "scale.md"
WITHIN_S = 120.0
JOURNAL = re.findall(r"^JOURNAL='(.+)'$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)[0]
PARTS, KINDS = ("ingest", "decide", "archive"), ("grpc", "https", "http", "admin")
HOST = f"127.77.{os.getpid() % 250}.{os.getpid() // 250 % 250}"
"""An address of loopback that is nobody else's: here no port is taken between its choice and its use."""


def put(text: str, places: dict[str, str]) -> str:
    for old, new in places.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def count_of(metrics: str) -> int:
    """Measurements, ever: each has one connection."""
    found = re.search(r'^rabta_measurements_total\{platform="x",isp="ptcl",step="tcp"\} (\d+)$', metrics, re.MULTILINE)
    return int(found[1]) if found else 0


class Town:
    """All programs, and the one address that agents know."""

    def __init__(self, folder: Path, servers: Guarded, target: str) -> None:
        self.folder, self.servers = folder, servers
        self.door, self.measured = free_port(), 0
        numbers = iter(free_ports(len(PARTS) * 2 * len(KINDS)))
        self.ports = {(part, n): {kind: next(numbers) for kind in KINDS} for part in PARTS for n in (0, 1)}
        platform = '[[platform]]\nid = "x"\nname = "X"\ncategory = "GRP"\n[[platform.target]]\n'
        (folder / "targets.toml").write_text(f'{platform}url = "{target}"\n', encoding="utf-8")
        authority = trustme.CA()
        issued = authority.issue_cert("localhost")
        (folder / "fullchain.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(folder / "privkey.pem")
        authority.cert_pem.write_to_path(folder / "roots.pem")
        self.parts = {(part, n): self._part(part, n) for part, n in self.ports}
        self.balancer = Program(self._haproxy(), environment(), folder / "haproxy.log")

    def serve(self, data: str) -> Program:
        """One collector with a file, on the address that agents know."""
        listens = ("--grpc", f"127.0.0.1:{self.door}", "--http", f"{HOST}:{self.ports['decide', 0]['http']}")
        tls = ("--tls-cert", str(self.folder / "fullchain.pem"), "--tls-key", str(self.folder / "privkey.pem"))
        files = ("--data", str(self.folder / data), "--targets", str(self.folder / "targets.toml"), "--lab")
        return Program((COLLECTOR, "serve", *files, *listens, *tls), environment(), self.folder / f"{data}.log")

    def journal(self, text: str) -> str:
        """The page's URL, or a configuration's, on these servers."""
        servers = ",".join(f"localhost:{node.port}" for node in self.servers.nodes)
        places = {"n1.nats.example,n2.nats.example,n3.nats.example": servers, "/etc/rabta": str(self.folder)}
        return put(text, places)

    def _part(self, part: str, number: int) -> Program:
        """As shipped, but for names, paths and ports."""
        shipped = self.journal((DEPLOY / "scale" / f"{part}.toml").read_text(encoding="utf-8"))
        ports = self.ports[part, number]
        places = {f"/var/lib/rabta-{part}": str(self.folder / f"{part}{number}")}
        places |= (
            {"0.0.0.0:9151": f"{HOST}:{ports['admin']}", "0.0.0.0:8081": f"{HOST}:{ports['http']}"}
            if part == "ingest"
            else {}
        )
        places |= (
            {"0.0.0.0:50051": f"{HOST}:{ports['grpc']}", "0.0.0.0:8444": f"{HOST}:{ports['https']}"}
            if part == "ingest"
            else {}
        )
        places |= (
            {"0.0.0.0:9152": f"{HOST}:{ports['admin']}", "127.0.0.1:8080": f"{HOST}:{ports['http']}"}
            if part == "decide"
            else {}
        )
        places |= (
            {"0.0.0.0:9153": f"{HOST}:{ports['admin']}", "127.0.0.1:8082": f"{HOST}:{ports['http']}"}
            if part == "archive"
            else {}
        )
        file = self.folder / f"{part}{number}.toml"
        file.write_text(put(shipped, places), encoding="utf-8")
        words = ("archive", "--keep") if part == "archive" else (part,)
        command = (COLLECTOR, *words, "--config", str(file), "--targets", str(self.folder / "targets.toml"), "--lab")
        return Program(command, environment(), self.folder / f"{part}{number}.log")

    def _haproxy(self) -> tuple[str, ...]:
        shipped = (DEPLOY / "scale" / "haproxy.cfg").read_text(encoding="utf-8")
        lines = [line for line in shipped.splitlines() if "n3.nats.example" not in line and " haproxy" not in line]
        text = put(
            "\n".join(lines) + "\n",
            {":443\n": f"127.0.0.1:{self.door}\n", ":8443\n    default": f"127.0.0.1:{free_port()}\n    default"},
        )
        for n in (0, 1):
            ports = self.ports["ingest", n]
            for kind, port in (("grpc", 50051), ("https", 8444)):
                text = put(text, {f"n{n + 1}.nats.example:{port}": f"{HOST}:{ports[kind]} port {ports['http']}"})
        text = put(text, {"check port 8081": "check", "maxconn 40000": "maxconn 1000"})
        (self.folder / "haproxy.cfg").write_text(text, encoding="utf-8")
        return (require("haproxy", "haproxy"), "-db", "-f", str(self.folder / "haproxy.cfg"))

    async def says(self, part: tuple[str, int], path: str, *, admin: bool = False) -> str:
        """What a process answers; empty: nothing good."""
        url = f"http://{HOST}:{self.ports[part]['admin' if admin else 'http']}/{path}"

        def ask() -> str:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
            return ""

        return await asyncio.to_thread(ask)

    async def start(self, *names: tuple[str, int]) -> None:
        for name in names:
            program = self.parts[name]
            await program.start()

            async def ready(name: tuple[str, int] = name, program: Program = program) -> bool:
                assert program.running, program.last_words()
                return (await self.says(name, "readyz")).startswith("ready")

            await until(ready, within=WITHIN_S)

    async def opens(self) -> bool:
        """Whether the balancer listens."""
        assert self.balancer.running, self.balancer.last_words()
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", self.door)
            writer.close()
            return True
        return False

    async def measure(self) -> None:
        """An agent measures everything once, again until all of it is acknowledged: a cluster may choose a leader."""
        end = asyncio.get_running_loop().time() + WITHIN_S
        while True:
            self.measured += 1
            try:
                await run(AGENT, "run", "--once", env=self.home(), within=WITHIN_S)
            except ProgramError:
                if asyncio.get_running_loop().time() > end:
                    raise
            else:
                return

    def home(self) -> dict[str, str]:
        roots = str(self.folder / "roots.pem")
        return environment(RABTA_HOME=str(self.folder / "home"), RABTA_LAB="1", SSL_CERT_FILE=roots)

    async def ruler(self) -> tuple[str, int]:
        """The one that tells Prometheus of the country, and of all that was measured."""
        found: list[tuple[str, int]] = []

        async def told() -> bool:
            decides = [name for name in self.parts if name[0] == "decide" and self.parts[name].running]
            found[:] = [n for n in decides if "\nrabta_isp_info{" in await self.says(n, "metrics", admin=True)]
            return len(found) == 1

        await until(told, within=WITHIN_S)
        return found[0]

    async def until_counted(self) -> None:
        """All that was measured, once, by the process that tells Prometheus."""

        async def counted() -> bool:
            return count_of(await self.says(await self.ruler(), "metrics", admin=True)) == self.measured

        await until(counted, within=WITHIN_S)

    async def end(self) -> None:
        await asyncio.gather(*(program.stop() for program in (*self.parts.values(), self.balancer)))


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    secrets = typed.commands(PAGE, "Certificates and passwords", 0, {"DNS:n1.nats.example": "DNS:localhost"})
    typed.type_in(put(secrets, {"mkdir -p secrets && cd secrets": "cd ."}), at=tmp_path, quiet=False)
    target = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    with guarded(tmp_path) as servers:
        made = Town(tmp_path, servers, f"tcp://127.0.0.1:{target.sockets[0].getsockname()[1]}")
        async with target:
            try:
                yield made
            finally:
                await made.end()


@pytest.mark.slow
@pytest.mark.timeout(900)  # twelve programs, one after another, on whatever machine
async def test_from_one_machine_to_three_and_back(town: Town) -> None:
    old = town.serve("old")
    try:
        await join(town, old)
    finally:
        await old.stop()
    await move(town)
    await town.measure()
    await town.until_counted()
    await any_of_them_may_go(town)
    assert [] == town.servers.violations()
    await go_back(town)


async def join(town: Town, old: Program) -> None:
    """As long as there is one collector."""
    await old.start()
    await until(lambda: _ready(old), within=WITHIN_S)
    token = (await run(COLLECTOR, "invite", "--data", str(town.folder / "old"), "--isp", "ptcl")).strip()
    door = f"https://localhost:{town.door}"
    await run(AGENT, "join", door, "--invite", token, env=town.home(), within=WITHIN_S)
    await town.measure()


async def _ready(program: Program) -> bool:
    assert program.running, program.last_words()
    return "ready:" in program.log.read_text(encoding="utf-8")


async def move(town: Town) -> None:
    """Keys, journal and registry, by steps 3 and 4; then everything starts, and HAProxy where the old one was."""
    folder = town.folder
    for n in (0, 1):
        places = {"/var/lib/rabta-ingest": f"{folder}/ingest{n}", "/var/lib/rabta-archive": f"{folder}/archive{n}"}
        typed.type_in(typed.commands(PAGE, "3. The keys", 0, places | {"/var/lib/rabta/": f"{folder}/old/"}))
    places = {JOURNAL: town.journal(JOURNAL), "/opt/rabta/bin/rabta-collector": COLLECTOR}
    places |= {"/var/lib/rabta-ingest": f"{folder}/ingest0", "/var/lib/rabta": f"{folder}/old"}
    require("sqlite3", "sqlite3")
    script = typed.commands(PAGE, "4. The move", 0, places)
    await asyncio.to_thread(typed.type_in, script, quiet=False)
    await town.start(("ingest", 0), ("ingest", 1), ("decide", 0), ("decide", 1), ("archive", 0))
    await town.balancer.start()
    await until(town.opens, within=WITHIN_S)


async def any_of_them_may_go(town: Town) -> None:
    """One of each, for good; what is measured meanwhile is acknowledged and counted."""
    town.parts["ingest", 0].kill()
    await town.measure()
    await town.until_counted()
    ruler = await town.ruler()
    town.parts[ruler].kill()
    await town.parts[ruler].ended()
    assert ruler != await town.ruler()
    town.servers.nodes[0].kill()
    await town.measure()
    await town.until_counted()


async def go_back(town: Town) -> None:
    await town.end()
    town.servers.nodes[0].start()
    folder = town.folder
    places = {'"$JOURNAL"': f"'{town.journal(JOURNAL)}'", "/opt/rabta/bin/rabta-collector": COLLECTOR}
    places |= {"/var/lib/rabta-ingest": f"{folder}/ingest0", "/var/lib/rabta-archive": f"{folder}/archive0"}
    back = {"/var/lib/rabta-back": f"{folder}/back"}
    await asyncio.to_thread(typed.type_in, typed.commands(PAGE, "Going back", 0, places | back), quiet=False)
    swapped = back | {"/var/lib/rabta-before": f"{folder}/before", "/var/lib/rabta": f"{folder}/old"}
    typed.type_in(typed.commands(PAGE, "Going back", 1, swapped))
    again = town.serve("old")
    try:
        await again.start()
        await until(lambda: _ready(again), within=WITHIN_S)
        await town.measure()
        found: list[int] = []

        async def counted() -> bool:
            found[:] = [count_of(await town.says(("decide", 0), "metrics"))]
            return found[0] >= town.measured

        await until(counted, within=WITHIN_S)
        assert [town.measured] == found
    finally:
        await again.stop()
