"""A collector's reading side over an engine at work, as a process of its own, for the cost of a scrape.

`python -m bench.one_scrape AGENTS PLATFORMS ISPS` prints its port when every cell has a verdict. `/metrics` is the
collector's own; `/watch` is a `Watched` as JSON: what the process did since it was asked last. Batches come all the
while, each agent's every ten seconds, and decisions at each point of the grid.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import cast

from aiohttp import web

from bench.one_scale import GRID_S, START, Entry, Town, settle, take
from rabta_collector.catalogue import Catalogue
from rabta_collector.decider import Decider
from rabta_collector.engine import Engine
from rabta_collector.state import IngestStats, Snapshot
from rabta_collector.web import Views, make_operators_app

TICK_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """`pause_ms`: the longest time for which the event loop served nobody; `verdicts`: cells that are decided.

    `busy_ms`: the most CPU that all threads took between two turns of the loop: no pause is longer on free cores.
    """

    pause_ms: float
    busy_ms: float
    cpu_s: float
    seconds: float
    verdicts: int


class Longest:
    """The longest step of a clock between two ticks, since it was asked last; `usual_s` of each are none of it."""

    def __init__(self, clock: Callable[[], float], usual_s: float = 0.0) -> None:
        self._clock, self._usual_s, self._last, self._longest_s = clock, usual_s, clock(), 0.0

    def tick(self) -> None:
        now = self._clock()
        self._longest_s, self._last = max(self._longest_s, now - self._last - self._usual_s), now

    def take_ms(self) -> float:
        longest_s, self._longest_s = self._longest_s, 0.0
        return longest_s * 1e3


class Seen:
    """What `/metrics` is made of."""

    def __init__(self, engine: Engine, catalogue: Catalogue) -> None:
        self._engine, self.catalogue, self.stats = engine, catalogue, IngestStats()

    def snapshot(self) -> Snapshot:
        return self._engine.snapshot()

    def ready(self) -> bool:
        return True

    @property
    def rules(self) -> bool:
        return True

    def why_not_ready(self) -> str:
        return ""


async def serve(town: Town) -> None:
    """For ever."""
    entries = town.entries(START)
    decider = settle(town, entries)
    engine, asked, spent = decider.engine, time.perf_counter(), time.process_time()
    pause, busy = Longest(time.perf_counter, TICK_S), Longest(time.process_time)

    async def watch(_: web.Request) -> web.Response:
        nonlocal asked, spent
        now, used = time.perf_counter(), time.process_time()
        cells = len(engine.snapshot().verdicts)
        told = Watched(
            pause_ms=pause.take_ms(),
            busy_ms=busy.take_ms(),
            cpu_s=used - spent,
            seconds=now - asked,
            verdicts=cells,
        )
        asked, spent = now, used
        return web.json_response(asdict(told))

    app = make_operators_app(cast(Views, Seen(engine, town.catalogue)))  # which asks for no more than that
    app.router.add_get("/watch", watch)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    async with asyncio.TaskGroup() as group:
        group.create_task(_tick(pause, busy))
        group.create_task(_work(entries, town, decider))


async def _tick(*clocks: Longest) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        for clock in clocks:
            clock.tick()


async def _work(entries: Iterator[Entry], town: Town, decider: Decider) -> None:
    """Batches at their pace, and a decision at each point of the grid that comes with no batch."""
    began, entry = time.monotonic(), next(entries)
    begin = entry[0]
    while True:
        now = begin + time.monotonic() - began
        if entry[0] > now:
            decider.advance(now)
            await asyncio.sleep(min(GRID_S, entry[0] - now))
            continue
        take(entry, town, decider, {})
        entry = next(entries)
        await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(serve(Town(*map(int, sys.argv[1:]))))
