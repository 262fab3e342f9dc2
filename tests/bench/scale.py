"""JetStream: measurements a second, and CPU for each, against how many processes take agents; on one node and on three.

Each process brings as many agents of its own: the crowd grows with processes, and none of them has less to do. First
they send as fast as they are answered: so much this machine carries. Then at a pace that leaves cores free, as it would
be on machines of their own: so much a measurement costs, which is to be the same however many processes there are.

CPU is that of each kind of process over all of them: those that take agents, the NATS servers, and the decider, each
beyond what it does when nothing comes; and of a decider of other ISPs, that leaves all but the controls' measurements
unread. The same load on a single collector with a file stands beside them.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from bench import ingest, stand
from bench.parts import Parts, parts
from bench.process import cpu_s, median
from bench.report import Bar, Part, Row
from bench.roll import measure

BATCH, AGENTS_PER_ISP = 10, 10
"""Of each process."""

PROCESSES, QUICK_PROCESSES = (1, 2, 4), (1, 2)
REPLICAS = (1, 3)
RUNS, QUICK_RUNS = 3, 1
MEASUREMENTS, QUICK_MEASUREMENTS = 16_000, 4_000
"""Through each process."""

PACED, QUICK_PACED = 6000, 1500
PACE = 600.0
"""Measurements a second of each process; what four of them cost is less than this machine has."""

CONSTANT = 1.2
IDLE_S, QUIET, CAUGHT_UP_S = 2.0, 3, 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Medians; microseconds of CPU for a measurement, milliseconds until it was acknowledged, bytes from the agent."""

    journal: str
    processes: int
    rate: float
    ingest_us: float
    paced_us: float
    """Of taking one, at a pace."""

    nats_us: float
    decide_us: float
    pass_us: float
    p50_ms: float
    p99_ms: float
    wire_bytes: float
    stored_bytes: float
    """On each node."""


class Length(NamedTuple):
    """How often, and how many measurements through each process: as fast as they go, and at a pace."""

    runs: int
    measurements: int
    paced: int


def run(*, quick: bool) -> Part:
    """All points, and the roll."""
    length = Length(QUICK_RUNS, QUICK_MEASUREMENTS, QUICK_PACED) if quick else Length(RUNS, MEASUREMENTS, PACED)
    points = [_alone(length)]
    for replicas in REPLICAS:
        points += [_point(replicas, processes, length) for processes in (QUICK_PROCESSES if quick else PROCESSES)]
    roll = measure()
    rows: list[Row] = [_row(point) for point in points]
    head = (
        "journal",
        "processes",
        "measurements/s",
        "take us",
        "at a pace us",
        "NATS us",
        "decide us",
        "leave unread us",
        "ack p50 / p99 ms",
        "bytes a node",
    )
    told: Row = (f"{roll.bytes:.0f}", f"{roll.write_us:.1f}", f"{roll.hear_us:.1f}", f"{roll.keep_us:.2f}")
    return Part(
        found={"batch": BATCH, "points": points, "roll": asdict(roll)},
        tables=(
            (f"A measurement, in batches of {BATCH}", head, rows),
            (
                "A session that others are told of",
                ("bytes", "write us", "hear us", "us a second where nothing changes"),
                [told],
            ),
        ),
        bars=_bars(points),
    )


def _row(point: Point) -> Row:
    us = (point.ingest_us, point.paced_us, point.nats_us, point.decide_us, point.pass_us)
    waits = f"{point.p50_ms:.0f} / {point.p99_ms:.0f}"
    name = point.journal
    return (
        name,
        point.processes,
        f"{point.rate:.0f}",
        *(f"{one:.0f}" for one in us),
        waits,
        f"{point.stored_bytes:.0f}",
    )


def _bars(points: Sequence[Point]) -> list[Bar]:
    bars = []
    for journal in sorted({point.journal for point in points if point.processes > 1}):
        first, *others = [point for point in points if point.journal == journal]
        for point in others:
            what = f"{journal}: CPU of taking a measurement at a pace, {point.processes} processes, times that of one"
            bars.append(Bar(what, point.paced_us / first.paced_us, CONSTANT))
    return bars


def _order(stack: ExitStack, processes: int = 1) -> stand.Order:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rabta-scale-")))
    order = stand.Order(folder=folder, agents_per_isp=AGENTS_PER_ISP * processes, limits=stand.UNBOUNDED)
    stand.prepare(order)
    return order


