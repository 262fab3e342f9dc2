"""How cost grows with days of history: seals, starts, memory, and what readers ask; tables and curves in build/.

All of it is made as a country makes it: a journal with some hundred measurements a day, in which a platform is blocked
each morning, sealed day by day, and replayed into the record, by the collector itself.
"""

import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from bench import stand
from bench.crowd import TURNING, TURNING_TARGETS, Errand, Pool
from bench.crowds import settle
from bench.curve import BUILD, draw
from bench.growth import bars
from bench.process import BenchError, children_cpu_s, cpu_s, memory
from bench.report import Part, Row
from bench.restart import Entry, as_row, write
from bench.stand import Order, Side
from lab.programs import COLLECTOR
from rabta_collector import journal_file

DAYS, QUICK_DAYS = (1, 7, 30, 90, 365), (1, 3)
DAY_S = 86_400
AGENTS, BATCH, BATCHES_A_DAY = 12, 10, 40
BLOCKED_H = (6, 12)  # of each day
INTERVAL = "3h"  # so that votes stand from one measurement to the next
ASKED = 20
SETTLED_S = 120.0
PATHS = {
    "verdicts": "/api/v1/verdicts",
    "events of a day": "/api/v1/events?since={yesterday}",
    "timeline of a cell, a week": f"/api/v1/timeline?platform={TURNING}&isp=ptcl&since={{last_week}}",
    "counts by hour, a platform, a day": f"/api/v1/counts?platform={TURNING}&by=hour&since={{yesterday}}",
    "counts by day, a cell, all": f"/api/v1/counts?platform={TURNING}&isp=ptcl&by=day",
    "the page": "/",
    "the page of a cell": f"/cell/{TURNING}/ptcl",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """With so many days behind it. CPU seconds of sealing one more, and of starts; MB; ms of CPU for each answer."""

    days: int
    seal_s: float
    replay_s: float
    start_s: float
    memory: float
    record_mb: float
    archive_mb: float
    answers_ms: dict[str, float]


def run(*, quick: bool) -> Part:
    """One collector for each number of days."""
    found = [_past(days) for days in (QUICK_DAYS if quick else DAYS)]
    BUILD.mkdir(exist_ok=True)
    for name, unit, series in _series(found):
        (BUILD / f"scaling-days-{name}.svg").write_text(draw(f"{unit} against days", "days", unit, series), "utf-8")
    head = ("days", "seal of one more s", "replay s", "start s", "MB", "record MB", "archive MB")
    rows: list[Row] = [
        (
            one.days,
            *(f"{value:.2f}" for value in (one.seal_s, one.replay_s, one.start_s)),
            f"{one.memory:.0f}",
            *(f"{value:.2f}" for value in (one.record_mb, one.archive_mb)),
        )
        for one in found
    ]
    answers: list[Row] = [(path, *(f"{one.answers_ms[path]:.1f}" for one in found)) for path in PATHS]
    return Part(
        found={"days": [asdict(one) for one in found]},
        tables=(
            ("CPU of a collector with so many days behind it, and what they take", head, rows),
            ("CPU of an answer, ms", ("asked", *(f"{one.days} days" for one in found)), answers),
        ),
        bars=bars("days", [(one.days, _growing(one)) for one in found]),
        notes=[f"curves: {BUILD}/scaling-days-*.svg"],
    )


def _growing(one: Past) -> dict[str, float]:
    """What is not to grow faster than n log n."""
    own = {"seal of one more": one.seal_s, "replay": one.replay_s, "start": one.start_s, "memory": one.memory}
    return own | one.answers_ms


def _series(found: Sequence[Past]) -> Iterator[tuple[str, str, dict[str, list[tuple[float, float]]]]]:
    starts = ("seal of one more", "replay", "start")
    yield "cpu", "CPU, s", {name: [(one.days, _growing(one)[name]) for one in found] for name in starts}
    yield "answers", "CPU, ms", {name: [(one.days, one.answers_ms[name]) for one in found] for name in list(PATHS)[1:5]}
    yield "memory", "memory, MB", {"collector": [(one.days, one.memory) for one in found]}


def _past(days: int) -> Past:
    with tempfile.TemporaryDirectory(prefix="rabta-days-") as name:
        order = Order(folder=Path(name), agents_per_isp=1, more=TURNING_TARGETS)
        stand.prepare(order)
        targets = order.folder / "targets.toml"
        targets.write_text(targets.read_text("utf-8").replace('"60s"', f'"{INTERVAL}"'), "utf-8")
        end = int(time.time()) // DAY_S * DAY_S
        rows, journal = _rows(end - days * DAY_S), order.data / "journal.sqlite"
        journal_file.prepare(journal)
        write(journal, rows, (days - 1) * BATCHES_A_DAY)
        _seal(order)
        write(journal, rows, BATCHES_A_DAY)
        seal_s = _seal(order)
        with stand.collector(order, within_s=1800) as side:
            replay_s = cpu_s(side.server.pid)
        with stand.collector(order) as side:
            start_s, held = cpu_s(side.server.pid), memory(side.server.pid).pss
            settle(side.server.pid, SETTLED_S)  # it gives up rows that are older than it keeps them
            answers = {name: _asked(side, path) for name, path in PATHS.items()}
        return Past(
            days=days,
            seal_s=seal_s,
            replay_s=replay_s,
            start_s=start_s,
            memory=held,
            record_mb=_mb(order.data.glob("record.sqlite*")),
            archive_mb=_mb(one for one in (order.data / "archive").rglob("*") if one.is_file()),
            answers_ms=answers,
        )


def _rows(begin: float) -> Iterator[Entry]:
    """Without an end."""
    usual, blocked = (
        Pool(Errand(port=0, credentials="", first=0, count=0, batch=BATCH, every_s=1.0, blocked=(0.0, until)))
        for until in (0.0, float("inf"))
    )
    for number in count():
        at = begin + (number + 0.5) * DAY_S / BATCHES_A_DAY
        hour = at % DAY_S / 3600
        pool = blocked if BLOCKED_H[0] <= hour < BLOCKED_H[1] else usual
        turn, agent = divmod(number, AGENTS)
        yield as_row(pool, agent, turn * BATCH + 1, at)


def _seal(order: Order) -> float:
    """CPU seconds of sealing all that is due."""
    return children_cpu_s([COLLECTOR, "archive", "--data", str(order.data)])[0]


def _asked(side: Side, path: str) -> float:
    """CPU of the collector for an answer, in milliseconds; the first makes what the others use again."""
    now = time.time()
    words = {
        name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - days * DAY_S))
        for name, days in (("yesterday", 1), ("last_week", 7))
    }
    url = f"http://127.0.0.1:{side.http}{path.format(**words)}"
    spent = 0.0
    for turn in range(ASKED + 1):
        before = cpu_s(side.server.pid)
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                answer.read()
        except OSError as wrong:
            raise BenchError(f"{url}: {wrong}") from None
        spent += (cpu_s(side.server.pid) - before) * (turn > 0)
    return spent / ASKED * 1e3


def _mb(files: Iterator[Path]) -> float:
    return sum(file.stat().st_size for file in files) / 1e6
