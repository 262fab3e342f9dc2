"""`make sim`: plays events and a quiet year, prints tables, writes build/sim.json and build/sim/*.svg.

Exit code 0 where every bar is met, else 1; the last table says by how much one is missed.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import TypeVar

from sim import tables
from sim.affairs import AFFAIRS
from sim.dice import Dice
from sim.figures import Bar, Year, bars, reliability, rows, year, year_bars
from sim.land import settle
from sim.picture import draw
from sim.plans import BYTES_PER_DAY, Plans, day_bytes
from sim.platforms import make_catalogue
from sim.presence import DAY_S
from sim.script import NOON
from sim.stage import Job, Show, play
from sim.year import isp_year, outages_of, silences, site_outage

_Result = TypeVar("_Result")

BUILD = Path(__file__).resolve().parents[2] / "build"
FLEETS, QUICK_FLEETS = (1, 3, 5, 20, 100), (5, 20)
SEEDS, MANY_AGENTS = 3, 20  # of more agents one seed says as much: there are so many more draws in it
PARTS = 20  # lines of progress
DRAWN_FLEET = 20
YEAR_DAYS, SILENT_DAYS, QUICK_DAYS = 365.0, 120.0, 4.0


def main(argv: Sequence[str] | None = None) -> int:
    options = _parse(argv)
    jobs = _jobs(options)
    fleets = options.agents or (QUICK_FLEETS if options.quick else FLEETS)
    plans = _plans(fleets)
    with ProcessPoolExecutor(options.processes) as pool:
        shows = list(_told(pool.map(play, jobs), len(jobs), "events"))
        table, events = reliability(shows), rows(shows)
        texts = [tables.events_table(events), tables.bytes_table(plans), tables.reliability_table(table)]
        print("\n\n".join(texts), end="\n\n", flush=True)
        quiet = None if options.event else _year(pool, options)
    held = [*bars(shows), *(year_bars(quiet) if quiet else ())]
    held.append(Bar(name="plan, MB per agent and day", value=max(plans.values()) / 1e6, bound=_CAP))
    last = [tables.year_table(quiet)] if quiet else []
    print("\n\n".join([*last, tables.bars_table(held)]))
    more = {"year": asdict(quiet)} if quiet else {}
    document = tables.as_json(seed=options.seed, rows=events, bars=held, table=table, plans=plans, more=more)
    _write(options.build, document, shows)
    return 0 if all(bar.met for bar in held) else 1


def _told(results: Iterable[_Result], total: int, what: str) -> Iterator[_Result]:
    """Results as they come, and a line now and then of how many have."""
    began, last = monotonic(), 0
    for count, result in enumerate(results, start=1):
        yield result
        if count == total or PARTS * count // total > PARTS * last // total:
            print(f"sim: {count} of {total} {what}, {monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            last = count


def _jobs(options: argparse.Namespace) -> list[Job]:
    """The longest first."""
    ids = options.event or [affair.id for affair in AFFAIRS]
    fleets = options.agents or (QUICK_FLEETS if options.quick else FLEETS)
    return [
        Job(affair=id_, fleet=fleet, seed=options.seed + n, closed_loop=not options.unasked)
        for fleet in sorted(fleets, reverse=True)
        for id_ in ids
        for n in range(1 if options.quick or fleet > MANY_AGENTS else SEEDS)
    ]


def _year(pool: Executor, options: argparse.Namespace) -> Year:
    """All jobs of a quiet year, or of a part of it."""
    days, silent_days = (QUICK_DAYS, QUICK_DAYS) if options.quick else (YEAR_DAYS, SILENT_DAYS)
    land = settle(Dice(options.seed))
    isps = [pool.submit(isp_year, isp, seed=options.seed, days=days) for isp in land.names]
    sites = [pool.submit(site_outage, *one, seed=options.seed) for one in outages_of(seed=options.seed, days=days)]
    parts = [NOON + part * 90 * DAY_S for part in range(4)]
    silent = [pool.submit(silences, seed=options.seed, since=at, days=silent_days / 4) for at in parts]
    played = _told((job.result() for job in (*isps, *sites)), len(isps) + len(sites), "parts of a quiet year")
    return year(list(played), [job.result() for job in silent], days)


_CAP = BYTES_PER_DAY / 1e6 + 0.001


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sim", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, two sizes of fleet, four quiet days")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--event", action="append", help="only this one; may be given again")
    parser.add_argument("--agents", action="append", type=int, help="only fleets of this size; may be given again")
    parser.add_argument("--unasked", action="store_true", help="without the closed loop")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--build", type=Path, default=BUILD)
    return parser.parse_args(argv)


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
