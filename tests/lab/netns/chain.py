"""A machine at home, some routers one after the other, and a server: a path on which hops can be counted.

    TAG-home ── TAG-r1 ── TAG-r2 ── … ── TAG-rN ── TAG-core

The first router is the one at home: it gives private addresses and translates them (NAT). The server, which is also the
machine's resolver, is N + 1 hops away. What a router does to what it forwards is set by `censor`, and is all forgotten
with `open_up`.
"""

import http.client
import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import trustme

from lab.netns.namespaces import inside, new_tag, remove, run, run_ip, sweep, write_resolver, write_settings
from lab.netns.wiring import ROUTER
from lab.programs import AGENT, COLLECTOR, Program, environment
from lab.programs import run as run_program
from lab.waiting import until

COLLECTOR_HOST, COLLECTOR_PORT, WEB_PORT = "collector.example", 8443, 8080
BLOCKED, HARMLESS, SERVER = "blocked.example", "www.example.com", "151.101.1.10"
SERVER6 = "2a04:4e42:1::10"
HOME, HOME6 = "192.168.1", "2400:adc0:1::"
HELLO = f'-p tcp --dport 443 -m string --algo kmp --hex-string "|00{len(BLOCKED):04x}|{BLOCKED}"'
REQUEST = f'-p tcp --dport 80 -m string --algo kmp --hex-string "Host: {BLOCKED}|0d0a|"'
RESET = "-j REJECT --reject-with tcp-reset"
SILENT = "-p icmp --icmp-type time-exceeded -j DROP"
SILENT6 = "-p icmpv6 --icmpv6-type time-exceeded -j DROP"
TESTS = Path(__file__).parents[2]
PATIENCE_S = 60.0


@dataclass(slots=True)
class Injecting:
    """`late_s`: by how much the filter's program was late at most, which is known when it has ended."""

    late_s: float = float("inf")


