"""A start with a long journal: all of it, from a checkpoint, and from one with a tail after it.

The journal is written directly, with real measurements, as agents of a country would have filled it in hours.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from bench import stand
from bench.crowd import TURNING_TARGETS, Errand, Pool
from bench.process import children_cpu_s, cpu_s, memory
from bench.report import Bar, Part, Row
from lab.programs import COLLECTOR
from rabta_collector import journal_file
from rabta_collector.admit import open_envelope
from rabta_collector.journal_file import Kind
from rabta_collector.journal_file import Row as Entry

MEASUREMENTS, QUICK_MEASUREMENTS = 10_000_000, 100_000
TAIL, QUICK_TAIL = 100_000, 5_000
"""What five minutes bring, the time between two checkpoints, at 333 measurements a second."""

AGENTS, BATCH, PACE_S, GROUP = 300, 10, 0.03, 2000
WITHIN_S, BAR_S = 7200.0, 10.0
IMPORTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Seconds until it served, of them CPU, and memory in MB then."""

    name: str
    measurements: int
    seconds: float
    cpu_s: float
    memory: float


def run(*, quick: bool, measurements: int | None = None) -> Part:
    """Four starts. `measurements`: in the journal, where other than usual."""
    usual, tail = (QUICK_MEASUREMENTS, QUICK_TAIL) if quick else (MEASUREMENTS, TAIL)
    journaled = measurements or usual
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rabta-restart-")))
        order = stand.Order(folder=folder, agents_per_isp=1, more=TURNING_TARGETS)
        stand.prepare(order)
        imported_s = min(children_cpu_s([COLLECTOR, "version"])[0] for _ in range(IMPORTS))
        starts = [_start(order, "nothing journaled", 0)]
        rows = _rows(time.time() - (journaled + tail) / BATCH * PACE_S - 60)
        journal = order.data / "journal.sqlite"
        write(journal, rows, journaled // BATCH)
        size = journal.stat().st_size / journaled
        starts += [_start(order, "all of it", journaled), _start(order, "from its checkpoint", 0)]
        write(journal, rows, tail // BATCH)
        starts.append(_start(order, "from its checkpoint, and the tail", tail))
    return _part(journaled, size, starts, imported_s)


def _rows(began: float) -> Iterator[Entry]:
    """Without an end."""
    pool = Pool(Errand(port=0, credentials="", first=0, count=0, batch=BATCH, every_s=1.0))
    for number in count():
        turn, agent = divmod(number, AGENTS)
        yield as_row(pool, agent, turn * BATCH + 1, began + number * PACE_S)


def as_row(pool: Pool, agent: int, first: int, at: float) -> Entry:
    """A batch of an agent by its number, whose measurements are numbered from `first` on."""
    role = "control" if agent < stand.CONTROLS else "probe"
    isp = "" if role == "control" else stand.ISPS[agent % len(stand.ISPS)]
    payload, last = open_envelope(pool.batch(role, 7, first, BATCH, at - 0.5)).body, first + BATCH - 1
    return Entry(0, Kind.MEASURED, int(at * 1e6), f"{agent:016x}", isp, role, 7, first, last, BATCH, payload)


def write(journal: Path, rows: Iterator[Entry], batches: int) -> None:
    """Appends so many batches to a journal that nobody has open."""
    with closing(journal_file.connect(journal)) as connection:
        last = journal_file.last_position(connection)[0]
        while batches and (group := list(islice(rows, min(GROUP, batches)))):
            journal_file.append(connection, last, group)
            last += len(group)
            batches -= len(group)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _start(order: stand.Order, name: str, measurements: int) -> Start:
    began = time.monotonic()
    with stand.collector(order, within_s=WITHIN_S) as side:
        seconds = time.monotonic() - began
        pid = side.server.pid
        return Start(
            name=name,
            measurements=measurements,
            seconds=seconds,
            cpu_s=cpu_s(pid),
            memory=memory(pid).pss,
        )


def _part(count: int, size: float, starts: list[Start], imported_s: float) -> Part:
    rows: list[Row] = [
        (
            one.name,
            one.measurements,
            f"{one.seconds:.1f}",
            f"{one.cpu_s:.1f}",
            f"{one.measurements / one.cpu_s:.0f}" if one.measurements else "",
            f"{one.memory:.0f}",
        )
        for one in starts
    ]
    head = ("start", "measurements read", "seconds", "of CPU", "measurements a CPU second", "MB")
    whole = starts[1]
    notes = [f"`rabta-collector version`: {imported_s:.2f} s of CPU"]
    if count != MEASUREMENTS:
        expected_s = whole.cpu_s * MEASUREMENTS / count
        notes.append(f"at that pace all of {MEASUREMENTS:,} would take {expected_s:.0f} s of CPU; they were not read")
    return Part(
        found={"measurements": count, "journal_bytes": size, "starts": starts, "version_s": imported_s},
        tables=((f"A journal of {count:,} measurements, {size:.0f} bytes each", head, rows),),
        bars=tuple(Bar(f"serving, {one.name}, s", one.seconds, BAR_S) for one in starts if one is not whole),
        notes=notes,
    )
