"""JetStream: measurements a second, and CPU for each, against how many processes take agents; on one node and on three.

CPU is that of each kind of process over all of them: those that take agents, the NATS servers, and the decider, each
beyond what it does when nothing comes. The same load on a single collector with a file stands beside them.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from bench import ingest, stand
from bench.parts import Parts, parts
from bench.process import cpu_s, median
from bench.report import Bar, Part, Row
from rabta_collector.journal import Member
from rabta_collector.roles.rolls import Teller
from rabta_collector.roles.roster import Roster
from rabta_collector.roles.seats import Seats
from rabta_proto.vocabulary import Role

BATCH, AGENTS_PER_ISP = 10, 10
PROCESSES, QUICK_PROCESSES = (1, 2, 4), (1, 2)
REPLICAS = (1, 3)
RUNS, QUICK_RUNS = 3, 1
MEASUREMENTS, QUICK_MEASUREMENTS = 16_000, 4_000
CONSTANT = 1.2
IDLE_S, QUIET, CAUGHT_UP_S = 2.0, 3, 120.0
SEATS, KEPT = 2000, 100


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
    """What telling others of a session costs: bytes, and microseconds of CPU.

    `keep_us`: of one that is as it was, each second.
    """

    bytes: float
    write_us: float
    hear_us: float
    keep_us: float


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


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A session, as far as others are told of it."""

    member: Member
    left_out: frozenset[str] = frozenset()


class Numbers:
    """A journal's word for sessions."""

    process = 1

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self.session_of = numbers.__getitem__


def _roll() -> Roll:
    """Of a process with so many sessions, each of which begins; then nothing changes."""
    dice = Random(0)
    agents = {f"{dice.getrandbits(64):016x}": dice.getrandbits(40) for _ in range(SEATS)}
    sessions = {agent: Standing(Member(agent=agent, isp="ptcl", role=Role.PROBE)) for agent in agents}
    numbers = Numbers({agent: 1_800_000_000_000_000 + number for agent, number in agents.items()})
    roster, turns, texts, began = Roster(), 5, list[bytes](), time.process_time()
    for _ in range(turns):
        teller = Teller(1)
        seats = Seats(numbers, lambda agent: bytes.fromhex(agent))
        texts.append(teller.tell(seats.of(sessions)))
    written = time.process_time()
    for text in texts:
        roster.drop(1)
        roster.hear(text, 0.0)
    heard = time.process_time()
    for _ in range(KEPT):
        teller.tell(seats.of(sessions))
    kept, each = time.process_time(), turns * SEATS / 1e6
    return Roll(
        bytes=len(texts[-1]) / SEATS,
        write_us=(written - began) / each,
        hear_us=(heard - written) / each,
        keep_us=(kept - heard) * 1e6 / (KEPT * SEATS),
    )
