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
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from bench import agent, days, exposition, fleet, ingest, restart, scale, scaling, sizes, sustained
from bench.curve import BUILD
from bench.process import BenchError
from bench.report import Part

PARTS: Mapping[str, Callable[..., Part]] = {
    "agent": agent.run,
    "ingest": ingest.run,
    "exposition": exposition.run,
    "fleet": fleet.run,
    "sustained": sustained.run,
    "restart": restart.run,
    "scaling": scaling.run,
    "scale": scale.run,
    "days": days.run,
    "sizes": sizes.run,
}
OWN = (("restart", "measurements"), ("fleet", "agents"))
"""Which part takes which option."""

USUAL = ("agent", "ingest")
"""The others take from ten minutes to an hour each, and say so: `make bench PART=fleet`."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Measures agent and collector beside floors and peers."
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--measurements", type=int, help="in the journal of `restart`, where other than usual")
    parser.add_argument("--agents", type=int, help="of `fleet`, where other than usual")
    parser.add_argument("parts", nargs="*", default=USUAL, metavar="PART", help=f"of {', '.join(PARTS)}")
    options = parser.parse_args()
    if unknown := sorted({*options.parts} - {*PARTS}):
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    os.nice(5)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended, too
    found: dict[str, object] = {"python": platform.python_version()}
    try:
        for name in options.parts:
            more = {word: getattr(options, word) for part, word in OWN if part == name}
            part = PARTS[name](quick=options.quick, **more)
            print(part.text(), flush=True)
            found[name] = part.as_json() | {"at": datetime.now(UTC).isoformat(timespec="seconds")}
            _keep(found)
    except BenchError as wrong:
        print(f"bench: {wrong}", file=sys.stderr)
        return 1
    print(f"{BUILD / 'bench.json'} has all of it.")
    return 0


def _keep(found: Mapping[str, object]) -> None:
    """Beside what other parts found before."""
    BUILD.mkdir(exist_ok=True)
    file = BUILD / "bench.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps(before | dict(found), indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
