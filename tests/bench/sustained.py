"""Ten thousand measurements a second for ten minutes: memory, acknowledgements, what readers wait, late verdicts.

Two hundred agents send a batch of fifty every second. On the way a platform is blocked everywhere, and comes back.
"""

import json
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import stand
from bench.crowd import TURNING, TURNING_TARGETS
from bench.crowds import Crowds, Pace, Spent, gather, quantile
from bench.process import BenchError, memory
from bench.report import Bar, Part
from bench.stand import Side

SPAN_S, QUICK_SPAN_S = 600.0, 60.0
AGENTS_PER_ISP, BATCH, EVERY_S = 50, 50, 1.0
RATE = 10_000.0
LOOK_S, CONNECTED_S = 5.0, 30.0
ACK_MS, METRICS_MS, LATE_S, GROWTH, RATE_SHARE = 100.0, 100.0, 2.0, 0.05, 0.99


@dataclass(slots=True)
class Seen:
    """What was seen on the way. Memory in MB with its moment; `verdicts_s`: from the first measurement on."""

    memory: list[tuple[float, float]] = field(default_factory=list)
    metrics_ms: list[float] = field(default_factory=list)
    verdicts_s: list[float] = field(default_factory=list)
    rate: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cores: float = 0.0
    others: float = 0.0
    refused: int = 0
    broken: int = 0

    @property
    def growth(self) -> float:
        """Of memory in the second half, as a share of what there was."""
        half = self.memory[len(self.memory) // 2 :]
        return (half[-1][1] - half[0][1]) / half[0][1]


def run(*, quick: bool) -> Part:
    """One run."""
    span_s = QUICK_SPAN_S if quick else SPAN_S
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rabta-sustained-")))
        order = stand.Order(folder=folder, agents_per_isp=AGENTS_PER_ISP, more=TURNING_TARGETS)
        stand.prepare(order)
        side = stack.enter_context(stand.collector(order))
        begin = time.time() + CONNECTED_S
        blocked = (begin + span_s / 3, begin + span_s * 2 / 3)
        pace = Pace(batch=BATCH, every_s=EVERY_S, begin=begin, blocked=blocked)
        crowds = stack.enter_context(gather(side, folder, pace))
        if crowds.until(lambda up, _: up == crowds.sessions, CONNECTED_S) is None:
            raise BenchError("not all agents are connected")
        time.sleep(max(0.0, begin - time.time()))
        seen = _watch(side, crowds, begin + span_s)
        seen.verdicts_s = _turns(side)
    return _part(seen, span_s)


def _watch(side: Side, crowds: Crowds, end: float) -> Seen:
    seen, began, spent = Seen(), time.time(), Spent(side.server.pid, crowds)
    while (now := time.time()) < end:
        seen.memory.append((now, memory(side.server.pid).pss))
        asked = time.perf_counter()
        if not stand.answers(f"http://127.0.0.1:{side.http}/metrics"):
            raise BenchError("/metrics does not answer")
        seen.metrics_ms.append((time.perf_counter() - asked) * 1e3)
        time.sleep(max(0.0, min(LOOK_S, end - time.time())))
    took = time.time() - began
    seen.cores, seen.others = spent.cores
    seconds = crowds.between(began, end)
    waits = [wait for second in seconds for wait in second.waits_ms]
    seen.p50_ms, seen.p99_ms = quantile(waits, 0.5), quantile(waits, 0.99)
    seen.rate = len(waits) * BATCH / took
    seen.refused = max(second.refused for second in seconds)
    seen.broken = max(second.broken for second in seconds)
    return seen


def _turns(side: Side) -> list[float]:
    """How long after the first measurement that shows it each verdict on the platform turned; the first ones left out.

    When that was, readers are told to the minute alone.
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{side.http}/api/v1/events?platform={TURNING}", timeout=30) as answer:
        return late(json.loads(answer.read())["events"])


def late(events: Sequence[Mapping[str, object]]) -> list[float]:
    """Seconds, of events as the API tells them."""
    turned = [one for one in events if {one["from"], one["to"]} == {"reachable", "blocked"}]
    return [float(str(one["detected_after_seconds"])) for one in turned]


def _part(seen: Seen, span_s: float) -> Part:
    rows = [
        ("measurements a second", f"{seen.rate:.0f}"),
        ("acknowledgement p50 / p99, ms", f"{seen.p50_ms:.1f} / {seen.p99_ms:.1f}"),
        ("cores, and what others took beside it", f"{seen.cores:.2f}, {seen.others:.2f}"),
        ("memory at the beginning / at the end, MB", f"{seen.memory[0][1]:.0f} / {seen.memory[-1][1]:.0f}"),
        ("/metrics, median / longest, ms", f"{quantile(seen.metrics_ms, 0.5):.0f} / {max(seen.metrics_ms):.0f}"),
        ("verdicts that turned, and the latest, s", f"{len(seen.verdicts_s)}, {max(seen.verdicts_s, default=0):.1f}"),
        ("sessions that broke", str(seen.broken)),
    ]
    wanted = 2 * len(stand.ISPS)
    return Part(
        found={"seconds": span_s, "seen": seen},
        tables=((f"{RATE:.0f} measurements a second for {span_s:g} s", ("what", "measured"), rows),),
        bars=(
            Bar("acknowledgement, p99, ms", seen.p99_ms, ACK_MS),
            Bar("/metrics, the longest, ms", max(seen.metrics_ms), METRICS_MS),
            Bar("verdict after what turned, the latest, s", max(seen.verdicts_s, default=span_s), LATE_S),
            Bar("verdicts that did not turn", max(0, wanted - len(seen.verdicts_s)), 0),
            Bar("growth of memory in the second half, share", seen.growth, GROWTH),
            Bar("share of the rate that was missed", max(0.0, 1 - seen.rate / RATE), 1 - RATE_SHARE),
            Bar("measurements that were refused", seen.refused, 0),
        ),
    )
