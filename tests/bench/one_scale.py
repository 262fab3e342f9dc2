"""One point of a curve: the collector's own work without the link, in a process of its own.

`python -m bench.one_scale AGENTS PLATFORMS ISPS COUNT` prints a `Point` as JSON. Agents measure one platform after the
other, a batch of ten each ten seconds of the journal's time; `COUNT` measurements are timed, once everybody has
measured everything.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import ceil

from bench import record
from bench.load import Maker
from bench.process import memory
from rabta_collector.catalogue import Catalogue, Isp, Platform, Target
from rabta_collector.decider import Decider
from rabta_collector.engine import Engine
from rabta_collector.entries import Measured, Presence
from rabta_collector.exposition import Exposition
from rabta_collector.judging import Terms, judge, read_batch
from rabta_collector.share import Terms as Bounds
from rabta_collector.share import share
from rabta_collector.state import IngestStats
from rabta_proto.model import Measurement
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import IspKind, Role

BATCH, EVERY_S, GRID_S, CONTROLS, VARIANTS, SHARED = 10, 10.0, 0.5, 2, 4, 3
START = 1_800_000_000.0
Work = dict[str, float]
Entry = tuple[float, str, str, Role, bytes]
"""A batch: when it came, of whom, and its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """CPU of a measurement by what it goes for, in microseconds; memory in MB; what is done now and then, in ms."""

    agents: int
    platforms: int
    isps: int
    measurements: int
    admit_us: float
    apply_us: float
    decide_us: float
    memory: float
    snapshot_ms: float
    share_ms: float

    @property
    def each_us(self) -> float:
        return self.admit_us + self.apply_us + self.decide_us


class Town:
    """Agents and what they measure."""

    def __init__(self, agents: int, platforms: int, isps: int) -> None:
        self.agents, self.isps = agents, [Isp(id=f"i{n}", name=f"i{n}", kind=IspKind.FIXED) for n in range(isps)]
        targets = [Target(platform=f"p{n}", url=f"https://site{n}.example/", interval_s=60.0) for n in range(platforms)]
        self.catalogue = Catalogue(
            platforms=tuple(
                Platform(id=one.platform, name=one.platform, category="", targets=(one,)) for one in targets
            )
        )
        self.asked = {(target.platform, target.url) for target in targets}
        self._looks = {role: self._bodies(role, targets) for role in Role}

    @staticmethod
    def _bodies(role: Role, targets: list[Target]) -> list[list[bytes]]:
        """Of each target some measurements, without their keys."""
        recorded = [one for one in record.load().measurements if bool(one.network.isp) is (role is Role.PROBE)]
        maker = Maker(0, recorded)
        looks = []
        for target in targets:
            (raw,) = maker.batches(VARIANTS, 1)
            batch = link.SessionRequest.FromString(raw).batch.measurements
            for one in batch:
                one.platform, one.target = target.platform, target.url
                one.ClearField("started_at")
            looks.append([one.SerializeToString() for one in batch])
        return looks

    @property
    def crew(self) -> list[tuple[str, str, Role]]:
        """Of everybody the agent's id, its ISP and its role."""
        controls = [(f"c{n}", "", Role.CONTROL) for n in range(CONTROLS)]
        return controls + [(f"a{n:05}", self.isps[n % len(self.isps)].id, Role.PROBE) for n in range(self.agents)]

    def arrivals(self, at: float) -> Iterator[Presence]:
        """All of them come."""
        for agent, isp, role in self.crew:
            yield Presence(at=at, agent=agent, isp=isp, role=role, connected=True)

    def entries(self, begin: float) -> Iterator[Entry]:
        """Batches with their time, agent, ISP and role, without an end."""
        crew = self.crew
        for number in range(10**9):
            turn, place = divmod(number, len(crew))
            agent, isp, role = crew[place]
            at = begin + number * EVERY_S / len(crew)
            looks, batch = self._looks[role], link.MeasurementBatch()
            for step in range(BATCH):
                first = (turn * BATCH + step + place * 7) % len(looks)
                one = batch.measurements.add()
                one.MergeFromString(looks[first][(turn + step) % VARIANTS])
                one.epoch, one.sequence = place + 1, turn * BATCH + step + 1
                one.started_at.FromMicroseconds(int((at - BATCH + step) * 1e6) + place)
            yield at, agent, isp, role, batch.SerializeToString()


def settle(town: Town, entries: Iterator[Entry]) -> Decider:
    """A collector's decisions once everybody has come and measured every platform."""
    decider = Decider(Engine(town.catalogue, town.isps), on_events=lambda _: None)
    for arrival in town.arrivals(START):
        decider.take(arrival)
    for _ in range(len(town.crew) * ceil(len(town.catalogue.platforms) / BATCH)):
        take(next(entries), town, decider, {})
    return decider


def run(agents: int, platforms: int, isps: int, count: int) -> Point:
    town = Town(agents, platforms, isps)
    empty = memory(os.getpid()).pss
    entries, spent = town.entries(START), {"admit": 0.0, "apply": 0.0, "decide": 0.0}
    decider, at = settle(town, entries), START
    for _ in range(max(1, count // BATCH)):
        at = take(next(entries), town, decider, spent)
    held = memory(os.getpid()).pss - empty
    snapshot_s = asyncio.run(_scraping(decider, town, at))
    share_s = min(_sharing(town) for _ in range(SHARED)) * isps
    done = max(1, count // BATCH) * BATCH
    return Point(
        agents=agents,
        platforms=platforms,
        isps=isps,
        measurements=done,
        memory=held,
        snapshot_ms=snapshot_s * 1e3,
        share_ms=share_s * 1e3,
        **{f"{name}_us": took / done * 1e6 for name, took in spent.items()},
    )


def _sharing(town: Town) -> float:
    """CPU seconds of sharing the work of one ISP out among its agents."""
    each, began = {f"a{n}": frozenset[str]() for n in range(max(1, town.agents // len(town.isps)))}, time.process_time()
    share(town.catalogue.targets, each, Bounds(floor_s=60.0, bytes_per_day=15e6))
    return time.process_time() - began


async def _scraping(decider: Decider, town: Town, at: float) -> float:
    """CPU seconds of a scrape half a second after another."""
    shown, stats = Exposition(), IngestStats()
    for turn in range(2):
        decider.advance(at + turn * GRID_S)
        began = time.process_time()
        await shown.scrape(decider.engine.snapshot(), town.catalogue, stats, ready=True)
    return time.process_time() - began


def take(entry: Entry, town: Town, decider: Decider, spent: Work) -> float:
    """One batch, all the way; says when it came."""
    at, agent, isp, role, body = entry
    terms = Terms(now=at, lab=True, joined_at=0.0, asked=town.asked)
    clocks = [time.process_time()]
    found = [judge(one, terms) for one in read_batch(body)]
    taken = tuple(one for one in found if isinstance(one, Measurement))
    clocks.append(time.process_time())
    decider.advance(at)
    clocks.append(time.process_time())
    decider.take(Measured(at=at, agent=agent, isp=isp, role=role, measurements=taken))
    clocks.append(time.process_time())
    for name, before, after in zip(("admit", "decide", "apply"), clocks, clocks[1:], strict=False):
        spent[name] = spent.get(name, 0.0) + after - before
    return at


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(run(*map(int, sys.argv[1:])))) + "\n")
