"""JetStream: measurements a second, and CPU for each, against how many processes take agents; on one node and on three.

CPU is that of each kind of process over all of them: those that take agents, the NATS servers, and the decider, each
beyond what it does when nothing comes. The same load on a single collector with a file stands beside them.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import ingest, stand
from bench.parts import Parts, parts
from bench.process import cpu_s, median
from bench.report import Bar, Part, Row
from rabta_collector.journal import Member
from rabta_collector.roles.roster import Roster, Seat, write_roll
from rabta_proto.vocabulary import Role

BATCH, AGENTS_PER_ISP = 10, 10
PROCESSES, QUICK_PROCESSES = (1, 2, 4), (1, 2)
REPLICAS = (1, 3)
RUNS, QUICK_RUNS = 3, 1
MEASUREMENTS, QUICK_MEASUREMENTS = 16_000, 4_000
CONSTANT = 1.2
IDLE_S, QUIET, CAUGHT_UP_S = 2.0, 3, 120.0
SEATS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Medians; microseconds of CPU for a measurement, milliseconds until it was acknowledged, bytes from the agent."""

    journal: str
    processes: int
    rate: float
    ingest_us: float
    nats_us: float
    decide_us: float
    p50_ms: float
    p99_ms: float
    wire_bytes: float
    stored_bytes: float
    """On each node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """What telling others who has a session costs, for each session and telling: bytes, and microseconds of CPU."""

    bytes: float
    write_us: float
    hear_us: float


def run(*, quick: bool) -> Part:
    """All points, and the roll."""
    runs, measurements = (QUICK_RUNS, QUICK_MEASUREMENTS) if quick else (RUNS, MEASUREMENTS)
    points = [_alone(runs, measurements)]
    for replicas in REPLICAS:
        for processes in QUICK_PROCESSES if quick else PROCESSES:
            points.append(_point(replicas, processes, runs, measurements))
    roll = _roll()
    rows: list[Row] = [_row(point) for point in points]
    head = (
        "journal",
        "processes",
        "measurements/s",
        "take us",
        "NATS us",
        "decide us",
        "ack p50 / p99 ms",
        "bytes a node",
    )
    told: Row = (f"{roll.bytes:.0f}", f"{roll.write_us:.1f}", f"{roll.hear_us:.1f}")
    return Part(
        found={"batch": BATCH, "points": points, "roll": asdict(roll)},
        tables=(
            (f"A measurement, in batches of {BATCH}", head, rows),
            ("A session in the roll of each second", ("bytes", "write us", "hear us"), [told]),
        ),
        bars=_bars(points),
    )


def _row(point: Point) -> Row:
    us = (point.ingest_us, point.nats_us, point.decide_us)
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
            what = f"{journal}: CPU of taking a measurement, {point.processes} processes, times that of one"
            bars.append(Bar(what, point.ingest_us / first.ingest_us, CONSTANT))
    return bars


def _order(stack: ExitStack) -> stand.Order:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rabta-scale-")))
    order = stand.Order(folder=folder, agents_per_isp=AGENTS_PER_ISP, limits=stand.UNBOUNDED)
    stand.prepare(order)
    return order


def _alone(runs: int, measurements: int) -> Point:
    """One collector that does everything, with a file."""
    with ExitStack() as stack:
        side = stack.enter_context(stand.collector(_order(stack)))
        ingest.load(side, BATCH, 500)  # what is loaded and compiled when it is first needed
        said = [ingest.load(side, BATCH, measurements) for _ in range(runs)]
    return Point(
        journal="file",
        processes=1,
        rate=median(one["measurements"] / one["seconds"] for one in said),
        ingest_us=median(one["server_s"] / one["measurements"] * 1e6 for one in said),
        nats_us=0.0,
        decide_us=0.0,
        p50_ms=median(one["p50_ms"] for one in said),
        p99_ms=median(one["p99_ms"] for one in said),
        wire_bytes=median(one["wire_bytes"] for one in said),
        stored_bytes=0.0,
    )


def _point(replicas: int, processes: int, runs: int, measurements: int) -> Point:
    with ExitStack() as stack:
        made = stack.enter_context(parts(_order(stack), replicas=replicas, ingests=processes))
        made.load(BATCH, 500)
        _caught_up(made)
        found = [_one(made, measurements, f"R{replicas}") for _ in range(runs)]
    names = ("rate", "ingest_us", "nats_us", "decide_us", "p50_ms", "p99_ms", "wire_bytes", "stored_bytes")
    medians = {name: median(getattr(one, name) for one in found) for name in names}
    return Point(journal=f"R{replicas}", processes=processes, **medians)


def _one(made: Parts, measurements: int, journal: str) -> Point:
    """One run. Whoever decides stands still meanwhile, and then reads and decides on all of it at a stretch."""
    pid = made.decide.server.pid
    idle_nats = _idle_cores(made.nats_cpu_s)
    stored = made.stored_bytes()
    os.kill(pid, signal.SIGSTOP)
    began, served = time.monotonic(), made.nats_cpu_s()
    try:
        said = made.load(BATCH, measurements)
        nats = made.nats_cpu_s() - served - idle_nats * (time.monotonic() - began)
    finally:
        decided, began = cpu_s(pid), time.monotonic()
        os.kill(pid, signal.SIGCONT)
    idle = _caught_up(made)
    decide = cpu_s(pid) - decided - idle * (time.monotonic() - began)
    count = sum(one["measurements"] for one in said)
    return Point(
        journal=journal,
        processes=len(said),
        rate=sum(one["measurements"] / one["seconds"] for one in said),
        ingest_us=sum(one["server_s"] for one in said) / count * 1e6,
        nats_us=nats / count * 1e6,
        decide_us=decide / count * 1e6,
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


def _caught_up(made: Parts) -> float:
    """Waits until the one that decides does as little as when nothing comes, or long enough; how many cores that is."""
    end, pid, quiet = time.monotonic() + CAUGHT_UP_S, made.decide.server.pid, 0
    lowest = float("inf")
    while quiet < QUIET and time.monotonic() < end:
        spent = _idle_cores(lambda: cpu_s(pid))
        lowest = min(lowest, spent)
        quiet = quiet + 1 if spent < lowest * 1.5 + 0.01 else 0
    return lowest


def _roll() -> Roll:
    """Of a process with so many sessions."""
    member = Member(agent="", isp="ptcl", role=Role.PROBE)
    seats = [
        Seat(
            member=Member(agent=f"{number * 7919:016x}", isp=member.isp, role=member.role),
            left_out=frozenset(),
            number=1_800_000_000_000_000 + number * 7919,
            process=1,
            prefix=(number * 7919).to_bytes(8, "big"),
        )
        for number in range(SEATS)
    ]
    roster, turns, began = Roster(), 5, time.process_time()
    for _ in range(turns):
        text = write_roll(1, seats)
    written = time.process_time()
    for turn in range(turns):
        roster.hear(text, float(turn))
        len(roster)
    heard = time.process_time()
    each = turns * SEATS / 1e6
    return Roll(bytes=len(text) / SEATS, write_us=(written - began) / each, hear_us=(heard - written) / each)
