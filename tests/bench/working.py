"""An agent at work, as a volunteer's machine has it: its start, its memory with and without QUIC, its idle cost."""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import certifi

from bench.process import Memory, Server, children_cpu_s, cpu_s, memory, python, written_bytes
from bench.site import NAME
from lab.programs import AGENT, COLLECTOR, environment
from lab.system import free_port
from support.volunteer import empty_environment, link, needed

NEEDED = ("rabta_agent.cli.run", "aioquic.quic.connection", "OpenSSL.SSL", "service_identity.cryptography")
"""All code is compiled before it is needed, as it is where it was installed: to compile takes memory, which stays."""

SETTLED_QUIC = 60
"""Measurements after which an agent that measures over QUIC, too, holds what it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The site and where its files are."""

    folder: Path
    dns: int
    https: int
    quic: int

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.https}/"

    @property
    def quic_url(self) -> str:
        return f"quic://{NAME}:{self.quic}/"

    @property
    def env(self) -> dict[str, str]:
        """Code is compiled once, as it is where pip or a package installs it."""
        return environment(
            RABTA_LAB="1",
            RABTA_RESOLVER=f"127.0.0.1:{self.dns}",
            RABTA_HOME=str(self.folder / "home"),
            SSL_CERT_FILE=str(self.folder / "roots.pem"),
            PYTHONPYCACHEPREFIX=str(self.folder / "compiled"),
            PYTHONDONTWRITEBYTECODE="",
        )


@contextmanager
def site(folder: Path) -> Iterator[Place]:
    """The site; trusted is who vouches for it, beside the usual roots, of which an agent holds all."""
    log = folder / "site.log"
    server = Server(python("bench.site", str(folder)), log=log)
    try:
        server.until(lambda: b"\n" in log.read_bytes())
        ports = json.loads(log.read_text(encoding="utf-8").splitlines()[0])
        with (folder / "roots.pem").open("ab") as file:
            file.write(Path(certifi.where()).read_bytes())
        yield Place(folder=folder, **ports)
    finally:
        server.end()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A joined agent at work. Memory in MB; `start_s`: CPU up to its first measurement; `idle`: cores."""

    pss: float
    rss: float
    own: float
    pss_quic: float
    start_s: float
    idle: float
    written_bytes: float
    version_s: float


def running(*, idle_s: float, settled: int) -> Running:
    """One agent from its start: the first measurement, `settled` measurements, then nothing to do for a while."""
    with ExitStack() as stack:
        place = stack.enter_context(site(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        run = (str(_volunteer(place.folder / "volunteer")), "-m", "rabta_agent", "run")
        children_cpu_s((run[0], "-c", f"import {', '.join(NEEDED)}"), place.env)
        version_s = min(children_cpu_s([AGENT, "version"], place.env)[0] for _ in range(5))
        work = _work(place, run, settled)
        quic = _work(place, run, min(settled, SETTLED_QUIC), quic=True)
        with _joined(place, "86400s"):
            log = place.folder / "idle.log"
            agent = Server(run, env=place.env, log=log)
            try:
                agent.until(lambda: b"link.up" in log.read_bytes())
                time.sleep(5)
                before = cpu_s(agent.pid)
                time.sleep(idle_s)
                idle = (cpu_s(agent.pid) - before) / idle_s
            finally:
                agent.end()
    return Running(
        **asdict(work.held),
        pss_quic=quic.held.pss,
        start_s=work.start_s,
        idle=idle,
        written_bytes=work.written_bytes,
        version_s=version_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Of an agent that measured: CPU up to its first measurement, bytes written for each, and what it holds then."""

    start_s: float
    written_bytes: float
    held: Memory


def _work(place: Place, run: Sequence[str], settled: int, *, quic: bool = False) -> Work:
    """So many measurements; `quic`: of a server over QUIC, too."""
    with _joined(place, "2s", quic=quic) as stop:
        log = place.folder / f"agent-{quic}.log"
        agent = Server(run, env=place.env, log=log)
        try:
            agent.until(lambda: _measured(log) >= 1)
            start_s = cpu_s(agent.pid)
            agent.until(lambda: _measured(log) >= 10, 120)
            wrote, count = written_bytes(agent.pid), _measured(log)
            agent.until(lambda: _measured(log) >= settled, 600)
            per = (written_bytes(agent.pid) - wrote) / (_measured(log) - count)
            stop()  # whose libraries it would share, as it does on no volunteer's machine
            return Work(start_s=start_s, written_bytes=per, held=memory(agent.pid))
        finally:
            agent.end()


def _volunteer(folder: Path) -> Path:
    """The interpreter of an environment that holds what a volunteer installs and nothing else."""
    site_packages = empty_environment(folder)
    for found in needed("rabta-agent", "quic").values():
        link(found, site_packages)
    return folder / "bin" / "python"


def _measured(log: Path) -> int:
    return log.read_bytes().count(b"measurement.done")


@contextmanager
def _joined(place: Place, interval: str, *, quic: bool = False) -> Iterator[Callable[[], None]]:
    """A collector whose plan names the site, and a home that has joined it: what ends the collector."""
    grpc, http = free_port(), free_port()
    targets, data = place.folder / "targets.toml", place.folder / "collector"
    urls = [f"https://{name}.{NAME}:{place.https}/" for name in "abcde"]
    urls += [f"quic://f.{NAME}:{place.quic}/"] * quic
    lines = ['[[platform]]\nid = "x"\nname = "X"']
    lines += [f'[[platform.target]]\nurl = "{url}"\ninterval = "{interval}"' for url in urls]
    lines += ["[resolvers]", "doh = []", f'udp = ["127.0.0.1:{place.dns}"]']
    targets.write_text("\n".join(lines), encoding="utf-8")
    command = [COLLECTOR, "serve", "--data", str(data), "--targets", str(targets), "--lab"]
    command += ["--grpc", f"127.0.0.1:{grpc}", "--http", f"127.0.0.1:{http}"]
    server = Server(command, log=place.folder / "collector.log")
    try:
        server.until(lambda: _is_ready(http))
        invite = [COLLECTOR, "invite", "--data", str(data), "--isp", "ptcl"]
        token = subprocess.run(invite, check=True, capture_output=True, text=True).stdout.strip()
        children_cpu_s([AGENT, "join", f"http://127.0.0.1:{grpc}", "--invite", token], place.env)
        yield server.end
    finally:
        server.end()
        for left in (data, place.folder / "home"):
            shutil.rmtree(left, ignore_errors=True)


def _is_ready(http: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
