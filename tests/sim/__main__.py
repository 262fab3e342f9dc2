"""`make sim`: plays the events, prints tables, writes build/sim.json and build/sim/*.svg.

Exit code 0 where every bar is met, else 1; the last table says by how much one is missed.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from sim import tables
from sim.affairs import AFFAIRS
from sim.dice import Dice
from sim.figures import Bar, bars, reliability, rows
from sim.picture import draw
from sim.plans import BYTES_PER_DAY, Plans, day_bytes
from sim.platforms import make_catalogue
from sim.stage import Job, Show, play

BUILD = Path(__file__).resolve().parents[2] / "build"
FLEETS, QUICK_FLEETS = (1, 3, 5, 20, 100), (5, 20)
SEEDS = 3
DRAWN_FLEET = 20


def main(argv: Sequence[str] | None = None) -> int:
    options = _parse(argv)
    ids = options.event or [affair.id for affair in AFFAIRS]
    fleets = options.agents or (QUICK_FLEETS if options.quick else FLEETS)
    seeds = range(options.seed, options.seed + (1 if options.quick else SEEDS))
    jobs = [
        Job(affair=id_, fleet=fleet, seed=seed, closed_loop=not options.unasked)
        for fleet in sorted(fleets, reverse=True)
        for id_ in ids
        for seed in seeds
    ]
    shows = _play(jobs, options.processes)
    plans = _plans(fleets)
    table, events = reliability(shows), rows(shows)
    met = [*bars(shows), Bar(name="plan, MB per agent and day", value=max(plans.values()) / 1e6, bound=_CAP)]
    print(tables.events_table(events))
    for text in (tables.bytes_table(plans), tables.reliability_table(table), tables.bars_table(met)):
        print(f"\n{text}")
    document = tables.as_json(seed=options.seed, rows=events, bars=met, table=table, plans=plans, more={})
    _write(options.build, document, shows)
    return 0 if all(bar.met for bar in met) else 1


_CAP = BYTES_PER_DAY / 1e6 + 0.001


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sim", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, two sizes of fleet")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--event", action="append", help="only this one; may be given again")
    parser.add_argument("--agents", action="append", type=int, help="only fleets of this size; may be given again")
    parser.add_argument("--unasked", action="store_true", help="without the closed loop")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--build", type=Path, default=BUILD)
    return parser.parse_args(argv)


def _play(jobs: Sequence[Job], processes: int) -> list[Show]:
    if processes == 1:
        return [play(job) for job in jobs]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(play, jobs))


def _plans(fleets: Sequence[int]) -> dict[int, float]:
    """Bytes a day of the costliest plan of a fleet."""
    catalogue = make_catalogue()
    wanted = frozenset(platform.id for platform in catalogue.platforms)
    plans = Plans(catalogue=catalogue, wanted=wanted, dice=Dice(0))
    return {n: max(day_bytes(plans.of(place, n)) for place in range(n)) for n in sorted(fleets)}


def _write(build: Path, document: object, shows: Sequence[Show]) -> None:
    pictures = build / "sim"
    pictures.mkdir(parents=True, exist_ok=True)
    (build / "sim.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    first = min((show.job.seed for show in shows), default=0)
    for show in shows:
        if show.job.seed == first and show.job.fleet == DRAWN_FLEET:
            name = show.job.affair.replace(",", "").replace(" ", "-")
            (pictures / f"{name}.svg").write_text(draw(show), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
