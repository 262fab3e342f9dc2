"""Ingest: CPU of the collector's process for a measurement, beside the floor and what a user would run instead."""

import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from bench import record
from bench.process import BenchError, Server, memory, python
from lab.programs import COLLECTOR
from lab.system import free_port
from rabta_proto.v1 import collector_pb2 as wire

BATCHES = (10, 50)
ISPS = ("ptcl", "nayatel", "zong", "jazz")
AGENTS_PER_ISP, CONTROLS = 5, 2
MEASUREMENTS, QUICK_MEASUREMENTS = 4400, 2200
LOAD_S = 180.0  # after which something hangs
_NO_LIMIT = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Side:
    """A server to be measured: its process, its port, and its sessions' credentials."""

    name: str
    server: Server
    port: int
    credentials: Path


@dataclass(slots=True)
class Series:
    """Repeated runs of one side at one size of batch; times in microseconds of CPU for a measurement."""

    server_us: list[float] = field(default_factory=list)
    client_us: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    wire_bytes: float = 0.0
    bytes: float = 0.0


def load(side: Side, size: int, measurements: int) -> dict[str, float]:
    """One run against a side; what the load said."""
    sessions = len(side.credentials.read_text(encoding="utf-8").splitlines())
    batches = max(1, measurements // (size * sessions))
    command = python("bench.load", str(side.port), str(side.server.pid), str(side.credentials), str(size), str(batches))
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LOAD_S)
    except subprocess.TimeoutExpired:
        raise BenchError(f"load at {side.name}: not done after {LOAD_S:g} s") from None
    if done.returncode:
        raise BenchError(f"load at {side.name}: {done.stderr.strip().splitlines()[-3:]}")
    told: dict[str, float] = json.loads(done.stdout)
    return told


def run(runs: int, measurements: int) -> dict[tuple[str, int], Series]:
    """Pairs of runs, collector and floor in turn, for each size of batch."""
    found: dict[tuple[str, int], Series] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rabta-ingest-")))
        collector = stack.enter_context(collector_side(folder))
        sides = (collector, stack.enter_context(floor_side(folder, collector.credentials)))
        for side in sides:
            load(side, 10, 500)  # what is loaded and compiled when it is first needed
        for size in BATCHES:
            for _ in range(runs):
                for side in sides:
                    _note(found.setdefault((side.name, size), Series()), load(side, size, measurements))
        found["memory", 0] = Series(server_us=[memory(collector.server.pid).pss])
        found["journal", 0] = Series(bytes=_journal_bytes(folder))
    return found


def _note(series: Series, told: dict[str, float]) -> None:
    count = told["measurements"]
    series.server_us.append(told["server_s"] / count * 1e6)
    series.client_us.append(told["cpu_s"] / count * 1e6)
    series.p50_ms.append(told["p50_ms"])
    series.p99_ms.append(told["p99_ms"])
    series.rate.append(count / told["seconds"])
    series.wire_bytes, series.bytes = told["wire_bytes"], told["bytes"]


def _journal_bytes(folder: Path) -> float:
    """Bytes of the collector's journal for a measurement."""
    data = folder / "collector"
    command = ["sqlite3", f"file:{data / 'journal.sqlite'}?mode=ro", "SELECT sum(count) FROM entries"]
    if not shutil.which("sqlite3"):
        return 0.0
    count = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return sum(file.stat().st_size for file in data.glob("journal.sqlite*")) / count


@contextmanager
def collector_side(folder: Path) -> Iterator[Side]:
    """A collector in lab mode, with agents at four ISPs and two controls that have joined."""
    grpc_port, http_port = free_port(), free_port()
    targets, config = folder / "targets.toml", folder / "collector.toml"
    targets.write_text(targets_file(), encoding="utf-8")
    names = ("agent_bytes_per_s", "agent_burst_bytes", "agent_messages_per_s", "agent_burst_messages")
    names += ("agent_measurements_per_s", "agent_burst_measurements")
    lines = ['heartbeat = "60s"', "[limits]", *(f"{name} = {_NO_LIMIT}" for name in names)]
    config.write_text("\n".join(lines), encoding="utf-8")
    data = folder / "collector"
    command = [COLLECTOR, "serve", "--data", str(data), "--config", str(config), "--targets", str(targets), "--lab"]
    command += ["--grpc", f"127.0.0.1:{grpc_port}", "--http", f"127.0.0.1:{http_port}"]
    server = Server(command, log=folder / "collector.log")
    try:
        server.until(lambda: _answers(f"http://127.0.0.1:{http_port}/readyz"))
        credentials = folder / "credentials"
        credentials.write_text("\n".join(_join(data, grpc_port)), encoding="utf-8")
        yield Side("collector", server, grpc_port, credentials)
    finally:
        server.end()


@contextmanager
def floor_side(folder: Path, credentials: Path) -> Iterator[Side]:
    """The floor, which takes anybody's credentials."""
    log = folder / "floor.log"
    server = Server(python("bench.floor_server", str(folder / "floor.sqlite")), log=log)
    try:
        server.until(lambda: log.stat().st_size > 0)
        yield Side("floor", server, int(log.read_text(encoding="utf-8").split()[0]), credentials)
    finally:
        server.end()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def targets_file() -> str:
    """Every target of the recording."""
    lines: list[str] = []
    for platform, target in sorted({(one.platform, one.target) for one in record.load().measurements}):
        lines += ["[[reference]]"] if not platform else [f'[[platform]]\nid = "{platform}"\nname = "{platform}"']
        lines += [] if not platform else ["[[platform.target]]"]
        lines += [f'url = "{target}"', 'interval = "60s"']
    return "\n".join([*lines, ""])


def _join(data: Path, port: int) -> Iterator[str]:
    """Credential and role of each agent."""
    groups = [(AGENTS_PER_ISP, "probe", ["--isp", isp]) for isp in ISPS] + [(CONTROLS, "control", [])]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        enrol = channel.unary_unary("/rabta.v1.Collector/Enroll")
        for count, role, more in groups:
            command = [COLLECTOR, "invite", "--data", str(data), "--role", role, "--uses", str(count), *more]
            token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
            for _ in range(count):
                request = wire.EnrollRequest(invite_token=token, agent_version="bench", lab=True)
                answer = wire.EnrollResponse.FromString(enrol(request.SerializeToString()))
                yield f"{answer.agent_id}.{answer.secret} {role}"
