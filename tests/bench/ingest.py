"""Ingest: CPU of the collector's process for a measurement, beside the floor and what a user would run instead."""

import json
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import peers, stand
from bench.process import BenchError, median, median_ratio, memory
from bench.report import Bar, Part, Row
from bench.stand import Side

BATCHES = (10, 50)
AGENTS_PER_ISP = 5
RUNS, QUICK_RUNS = 5, 2
TIMES_FLOOR = 3.0
MEASUREMENTS, QUICK_MEASUREMENTS = 22_000, 6600
PUSHED, QUICK_PUSHED = 4400, 2200  # at peers, some of which take twenty times as long
LOAD_S = 180.0  # after which something hangs


@dataclass(slots=True)
class Series:
    """Repeated runs of one side at one size of batch; times in microseconds of CPU for a measurement."""

    server_us: list[float] = field(default_factory=list)
    client_us: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)


def load(side: Side, size: int, measurements: int, every_s: float = 0.0) -> dict[str, float]:
    """One run against a side; what the load said. `every_s`: between two batches of an agent."""
    try:
        command = side.load(size, measurements, every_s)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LOAD_S)
    except subprocess.TimeoutExpired:
        raise BenchError(f"load at {side.name}: not done after {LOAD_S:g} s") from None
    if done.returncode:
        raise BenchError(f"load at {side.name}: {done.stderr.strip().splitlines()[-3:]}")
    told: dict[str, float] = json.loads(done.stdout)
    return told


def run(*, quick: bool) -> Part:
    """The collector beside the floor, and peers."""
    runs = QUICK_RUNS if quick else RUNS
    found = series(runs, QUICK_MEASUREMENTS if quick else MEASUREMENTS)
    pushed, missing = peers.run(runs, QUICK_PUSHED if quick else PUSHED, BATCHES)
    rows: list[Row] = []
    bars = []
    for size in BATCHES:
        floor = found["floor", size]
        for name in ("floor", "collector"):
            one = found[name, size]
            ratio = median_ratio(one.server_us, floor.server_us)
            acks = f"{median(one.p50_ms):.0f} / {median(one.p99_ms):.0f}"
            rows.append((name, size, *_sides(one), f"{ratio:.1f}", acks))
        bars.append(Bar(f"times the floor, batches of {size}", ratio, TIMES_FLOOR))
    for (name, size), pushing in pushed.items():
        rows.append((name, size, *_sides(pushing), "", ""))
        if size in BATCHES:
            ours = found["collector", size]
            share = _both(ours) / _both(pushing)
            bars.append(Bar(f"times {name}, both sides, batches of {size}", share, 1))
    head = ("what", "batch", "server us", "client us", "both us", "times the floor", "ack p50 / p99 ms")
    keyed = {f"{name} {size}": asdict(one) for (name, size), one in (found | pushed).items()}
    tables = (("Ingest, for a measurement", head, rows),)
    return Part(found=keyed, tables=tables, bars=bars, notes=missing)


def _both(one: Series | peers.Pushed) -> float:
    return median(one.server_us) + median(one.client_us)


def _sides(one: Series | peers.Pushed) -> tuple[str, str, str]:
    """Server, client, and both."""
    return f"{median(one.server_us):.0f}", f"{median(one.client_us):.0f}", f"{_both(one):.0f}"


def series(runs: int, measurements: int) -> dict[tuple[str, int], Series]:
    """Pairs of runs, collector and floor in turn, for each size of batch."""
    found: dict[tuple[str, int], Series] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rabta-ingest-")))
        order = stand.Order(folder=folder, agents_per_isp=AGENTS_PER_ISP, limits=stand.UNBOUNDED)
        stand.prepare(order)
        collector = stack.enter_context(stand.collector(order))
        sides = (collector, stack.enter_context(stand.floor(folder, order.credentials)))
        for side in sides:
            load(side, 10, 500)  # what is loaded and compiled when it is first needed
        for size in BATCHES:
            for _ in range(runs):
                for side in sides:
                    _note(found.setdefault((side.name, size), Series()), load(side, size, measurements))
        found["memory", 0] = Series(server_us=[memory(collector.server.pid).pss])
    return found


def _note(series: Series, told: dict[str, float]) -> None:
    count = told["measurements"]
    series.server_us.append(told["server_s"] / count * 1e6)
    series.client_us.append(told["cpu_s"] / count * 1e6)
    series.p50_ms.append(told["p50_ms"])
    series.p99_ms.append(told["p99_ms"])
    series.rate.append(count / told["seconds"])