class Chain:
    """`routers`: how many there are. To be opened once."""

    def __init__(self, path: Path, routers: int) -> None:
        self.routers = routers
        self._tag, self._path = new_tag(), path
        self.home, self.core = f"{self._tag}-home", f"{self._tag}-core"
        self._programs: list[Program] = []
        authority = trustme.CA()
        self._roots = path / "roots.pem"
        authority.cert_pem.write_to_path(self._roots)
        issued = authority.issue_cert(BLOCKED, HARMLESS, "www.iana.org", "fine.example", COLLECTOR_HOST)
        issued.cert_chain_pems[0].write_to_path(path / "cert.pem")
        issued.private_key_pem.write_to_path(path / "key.pem")

    def router(self, number: int) -> str:
        return f"{self._tag}-r{number}"

    async def open(self) -> None:
        await sweep()
        nodes = [self.home, *map(self.router, range(1, self.routers + 1)), self.core]
        await run_ip(f"netns add {node}" for node in nodes)
        await run_ip(
            f"link add right netns {near} type veth peer name left netns {far}" for near, far in pairwise(nodes)
        )
        for number, node in enumerate(nodes):
            if number > 0:
                write_settings(node, ROUTER)
            await run_ip(self._lines(number), node)
        await self.tables(1, "nat", ["-A POSTROUTING -o right -j MASQUERADE"])
        write_resolver(self.home, SERVER)
        await self._serve()

    def _lines(self, number: int) -> list[str]:
        """Addresses and routes of a node: 0 is the home, the last one the core."""
        last = self.routers + 1
        lines = ["link set lo up"]
        if number > 0:
            near, far = _ends(number - 1)
            near6, far6 = _ends6(number - 1)
            lines += ["link set left up", f"addr add {far}/24 dev left", f"addr add {far6}/64 dev left nodad"]
            if number > 1:
                lines.append(f"route add {_ends(1)[0].rpartition('.')[0]}.0/24 via {near}" if number > 2 else "")
                lines.append(f"route add {HOME6}/64 via {near6}")
        if number < last:
            near, far = _ends(number)
            near6, far6 = _ends6(number)
            lines += ["link set right up", f"addr add {near}/24 dev right", f"addr add {near6}/64 dev right nodad"]
            lines += [f"route add default via {far}", f"route add default via {far6}"]
        else:
            lines += [f"addr add {SERVER}/32 dev lo", f"addr add {SERVER6}/128 dev lo nodad"]
            lines += ["route add unreachable default"]  # nobody else is there, which is said
        return list(filter(None, lines))

    async def _serve(self) -> None:
        files = (str(self._path / "cert.pem"), str(self._path / "key.pem"))
        self._programs.append(await self._start(self.core, "lab.netns.farside", SERVER, SERVER6, *files))

    async def _start(self, namespace: str, module: str, *arguments: str) -> Program:
        """A program of the lab, once it is ready."""
        log = self._path / f"{module}.log"
        log.write_bytes(b"")
        command = [shutil.which("ip") or "ip", "netns", "exec", namespace, sys.executable, "-m", module, *arguments]
        program = Program(command, environment(PYTHONPATH=str(TESTS)), log)
        await program.start()
        await _ready(log, "ready")
        return program

    @asynccontextmanager
    async def injecting(self, router: int, *, ttl: int, ids: Sequence[int]) -> AsyncIterator["Injecting"]:
        """A filter beside the way, at what comes into this router: so many RSTs, which stop nothing."""
        namespace, words = self.router(router), (BLOCKED, str(ttl), *map(str, ids))
        program = await self._start(namespace, "lab.netns.injector", *words)
        injecting = Injecting()
        try:
            yield injecting
        finally:
            await program.stop()
        injecting.late_s = float(program.last_words().removeprefix("late "))

    async def close(self) -> None:
        for program in reversed(self._programs):
            await program.stop()
        await remove(self._tag)

    async def collect(self, targets: str) -> None:
        """Starts a collector beside the server, to which the machine at home joins."""
        (self._path / "targets.toml").write_text(targets, encoding="utf-8")
        log, data = self._path / "collector.log", str(self._path / "data")
        files = (("targets", "targets.toml"), ("tls-cert", "cert.pem"), ("tls-key", "key.pem"))
        flags = [text for flag, name in files for text in (f"--{flag}", str(self._path / name))]
        places = ("--grpc", f"{SERVER}:{COLLECTOR_PORT}", "--http", f"127.0.0.1:{WEB_PORT}")
        log.write_bytes(b"")
        command = [shutil.which("ip") or "ip", "netns", "exec", self.core, COLLECTOR, "serve", "--data", data]
        self._programs.append(Program([*command, *places, *flags], environment(), log))
        await self._programs[-1].start()
        await _ready(log, "ready:")
        token = (await run_program(COLLECTOR, "invite", "--isp", "ptcl", "--data", data, env=environment())).strip()
        await self.agent("join", f"https://{COLLECTOR_HOST}:{COLLECTOR_PORT}", "--invite", token)

    def ask(self, path: str) -> bytes:
        """What the collector's web side answers."""
        with inside(self.core), closing(http.client.HTTPConnection("127.0.0.1", WEB_PORT, timeout=10.0)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read()

    async def tables(self, router: int, table: str, rules: Iterable[str], *, version: int = 4) -> None:
        """Adds rules to a router's netfilter, by iptables-restore(8)."""
        fed = "".join(f"{line}\n" for line in (f"*{table}", *rules, "COMMIT"))
        program = "iptables-restore" if version == 4 else "ip6tables-restore"
        await run("ip", "netns", "exec", self.router(router), program, "--noflush", fed=fed)

    async def censor(self, router: int, rule: str, *, version: int = 4) -> None:
        """Something that this router does to what it forwards."""
        await self.tables(router, "filter", [f"-A FORWARD {rule}"], version=version)

    async def silence(self, *routers: int) -> None:
        """These routers never say that a packet's time ran out."""
        for router in routers:
            await self.tables(router, "filter", [f"-A OUTPUT {SILENT}"])
            await self.tables(router, "filter", [f"-A OUTPUT {SILENT6}"], version=6)

    async def lose(self, router: int, share: float) -> None:
        """Of all that this router forwards and says, so much is lost, either way."""
        lost = f"-m statistic --mode random --probability {share} -j DROP"
        await self.tables(router, "mangle", [f"-A FORWARD {lost}", f"-A OUTPUT {lost}"])

    async def open_up(self) -> None:
        """Takes back all that was set."""
        for number in range(1, self.routers + 1):
            await self.tables(number, "filter", ["-F"])
            await self.tables(number, "mangle", ["-F"])
            await self.tables(number, "filter", ["-F"], version=6)

    async def trace(self, cut: str, *, tls: bool = True, address: str = SERVER) -> dict[str, Any]:
        """What the agent's own trace of the blocked name makes of it, as if it had just been cut off in this way."""
        url = f"{'https' if tls else 'http'}://{BLOCKED}/"
        words = ("-m", "lab.netns.looking", url, address, cut)
        enter = ("ip", "netns", "exec", self.home, sys.executable)
        said = await run_program(*enter, *words, env=environment(PYTHONPATH=str(TESTS)), within=120.0)
        found: dict[str, Any] = json.loads(said)
        return found

    async def probe(self, target: str, **variables: str) -> list[dict[str, Any]]:
        """`rabta-agent probe --json`: its measurements."""
        return (await self.probe_and_hear(target, **variables))[0]

    async def probe_and_hear(
        self, target: str, *, before: Sequence[str] = (), **variables: str
    ) -> tuple[list[dict[str, Any]], str]:
        """The same, and what else the agent says. `before`: a program that runs it."""
        lines = (await self.agent("probe", target, "--json", before=before, **variables)).splitlines()
        measured = [json.loads(line) for line in lines if '"agentVersion"' in line]
        return measured, "\n".join(line for line in lines if '"agentVersion"' not in line)

    async def agent(self, *arguments: str, before: Sequence[str] = (), **variables: str) -> str:
        """Runs the agent at home; all that it says."""
        env = environment(SSL_CERT_FILE=str(self._roots), RABTA_HOME=str(self._path / "home"), **variables)
        enter = ("ip", "netns", "exec", self.home, *before, "sh", "-c", 'exec "$@" 2>&1', "sh")
        return await run_program(*enter, AGENT, *arguments, env=env, within=150.0)


async def _ready(log: Path, word: str) -> None:
    """Until a program has said so."""

    async def said() -> bool:
        return _holds(log, word)

    await until(said, within=PATIENCE_S, beat=0.02)


def _holds(log: Path, word: str) -> bool:
    return word in log.read_text(encoding="utf-8")


def _ends(number: int) -> tuple[str, str]:
    """Addresses of a cable, counted from home."""
    network = HOME if number == 0 else f"39.40.{number}"
    return f"{network}.2", f"{network}.1"


def _ends6(number: int) -> tuple[str, str]:
    network = f"2400:adc0:{number + 1:x}::"
    return f"{network}2", f"{network}1"
