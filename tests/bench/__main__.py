"""`make bench`: what agent and collector cost, beside floors and peers; prints tables, writes build/bench.json.

CPU seconds of whole processes, medians of pairs of runs, one of each side after the other: on a machine that others
use, only ratios within one run are to be relied on. Exit code 1 where something could not be measured.
"""

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench import agent, ingest, peers
from bench.process import BenchError, median, median_ratio

BUILD = Path(__file__).resolve().parents[2] / "build"
RUNS, QUICK_RUNS = 5, 2
PARTS = ("agent", "ingest")
Row = Sequence[object]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Measures agent and collector beside floors and peers."
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}; all of them")
    options = parser.parse_args()
    os.nice(5)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended, too
    found: dict[str, object] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
    }
    try:
        if "agent" in options.parts:
            found["agent"] = of_agent(quick=options.quick)
        if "ingest" in options.parts:
            found["ingest"] = of_ingest(quick=options.quick)
    except BenchError as wrong:
        print(f"bench: {wrong}", file=sys.stderr)
        return 1
    BUILD.mkdir(exist_ok=True)
    (BUILD / "bench.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"{BUILD / 'bench.json'} has all of it.")
    return 0


def of_agent(*, quick: bool) -> Mapping[str, object]:
    probed = agent.probing(QUICK_RUNS if quick else RUNS)
    ran = agent.running(idle_s=20.0 if quick else 120.0, settled=40 if quick else 200)
    floor, ours = median(probed.floor_ms), median(probed.agent_ms)
    rows: list[Row] = [
        ("floor: asyncio and ssl by hand, one query", f"{floor:.2f}", "1"),
        (
            "agent: the same page, everything recorded",
            f"{ours:.2f}",
            f"{median_ratio(probed.agent_ms, probed.floor_ms):.1f}",
        ),
    ]
    if probed.blackbox_ms:
        ratio = median_ratio(probed.blackbox_ms, probed.floor_ms)
        rows.append(("blackbox_exporter, given the address", f"{median(probed.blackbox_ms):.2f}", f"{ratio:.1f}"))
    else:
        print("prometheus-blackbox-exporter is not installed: its row is left out")
    table("A full https measurement", ("what", "CPU ms", "times the floor"), rows)
    table(
        "A running agent",
        ("what", "measured", "bar"),
        [
            ("memory, PSS", f"{ran.pss:.1f} MB", "67.1 MB (64 MiB)"),
            ("memory, RSS", f"{ran.rss:.1f} MB", ""),
            ("CPU from the start to the first measurement", f"{ran.start_s:.2f} s", "2 s"),
            ("CPU with nothing to do", f"{ran.idle * 100:.2f} % of a core", "0.5 %"),
            ("CPU of `rabta-agent version`", f"{ran.version_s:.2f} s", ""),
            ("written to the disk for a measurement", f"{ran.written_bytes / 1e3:.1f} kB", ""),
            ("the same in an hour, at 90 measurements", f"{ran.written_bytes * 90 / 1e6:.1f} MB", ""),
        ],
    )
    return {"probing": asdict(probed), "running": asdict(ran)}


def of_ingest(*, quick: bool) -> Mapping[str, object]:
    runs = QUICK_RUNS if quick else RUNS
    measurements = ingest.QUICK_MEASUREMENTS if quick else ingest.MEASUREMENTS
    found = ingest.run(runs, measurements)
    pushed, missing = peers.run(runs, measurements, ingest.BATCHES)
    rows: list[Row] = []
    for size in ingest.BATCHES:
        floor = found["floor", size]
        for name in ("floor", "collector"):
            one = found[name, size]
            ratio = median_ratio(one.server_us, floor.server_us)
            sides = median(one.server_us), median(one.client_us)
            acks = f"{median(one.p50_ms):.0f} / {median(one.p99_ms):.0f}"
            rows.append((name, size, f"{sides[0]:.0f}", f"{sides[1]:.0f}", f"{sum(sides):.0f}", f"{ratio:.1f}", acks))
    for (name, size), one in pushed.items():
        sides = median(one.server_us), median(one.client_us)
        rows.append((name, size, f"{sides[0]:.0f}", f"{sides[1]:.0f}", f"{sum(sides):.0f}", "", ""))
    print("\n".join(missing))
    head = ("what", "batch", "server us", "client us", "both us", "times the floor", "ack p50 / p99 ms")
    table("Ingest, for a measurement", head, rows)
    sizes = [
        (f"on the wire, batches of {size}", f"{found['collector', size].wire_bytes:.0f}") for size in ingest.BATCHES
    ]
    sizes.append(("unpacked", f"{found['collector', ingest.BATCHES[0]].bytes:.0f}"))
    sizes.append(("in the journal", f"{found['journal', 0].bytes:.0f}"))
    table("Size of a measurement", ("where", "bytes"), sizes)
    keyed = {f"{name} {size}": asdict(one) for (name, size), one in found.items()}
    return keyed | {f"{name} {size}": asdict(one) for (name, size), one in pushed.items()}


def table(title: str, head: Row, rows: Sequence[Row]) -> None:
    """Prints it as Markdown, so that a README can hold it as it is."""
    print(f"\n{title}\n")
    widths = [max(len(str(row[column])) for row in (head, *rows)) for column in range(len(head))]
    for number, row in enumerate((head, *rows)):
        print("| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
