"""Measures what the plan asks for, when it asks, within the ceilings, and puts each measurement into the spool.

At most AT_ONCE measurements at the same time; the volunteer's bytes of the day bind here.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Protocol

import structlog

from rabta_agent.budget import for_measuring
from rabta_agent.ceilings import (
    AT_ONCE,
    TRANSFER_MOST_BYTES,
    Ceilings,
    affords,
    affords_trace,
    affords_transfer,
    byte_limit,
)
from rabta_agent.clock import Clock
from rabta_agent.errands import Errands, read_errand
from rabta_agent.holds import Hold
from rabta_agent.plan import Assignment, Plan
from rabta_agent.plan_keeper import PlanKeeper
from rabta_agent.reading import Reading, plain
from rabta_agent.rest import Rest
from rabta_agent.schedule import Schedule, Turn, all_at_once
from rabta_agent.spool import SpoolError
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.task import Settings, Task
from rabta_agent.tracer import Tracer
from rabta_agent.urls import InvalidTarget
from rabta_proto.model import Measurement, NetworkContext
from rabta_proto.v1.collector_pb2 import MeasureNow
from rabta_proto.vocabulary import Depth, Trigger

HELD_S = 2.0  # between two looks whether measuring is still held back
LONGEST_WAIT_S = 60.0  # then the clock and the plan's end are looked at again

logger = structlog.get_logger()


class Measurer(Protocol):
    """What measures one target once; `rabta_agent.measure.Prober` is the one there is."""

    async def measure(self, task: Task, settings: Settings, network: NetworkContext) -> Measurement:
        """Never raises for what the network does; raises `InvalidTarget` for a URL that cannot be measured."""

    async def close(self) -> None:
        """Closes what it keeps open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What measuring needs. `on_done` hears that the spool has a new measurement.

    `owed`: bytes of the day that the spool does not know of yet. `hold`: what holds measuring back just now; `keep`
    is given every measurement, on a thread. `tracer`: follows some of them with traces; `None`: nothing does.
    """

    measurer: Measurer
    network: Callable[[], NetworkContext]
    plans: PlanKeeper
    spool: SpoolThread
    limits: Ceilings
    day_allowance: int
    clock: Clock
    rng: Random
    on_done: Callable[[], None]
    hold: Callable[[], Hold | None] = lambda: None
    owed: Callable[[], int] = lambda: 0
    keep: Callable[[Measurement], None] = lambda _measurement: None
    tracer: Tracer | None = None


class Measuring:
    """Runs until `stop`, or through the plan once."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._running = 0
        self._stopping = False
        self._skipped = 0
        self._rest, self._errands = Rest(bench.limits), Errands()
        self._reading = Reading()
        self._schedule: Schedule | None = None
        self._followed: Plan | None = None

    @property
    def busy(self) -> bool:
        """Whether a measurement runs."""
        return self._running > 0

    def stop(self) -> None:
        """No new measurements; `forever` and `once` return when those that run have ended."""
        self._stopping = True
        self._bench.plans.changed.set()

    def ask(self, message: MeasureNow) -> None:
        """Takes what the collector asks for at once, where there is a plan that names it."""
        schedule = self._current_schedule()
        taken = schedule is not None and schedule.ask(read_errand(message, self._now()))
        logger.debug("errand.taken" if taken else "errand.refused", target=message.target, request=message.request)
        if taken:
            self._bench.plans.changed.set()  # whoever waits for a turn looks again

    async def forever(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._slots.acquire()
                if (turn := await self._next_turn()) is None:
                    break
                tasks.create_task(self._take(turn, Trigger.REQUESTED if turn.request else Trigger.SCHEDULED))

    async def once(self) -> int:
        """Every target of the current plan once; how many were left out for want of bytes."""
        plan = self._bench.plans.usable
        waiting = all_at_once(plan.assignments if plan else (), self._now())
        left_out = 0
        async with asyncio.TaskGroup() as tasks:
            while waiting and (turn := await self._rested(waiting)) is not None:
                if not self._affords(turn, day_fraction=1.0):
                    self._slots.release()
                    left_out += 1
                    continue
                self._rest.begins(turn.assignment.target, self._now())
                tasks.create_task(self._take(turn, Trigger.MANUAL))
                await asyncio.sleep(0)  # it counts as running from now on
        return left_out

    async def _rested(self, waiting: list[Turn]) -> Turn | None:
        """Takes the first of those that may be measured soonest, when it may, with a slot; `None`: stop."""
        turn = min(waiting, key=lambda entry: self._rest.free_at(entry.assignment.target))
        waiting.remove(turn)
        await asyncio.sleep(max(0.0, self._rest.free_at(turn.assignment.target) - self._now()))
        await self._slots.acquire()
        return None if self._stopping else turn

    async def _next_turn(self) -> Turn | None:
        """Waits for the next turn that the bytes allow; `None`: stop."""
        plans = self._bench.plans
        while not self._stopping:
            plans.changed.clear()
            schedule = self._current_schedule()
            wait_s = schedule.wait_s(self._now()) if schedule and plans.usable else None
            if self._bench.hold() is not None:
                wait_s = HELD_S
            elif schedule and wait_s == 0.0 and (turn := schedule.pop(self._now())):
                if self._affords(turn, day_fraction=_day_fraction(self._bench.clock.now())):
                    self._rest.begins(turn.assignment.target, self._now())
                    return turn
                self._skip(turn)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(min(LONGEST_WAIT_S if wait_s is None else wait_s, LONGEST_WAIT_S)):
                    await plans.changed.wait()
        return None

    def _current_schedule(self) -> Schedule | None:
        """The schedule of the current plan, made when the plan is new."""
        plan = self._bench.plans.current
        if plan is not None and plan is not self._followed:
            self._schedule = Schedule(
                plan.assignments,
                now=self._now(),
                rest=self._rest,
                errands=self._errands,
                draw=self._bench.rng.random,
            )
            self._followed = plan
        return self._schedule

    def _affords(self, turn: Turn, *, day_fraction: float) -> bool:
        return affords(
            used=self._used(),
            running=self._running,
            allowance=for_measuring(self._bench.day_allowance, day_fraction=day_fraction),
            day_fraction=day_fraction,
            priority=turn.assignment.priority,
        )

    def _byte_limit(self) -> int:
        """For a measurement that is counted among those that run already."""
        return byte_limit(used=self._used(), running=self._running - 1, allowance=self._allowance())

    def _used(self) -> int:
        return self._bench.spool.bytes_today + self._bench.owed()

    def _allowance(self) -> int:
        """What of the day's bytes is measuring's, now."""
        return for_measuring(self._bench.day_allowance, day_fraction=_day_fraction(self._bench.clock.now()))

    def _skip(self, turn: Turn) -> None:
        """Said once in a while: a plan too large would say it at every turn."""
        if self._skipped % 100 == 0:
            logger.warning("measurement.skipped", reason="bytes of the day", target=turn.assignment.target)
        self._skipped += 1

    async def _take(self, turn: Turn, trigger: Trigger) -> None:
        """One measurement, into the spool; gives its slot back. One with timed reads may cost as much as two."""
        reads = turn.depth is Depth.TRANSFER and self._may_read(turn)
        counts = 2 if reads else 1
        self._running += counts
        self._reading.busy |= reads
        try:
            await self._measure(turn if reads else replace(turn, depth=plain(turn.depth)), trigger)
        finally:
            self._running -= counts
            self._reading.busy &= not reads
            self._slots.release()

    def _may_read(self, turn: Turn) -> bool:
        """Whether bytes allow timed reads. One at a time: two would slow one another."""
        if self._reading.busy or turn.assignment.transfer is None:
            return False
        return affords_transfer(
            used=self._used(),
            spent=self._reading.spent(self._bench.clock.now()),
            running=self._running,
            allowance=self._allowance(),
        )

    async def _measure(self, turn: Turn, trigger: Trigger) -> None:
        entry, plan = turn.assignment, self._bench.plans.current
        reads = turn.depth is Depth.TRANSFER
        task = Task(
            target=entry.target,
            platform=entry.platform,
            depth=turn.depth,
            trigger=trigger,
            plan_version=plan.version if plan else 0,
            control_addresses=entry.control_addresses,
            request=turn.request,
            byte_limit=TRANSFER_MOST_BYTES if reads else self._byte_limit(),
            transfer=replace(entry.transfer, reads=turn.reads) if reads and entry.transfer else None,
            authority=entry.authority,
        )
        settings = plan.settings if plan else Settings()
        settings = settings.hurried() if turn.request else settings
        try:
            measurement = await self._bench.measurer.measure(task, settings, self._bench.network())
            if reads:
                self._reading.add(measurement.bytes_sent + measurement.bytes_received, self._bench.clock.now())
            await self._store(measurement)
            if (traced := await self._trace(entry, measurement, task, settings)) is not None:
                await self._store(traced)
                self._rest.begins(entry.target, self._now())
        except InvalidTarget as wrong:
            logger.warning("measurement.impossible", target=entry.target, reason=str(wrong))
        except SpoolError as wrong:
            if wrong.damaged:
                raise
            logger.error("measurement.lost", target=entry.target, reason=str(wrong))

    async def _trace(
        self, entry: Assignment, measurement: Measurement, task: Task, settings: Settings
    ) -> Measurement | None:
        """Where on the path the target was just cut off, if the volunteer and the plan want that known."""
        bench = self._bench
        if bench.tracer is None or not entry.trace or self._stopping or bench.hold() is not None:
            return None
        if not affords_trace(used=self._used(), running=self._running - 1, allowance=self._allowance()):
            return None
        return await bench.tracer.follow(measurement, task, settings, bench.network)

    async def _store(self, measurement: Measurement) -> None:
        """Raises `SpoolError`."""
        sequence = await self._bench.spool.append(measurement)
        self._bench.on_done()
        _log(sequence, measurement)
        await asyncio.to_thread(self._bench.keep, measurement)

    def _now(self) -> float:
        return self._bench.clock.now().timestamp()


def _day_fraction(now: datetime) -> float:
    """How much of the UTC day has gone."""
    moment = now.astimezone(UTC)
    return (moment.hour * 3600 + moment.minute * 60 + moment.second) / 86400


def _log(sequence: int, measurement: Measurement) -> None:
    failures = [f"{one.step}: {one.failure}" for one in measurement.observations if one.failure is not None]
    logger.info(
        "measurement.done",
        sequence=sequence,
        target=measurement.target,
        depth=str(measurement.depth),
        duration_ms=round(measurement.duration_us / 1000),
        failures=failures,
        bytes=measurement.bytes_sent + measurement.bytes_received,
    )
