"""The agent: CPU of a full measurement beside the floor and blackbox_exporter; its start, its memory, its idle cost."""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import certifi

from bench.process import (
    BenchError,
    Server,
    children_cpu_s,
    cpu_s,
    median,
    median_ratio,
    memory,
    python,
    written_bytes,
)
from bench.report import Bar, Part, Row
from bench.site import NAME
from lab.programs import AGENT, COLLECTOR, environment
from lab.system import free_port
from support.volunteer import empty_environment, link, needed

FEW, MANY = 10, 310
RUNS, QUICK_RUNS = 5, 2
IDLE_S, QUICK_IDLE_S = 120.0, 20.0
SETTLED, QUICK_SETTLED = 200, 40
TIMES_FLOOR, PSS_MB, START_S, IDLE = 2.0, 67.1, 2.0, 0.005
BLACKBOX = """modules:
  page:
    prober: http
    http:
      fail_if_not_ssl: true
      preferred_ip_protocol: ip4
      body_size_limit: 1MB
      tls_config: {{server_name: {name}}}
"""


def run(*, quick: bool) -> Part:
    """A measurement beside its floor, and an agent at work."""
    probed = probing(QUICK_RUNS if quick else RUNS)
    ran = running(idle_s=QUICK_IDLE_S if quick else IDLE_S, settled=QUICK_SETTLED if quick else SETTLED)
    times = median_ratio(probed.agent_ms, probed.floor_ms)
    rows: list[Row] = [
        ("floor: asyncio and ssl by hand, one query", f"{median(probed.floor_ms):.2f}", "1"),
        ("agent: the same page, everything recorded", f"{median(probed.agent_ms):.2f}", f"{times:.1f}"),
    ]
    bars = [Bar("a measurement, times the floor", times, TIMES_FLOOR)]
    notes = [] if probed.blackbox_ms else ["prometheus-blackbox-exporter is not installed: its row is left out"]
    if probed.blackbox_ms:
        ratio = median_ratio(probed.blackbox_ms, probed.floor_ms)
        rows.append(("blackbox_exporter, given the address", f"{median(probed.blackbox_ms):.2f}", f"{ratio:.1f}"))
        bars.append(
            Bar("a measurement, times blackbox_exporter's", median_ratio(probed.agent_ms, probed.blackbox_ms), 1)
        )
    bars += [
        Bar("memory, PSS, MB (64 MiB)", ran.pss, PSS_MB),
        Bar("CPU from the start to the first measurement, s", ran.start_s, START_S),
        Bar("CPU with nothing to do, cores", ran.idle, IDLE),
    ]
    at_work: list[Row] = [
        ("memory, PSS / RSS", f"{ran.pss:.1f} / {ran.rss:.1f} MB"),
        ("its own of that; the rest is code in files", f"{ran.own:.1f} MB"),
        ("CPU from the start to the first measurement", f"{ran.start_s:.2f} s"),
        ("CPU with nothing to do", f"{ran.idle * 100:.2f} % of a core"),
        ("CPU of `rabta-agent version`", f"{ran.version_s:.2f} s"),
        ("written to the disk for a measurement", f"{ran.written_bytes / 1e3:.1f} kB"),
        ("the same in an hour, at 90 measurements", f"{ran.written_bytes * 90 / 1e6:.1f} MB"),
    ]
    tables = (
        ("A full https measurement", ("what", "CPU ms", "times the floor"), rows),
        ("A running agent", ("what", "measured"), at_work),
    )
    return Part(found={"probing": asdict(probed), "running": asdict(ran)}, tables=tables, bars=bars, notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The site and where its files are."""

    folder: Path
    dns: int
    https: int

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.https}/"

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
        yield Place(folder=folder, dns=ports["dns"], https=ports["https"])
    finally:
        server.end()


@dataclass(slots=True)
class Probing:
    """Milliseconds of CPU for one measurement, of each pair of runs."""

    agent_ms: list[float] = field(default_factory=list)
    floor_ms: list[float] = field(default_factory=list)
    blackbox_ms: list[float] = field(default_factory=list)


def probing(runs: int) -> Probing:
    """Each program measures a page few times and many times: the difference is without its start."""
    found = Probing()
    with ExitStack() as stack:
        place = stack.enter_context(site(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        blackbox = stack.enter_context(blackbox_exporter(place))
        roots = str(place.folder / "roots.pem")

        def floor(times: int) -> list[str]:
            return python("bench.floor_probe", str(place.dns), str(place.https), roots, str(times))

        def agent(times: int) -> list[str]:
            return python("bench.agent_probe", place.url, str(times))

        for program in (agent, floor):
            children_cpu_s(program(FEW), place.env)  # so that none of the runs below compiles its code
        for _ in range(runs):
            found.agent_ms.append(_each_ms(agent(FEW), agent(MANY), place))
            found.floor_ms.append(_each_ms(floor(FEW), floor(MANY), place))
            if blackbox is not None:
                found.blackbox_ms.append(_probes_ms(blackbox, place))
    return found


def _each_ms(few: Sequence[str], many: Sequence[str], place: Place) -> float:
    spent = [children_cpu_s(command, place.env)[0] for command in (few, many)]
    return (spent[1] - spent[0]) / (MANY - FEW) * 1e3


@contextmanager
def blackbox_exporter(place: Place) -> Iterator[tuple[Server, int] | None]:
    """Its process and port; `None` where it is not installed."""
    program = shutil.which("prometheus-blackbox-exporter")
    if program is None:
        yield None
        return
    config = place.folder / "blackbox.yml"
    config.write_text(BLACKBOX.format(name=NAME), encoding="utf-8")
    port = free_port()
    command = [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    server = Server(command, env=place.env, log=place.folder / "blackbox.log")
    try:
        server.until(lambda: _scrape(port, place) is not None)
        yield server, port
    finally:
        server.end()


def _probes_ms(blackbox: tuple[Server, int], place: Place) -> float:
    server, port = blackbox
    before = cpu_s(server.pid)
    for _ in range(MANY):
        if "probe_success 1" not in (_scrape(port, place) or ""):
            raise BenchError("blackbox_exporter does not reach the site")
    return (cpu_s(server.pid) - before) / MANY * 1e3


def _scrape(port: int, place: Place) -> str | None:
    """It resolves by the system's resolver alone, so it is given the address."""
    url = f"http://127.0.0.1:{port}/probe?module=page&target=https://127.0.0.1:{place.https}/"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A joined agent at work. Memory in MB; `start_s`: CPU up to its first measurement; `idle`: cores."""

    pss: float
    rss: float
    own: float
    start_s: float
    idle: float
    written_bytes: float
    version_s: float


def running(*, idle_s: float, settled: int) -> Running:
    """One agent from its start: the first measurement, `settled` measurements, then nothing to do for a while."""
    with ExitStack() as stack:
        place = stack.enter_context(site(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        run = (str(_volunteer(place.folder / "volunteer")), "-m", "rabta_agent", "run")
        children_cpu_s((run[0], "-c", "import rabta_agent.cli.run"), place.env)
        version_s = min(children_cpu_s([AGENT, "version"], place.env)[0] for _ in range(5))
        with collector(place, "2s") as (stop, *joining):
            _join(place, *joining)
            log = place.folder / "agent.log"
            agent = Server(run, env=place.env, log=log)
            try:
                agent.until(lambda: _measured(log) >= 1)
                start_s = cpu_s(agent.pid)
                agent.until(lambda: _measured(log) >= 10, 120)
                wrote, count = written_bytes(agent.pid), _measured(log)
                agent.until(lambda: _measured(log) >= settled, 600)
                per = (written_bytes(agent.pid) - wrote) / (_measured(log) - count)
                stop()  # whose libraries it would share, as it does on no volunteer's machine
                held = memory(agent.pid)
            finally:
                agent.end()
        shutil.rmtree(place.folder / "home")
        with collector(place, "86400s", again=True) as (_, *joining):
            _join(place, *joining)
            agent = Server(run, env=place.env, log=place.folder / "idle.log")
            try:
                agent.until(lambda: b"link.up" in (place.folder / "idle.log").read_bytes())
                time.sleep(5)
                before = cpu_s(agent.pid)
                time.sleep(idle_s)
                idle = (cpu_s(agent.pid) - before) / idle_s
            finally:
                agent.end()
    return Running(**asdict(held), start_s=start_s, idle=idle, written_bytes=per, version_s=version_s)


def _volunteer(folder: Path) -> Path:
    """The interpreter of an environment that holds what a volunteer installs and nothing else."""
    site_packages = empty_environment(folder)
    for found in needed("rabta-agent", "quic").values():
        link(found, site_packages)
    return folder / "bin" / "python"


def _measured(log: Path) -> int:
    return log.read_bytes().count(b"measurement.done")


@contextmanager
def collector(place: Place, interval: str, *, again: bool = False) -> Iterator[tuple[Callable[[], None], str, str]]:
    """A collector whose plan names the site: what ends it, its URL, and an invitation."""
    grpc, http = free_port(), free_port()
    targets, data = place.folder / "targets.toml", place.folder / f"collector-{again}"
    lines = ['[[platform]]\nid = "x"\nname = "X"']
    lines += [
        f'[[platform.target]]\nurl = "https://{name}.{NAME}:{place.https}/"\ninterval = "{interval}"'
        for name in "abcde"
    ]
    lines += ["[resolvers]", "doh = []", f'udp = ["127.0.0.1:{place.dns}"]']
    targets.write_text("\n".join(lines), encoding="utf-8")
    command = [COLLECTOR, "serve", "--data", str(data), "--targets", str(targets), "--lab"]
    command += ["--grpc", f"127.0.0.1:{grpc}", "--http", f"127.0.0.1:{http}"]
    server = Server(command, log=place.folder / "collector.log")

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{http}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        server.until(ready)
        invite = [COLLECTOR, "invite", "--data", str(data), "--isp", "ptcl"]
        token = subprocess.run(invite, check=True, capture_output=True, text=True).stdout.strip()
        yield server.end, f"http://127.0.0.1:{grpc}", token
    finally:
        server.end()


def _join(place: Place, url: str, token: str) -> None:
    children_cpu_s([AGENT, "join", url, "--invite", token], place.env)
