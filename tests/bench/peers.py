"""What a user would run instead: the same facts as samples, pushed to VictoriaMetrics and to the Pushgateway.

One measurement is six samples: whether it succeeded, the durations of four steps, and the bytes. Both sides are
counted: the server's process, and this one, which has to write and push them.
"""

import http.client
import os
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import record
from bench.process import BenchError, Server, cpu_s
from lab.system import free_port
from rabta_proto.v1.measurement_pb2 import Measurement

AGENTS = 20
STEPS = ("dns", "tcp", "tls", "http")


@dataclass(slots=True)
class Pushed:
    """Microseconds of CPU for a measurement, of each run."""

    server_us: list[float] = field(default_factory=list)
    client_us: list[float] = field(default_factory=list)


def run(runs: int, count: int, sizes: Sequence[int]) -> tuple[dict[tuple[str, int], Pushed], list[str]]:
    """Each peer that is installed, and a line for each that is not."""
    found: dict[tuple[str, int], Pushed] = {}
    missing: list[str] = []
    for name, serve, push, batches in (
        ("victoria-metrics", _victoria, _push_lines, sizes),
        ("prometheus-pushgateway", _pushgateway, _push_groups, (1,)),
    ):
        if not shutil.which(name):
            missing.append(f"{name} is not installed: its rows are left out")
            continue
        with ExitStack() as stack:
            server, port = stack.enter_context(serve(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
            push(port, 100, 1)
            for size in batches:
                pushed = found[name, size] = Pushed()
                for _ in range(runs):
                    _measure(server, partial(push, port, count if size > 1 else count // 10, size), pushed)
    return found, missing


def _measure(server: Server, work: Callable[[], int], pushed: Pushed) -> None:
    before, own = cpu_s(server.pid), os.times()
    count = work()
    after = os.times()
    pushed.server_us.append((cpu_s(server.pid) - before) / count * 1e6)
    pushed.client_us.append((after.user + after.system - own.user - own.system) / count * 1e6)


@contextmanager
def _victoria(folder: Path) -> Iterator[tuple[Server, int]]:
    port = free_port()
    command = ["victoria-metrics", f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder / 'data'}"]
    yield from _serving(command, folder, port, "/health")


@contextmanager
def _pushgateway(folder: Path) -> Iterator[tuple[Server, int]]:
    port = free_port()
    command = ["prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}"]
    yield from _serving(command, folder, port, "/-/healthy")


def _serving(command: Sequence[str], folder: Path, port: int, path: str) -> Iterator[tuple[Server, int]]:
    server = Server(command, log=folder / "log")

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        server.until(ready)
        yield server, port
    finally:
        server.end()


def _samples(one: Measurement) -> Iterator[tuple[str, float]]:
    took = {observation.WhichOneof("detail"): observation.duration_us / 1e6 for observation in one.observations}
    yield "success", float(not any(observation.HasField("failure") for observation in one.observations))
    for step in STEPS:
        yield f"{step}_seconds", took.get(step, 0.0)
    yield "bytes", one.bytes_sent + one.bytes_received


def _push_lines(port: int, count: int, size: int) -> int:
    """Lines of Influx's protocol, on one connection that is kept; returns the count."""
    measured = [one for one in record.load().measurements if one.network.isp]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    at = time.time_ns() - 60_000_000_000
    for begin in range(0, count, size):
        lines = []
        for number in range(begin, begin + size):
            one = measured[number % len(measured)]
            fields = ",".join(f"{name}={value:g}" for name, value in _samples(one))
            agent = f"agent={number // size % AGENTS},platform={one.platform or 'none'},isp=ptcl"
            lines.append(f"rabta,{agent} {fields} {at + number * 1_000_000}")
        connection.request("POST", "/write", "\n".join(lines).encode())
        _read(connection, 204)
    connection.close()
    return count


def _push_groups(port: int, count: int, _size: int) -> int:
    """A group for each agent and platform, put anew with each measurement; returns the count."""
    measured = [one for one in record.load().measurements if one.network.isp]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number in range(count):
        one = measured[number % len(measured)]
        text = "".join(f"rabta_{name} {value:g}\n" for name, value in _samples(one))
        group = f"/metrics/job/rabta/agent/{number % AGENTS}/platform/{one.platform or 'none'}"
        connection.request("PUT", group, text.encode())
        _read(connection, 200)
    connection.close()
    return count


def _read(connection: http.client.HTTPConnection, wanted: int) -> None:
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != wanted:
        raise BenchError(f"push: {answer.status}: {body[:100]!r}")
