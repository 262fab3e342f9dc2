"""A fleet of agents with TLS: memory for each, acknowledgements, and all of them coming back at once.

Each sends a batch of ten every ten seconds. The collector beside the floor: the same sessions over grpc.aio, parsed,
journaled, acknowledged, and nothing else.
"""

import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import stand
from bench.crowd import TURNING_TARGETS
from bench.crowds import Crowds, Pace, Spent, gather, quantile, settle
from bench.process import BenchError, cpu_s, memory
from bench.report import Bar, Part, Row
from bench.stand import Side

AGENTS, QUICK_AGENTS = 10_000, 200
WATCHED_S, QUICK_WATCHED_S = 60.0, 15.0
BATCH, EVERY_S = 10, 10.0
CONNECTED_S, BACK_S, GIVEN_UP_S = 300.0, 60.0, 240.0
SETTLING_S, QUICK_SETTLING_S = 300.0, 20.0
QUICK_PLANS_S, PLANS_TAKE = 0.5, 1.5
ACK_MS, MEMORY_RATIO = 100.0, 1.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A side with all agents there: kB for each of them, acknowledgements, cores, and measurements a second."""

    kb_each: float
    p50_ms: float
    p99_ms: float
    cores: float
    others: float
    rate: float
    refused: int
    connected_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """After the collector was killed and started again; `None`: not within `GIVEN_UP_S`. From when it was started."""

    serving_s: float
    all_up_s: float | None
    all_moving_s: float | None
    cpu_s: float


def run(*, quick: bool, agents: int | None = None) -> Part:
    """Both sides, one after the other, then the storm. `agents`: where other than usual."""
    agents = agents or (QUICK_AGENTS if quick else AGENTS)
    times = (QUICK_SETTLING_S, QUICK_WATCHED_S) if quick else (SETTLING_S, WATCHED_S)
    plans_s = QUICK_PLANS_S if quick else stand.PLANS_AFTER_S
    pace = Pace(batch=BATCH, every_s=EVERY_S)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rabta-fleet-")))
        limits = {"sessions": agents + stand.CONTROLS}
        each = (agents - stand.CONTROLS) // len(stand.ISPS)
        order = stand.Order(
            folder=folder,
            agents_per_isp=each,
            tls=True,
            limits=limits,
            more=TURNING_TARGETS,
            plans_after_s=plans_s,
        )
        stand.prepare(order)
        with stand.floor(folder, order.credentials, tls=True) as side, gather(side, folder, pace) as crowds:
            floor = _watch(side, crowds, *times, plans_s)
        with ExitStack() as first:
            side = first.enter_context(stand.collector(order))
            crowds = stack.enter_context(gather(side, folder, pace))
            ours = _watch(side, crowds, *times, plans_s)
            side.server.kill()
        back = _come_back(order, side, crowds)
    return _part(crowds.sessions, floor, ours, back)


def _watch(side: Side, crowds: Crowds, settling_s: float, watched_s: float, plans_s: float) -> Held:
    """From nobody to all of them, until each has its plan, and for a while."""
    empty = memory(side.server.pid).pss
    connected_s = crowds.until(lambda up, _: up == crowds.sessions, CONNECTED_S)
    if connected_s is None:
        raise BenchError(f"{side.name}: {crowds.now()[0]} of {crowds.sessions} agents are connected")
    settle(side.server.pid, settling_s, at_least_s=PLANS_TAKE * plans_s)
    held, spent, began = memory(side.server.pid).pss, Spent(side.server.pid, crowds), time.time()
    time.sleep(watched_s)
    (cores, others), ended = spent.cores, time.time()
    held = max(held, memory(side.server.pid).pss)
    seconds = crowds.between(began, ended)
    waits = [wait for second in seconds for wait in second.waits_ms]
    sys.stderr.write(f"{side.name}: watched for {watched_s:g} s\n")
    return Held(
        kb_each=(held - empty) * 1e3 / crowds.sessions,
        p50_ms=quantile(waits, 0.5),
        p99_ms=quantile(waits, 0.99),
        cores=cores,
        others=others,
        rate=len(waits) * BATCH / (ended - began),
        refused=max(second.refused for second in seconds),
        connected_s=connected_s,
    )


def _come_back(order: stand.Order, side: Side, crowds: Crowds) -> Back:
    began = time.monotonic()
    with stand.collector(order, ports=(side.port, side.http)) as again:
        serving_s = time.monotonic() - began
        up = crowds.until(lambda up, _: up == crowds.sessions, GIVEN_UP_S)
        up_s = None if up is None else time.monotonic() - began
        moving = crowds.until(lambda _, moving: moving == crowds.sessions, GIVEN_UP_S)
        moving_s = None if moving is None else time.monotonic() - began
        spent = cpu_s(again.server.pid)
    return Back(serving_s=serving_s, all_up_s=up_s, all_moving_s=moving_s, cpu_s=spent)


def _part(sessions: int, floor: Held, ours: Held, back: Back) -> Part:
    rows: list[Row] = [
        (
            name,
            f"{one.kb_each:.0f}",
            f"{one.p50_ms:.1f} / {one.p99_ms:.1f}",
            f"{one.cores:.2f} ({one.others:.2f})",
            f"{one.rate:.0f}",
        )
        for name, one in (("floor", floor), ("collector", ours))
    ]
    head = ("what", "kB an agent", "ack p50 / p99, ms", "cores (and others)", "measurements/s")
    late = GIVEN_UP_S
    again: list[Row] = [
        ("serving", _said(back.serving_s)),
        ("all sessions stand", _said(back.all_up_s)),
        ("all agents send", _said(back.all_moving_s)),
        ("CPU until then", _said(back.cpu_s)),
    ]
    return Part(
        found={"sessions": sessions, "floor": floor, "collector": ours, "back": back},
        tables=(
            (f"{sessions} agents with TLS, a batch of {BATCH} each {EVERY_S:g} s", head, rows),
            ("All of them after a restart", ("until", "s"), again),
        ),
        bars=(
            Bar("memory of an agent, times the floor", ours.kb_each / floor.kb_each, MEMORY_RATIO),
            Bar("acknowledgement, p99, ms", ours.p99_ms, ACK_MS),
            Bar("measurements that were refused", ours.refused, 0),
            Bar("all back after a restart, s", back.all_up_s or late, BACK_S),
            Bar("all of them sending again, s", back.all_moving_s or late, BACK_S),
        ),
    )


def _said(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f}"