def _alone(length: Length) -> Point:
    """One collector that does everything, with a file."""
    with ExitStack() as stack:
        side = stack.enter_context(stand.collector(_order(stack)))
        ingest.load(side, BATCH, 500)  # what is loaded and compiled when it is first needed
        said = [ingest.load(side, BATCH, length.measurements) for _ in range(length.runs)]
        paced = ingest.load(side, BATCH, length.paced, _every_s(side))
    return Point(
        journal="file",
        processes=1,
        rate=median(one["measurements"] / one["seconds"] for one in said),
        ingest_us=median(one["server_s"] / one["measurements"] * 1e6 for one in said),
        paced_us=paced["server_s"] / paced["measurements"] * 1e6,
        nats_us=0.0,
        decide_us=0.0,
        pass_us=0.0,
        p50_ms=median(one["p50_ms"] for one in said),
        p99_ms=median(one["p99_ms"] for one in said),
        wire_bytes=median(one["wire_bytes"] for one in said),
        stored_bytes=0.0,
    )


def _every_s(side: stand.Side) -> float:
    """Between two batches of an agent, for the pace of a process."""
    return side.sessions * BATCH / PACE


def _point(replicas: int, processes: int, length: Length) -> Point:
    with ExitStack() as stack:
        made = stack.enter_context(parts(_order(stack, processes), replicas=replicas, ingests=processes))
        made.load(BATCH, 500 * processes)
        _caught_up(made)
        found = [_one(made, length.measurements * processes, f"R{replicas}") for _ in range(length.runs)]
        paced_us = _paced_us(made, length.paced * processes)
    names = ("rate", "ingest_us", "nats_us", "decide_us", "pass_us", "p50_ms", "p99_ms", "wire_bytes", "stored_bytes")
    medians = {name: median(getattr(one, name) for one in found) for name in names}
    return Point(journal=f"R{replicas}", processes=processes, paced_us=paced_us, **medians)


def _paced_us(made: Parts, measurements: int) -> float:
    """CPU of taking a measurement while nothing waits for a core."""
    pids = [side.server.pid for side in (made.decide, made.passes)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        said = made.load(BATCH, measurements, _every_s(made.ingests[0]))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    return sum(one["server_s"] for one in said) / sum(one["measurements"] for one in said) * 1e6


def _one(made: Parts, measurements: int, journal: str) -> Point:
    """One run. Those that decide stand still meanwhile, and then read all of it at a stretch."""
    pids = [side.server.pid for side in (made.decide, made.passes)]
    idle_nats = _idle_cores(made.nats_cpu_s)
    stored = made.stored_bytes()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    began, served = time.monotonic(), made.nats_cpu_s()
    try:
        said = made.load(BATCH, measurements)
        nats = made.nats_cpu_s() - served - idle_nats * (time.monotonic() - began)
    finally:
        decided, began = [cpu_s(pid) for pid in pids], time.monotonic()
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    idle, took_s = _caught_up(made), time.monotonic() - began
    decide, passed = (cpu_s(pid) - was - one * took_s for pid, was, one in zip(pids, decided, idle, strict=True))
    count = sum(one["measurements"] for one in said)
    return Point(
        journal=journal,
        processes=len(said),
        rate=sum(one["measurements"] / one["seconds"] for one in said),
        ingest_us=sum(one["server_s"] for one in said) / count * 1e6,
        paced_us=0.0,
        nats_us=nats / count * 1e6,
        decide_us=decide / count * 1e6,
        pass_us=max(0.0, passed) / count * 1e6,
        p50_ms=median(one["p50_ms"] for one in said),
        p99_ms=max(one["p99_ms"] for one in said),
        wire_bytes=median(one["wire_bytes"] for one in said),
        stored_bytes=(made.stored_bytes() - stored) / count,
    )


def _idle_cores(spent: Callable[[], float]) -> float:
    """Cores that something takes when nothing comes."""
    before, began = spent(), time.monotonic()
    time.sleep(IDLE_S)
    return (spent() - before) / (time.monotonic() - began)


def _caught_up(made: Parts) -> tuple[float, float]:
    """Waits until those that decide do as little as when nothing comes, or long enough; how many cores that is each."""
    end, quiet = time.monotonic() + CAUGHT_UP_S, 0
    pids = [side.server.pid for side in (made.decide, made.passes)]
    lowest = [float("inf"), float("inf")]
    while quiet < QUIET and time.monotonic() < end:
        before, began = [cpu_s(pid) for pid in pids], time.monotonic()
        time.sleep(IDLE_S)
        took_s = time.monotonic() - began
        spent = [(cpu_s(pid) - was) / took_s for pid, was in zip(pids, before, strict=True)]
        lowest = list(map(min, lowest, spent))
        quiet = quiet + 1 if all(one < low * 1.5 + 0.01 for one, low in zip(spent, lowest, strict=True)) else 0
    return lowest[0], lowest[1]
