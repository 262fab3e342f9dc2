"""Sizes: bytes of a measurement on the wire (gRPC, HTTP/2 and acknowledgements too), in the journal, in the archive."""

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench import history, record, stand
from bench.ingest import load
from bench.relay import relay
from bench.report import Part, Row

BATCHES = (10, 50)
MEASUREMENTS, QUICK_MEASUREMENTS = 22_000, 4400
AGENTS_PER_ISP = 5
FEW = 4
"""Of how many parts one is sent first: what the beginning of sessions costs, plans above all, is in both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes for each measurement, in batches of so many. `up`, `down`: of TCP, compressed as agents do."""

    batch: int
    unpacked: float
    packed: float
    up: float
    down: float
    journal: float


def run(*, quick: bool) -> Part:
    """Batches of ten and of fifty, each with a collector of its own, and a day that is sealed."""
    count = QUICK_MEASUREMENTS if quick else MEASUREMENTS
    found = [_sizes(size, count) for size in BATCHES]
    with tempfile.TemporaryDirectory(prefix="rabta-sizes-") as folder:
        sealed = history.seal_sample(Path(folder), list(record.load().measurements))
    rows: list[Row] = [
        ("as it is, serialised", *(f"{one.unpacked:.0f}" for one in found)),
        ("a batch, gzip", *(f"{one.packed:.0f}" for one in found)),
        ("to the collector, all that TCP carries", *(f"{one.up:.0f}" for one in found)),
        ("to the agent, acknowledgements", *(f"{one.down:.1f}" for one in found)),
        ("in the journal", *(f"{one.journal:.0f}" for one in found)),
        ("in the archive, of 20,000", *[f"{sealed['archive_bytes']:.0f}"] * len(found)),
    ]
    head = ("bytes of a measurement", *(f"batches of {size}" for size in BATCHES))
    return Part(
        found={"sizes": [asdict(one) for one in found], "sealed": sealed},
        tables=(("Sizes", head, rows),),
    )


def _sizes(size: int, count: int) -> Sizes:
    with tempfile.TemporaryDirectory(prefix="rabta-sizes-") as name:
        folder = Path(name)
        order = stand.Order(folder=folder, agents_per_isp=AGENTS_PER_ISP, limits=stand.UNBOUNDED)
        stand.prepare(order)
        with stand.collector(order) as side, relay(side.port) as counted:
            between = replace(side, port=counted.port)
            few, after_few = load(between, size, count // FEW), (counted.up, counted.down)
            many = load(between, size, count)
        more = many["measurements"] - few["measurements"]
        return Sizes(
            batch=size,
            unpacked=many["bytes"],
            packed=many["wire_bytes"],
            up=(counted.up - 2 * after_few[0]) / more,
            down=(counted.down - 2 * after_few[1]) / more,
            journal=_journal_bytes(order.data),
        )


def _journal_bytes(data: Path) -> float:
    """Once the collector has ended, and SQLite has put its log into the file."""
    with closing(sqlite3.connect(data / "journal.sqlite")) as journal:
        (count,) = journal.execute("SELECT sum(count) FROM entries").fetchone()
    return sum(file.stat().st_size for file in data.glob("journal.sqlite*")) / count
