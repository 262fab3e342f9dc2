"""Measuring follows the plan within the ceilings, and everything measured is in the spool."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
import structlog

from rabta_agent import measuring
from rabta_agent.ceilings import AT_ONCE, TRANSFER_MOST_BYTES, Ceilings
from rabta_agent.clock import SystemClock
from rabta_agent.cutoff import Cutoff
from rabta_agent.holds import Hold
from rabta_agent.home import Home
from rabta_agent.measuring import Bench, Measuring
from rabta_agent.plan_keeper import PlanKeeper
from rabta_agent.spool import Spool, SpoolError
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.task import Settings, Task
from rabta_agent.tracer import Tracer
from rabta_agent.urls import InvalidTarget
from rabta_proto.model import Measurement, NetworkContext
from rabta_proto.v1.collector_pb2 import MeasureNow
from rabta_proto.v1.measurement_pb2 import DEPTH_TRANSFER
from rabta_proto.v1.plan_pb2 import TransferPlan
from rabta_proto.vocabulary import Depth, Trigger
from support.agents import FakeMeasurer, credential
from support.cutoffs import cut_off, traced
from support.scripted_collector import signed_plan
from support.waiting import PATIENCE_S

LAB = Ceilings.of(lab=True)
TARGETS = tuple(f"https://t{number}.example/" for number in range(9))


class Afternoon(SystemClock):
    """A wall clock that stands at noon; for budgets."""

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    home = Home(path=tmp_path)
    clock = SystemClock()
    return Bench(
        measurer=FakeMeasurer(),
        network=lambda: NetworkContext(isp="ptcl"),
        plans=PlanKeeper(home, credential(), limits=LAB, clock=clock),
        spool=SpoolThread(Spool(home.spool_file, limit_bytes=10**8, today=clock.now)),
        limits=LAB,
        day_allowance=10**9,
        clock=clock,
        rng=Random(1),
        on_done=lambda: None,
    )


def measurer(bench: Bench) -> FakeMeasurer:
    assert isinstance(bench.measurer, FakeMeasurer)
    return bench.measurer


async def spooled(bench: Bench, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while bench.spool.counts.produced < count:
            bench.spool.changed.clear()
            await bench.spool.changed.wait()


async def test_it_measures_when_the_plan_says_and_tells_why(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(TARGETS[0], version=7, interval_ms=100))
    loop = Measuring(bench)
    task = asyncio.create_task(loop.forever())
    await spooled(bench, 3)
    loop.stop()
    await task
    assert {(TARGETS[0], "p", Trigger.SCHEDULED, 7)} == {
        (entry.target, entry.platform, entry.trigger, entry.plan_version) for entry in measurer(bench).tasks
    }


async def test_what_the_collector_asks_for_is_measured_at_once_and_named(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(TARGETS[0], version=7, interval_ms=3_600_000))
    loop = Measuring(bench)
    task = asyncio.create_task(loop.forever())
    loop.ask(MeasureNow(request=9, platform="p", target=TARGETS[1], within_ms=60_000))  # not of the plan
    loop.ask(MeasureNow(request=8, platform="p", target=TARGETS[0], within_ms=60_000))
    await spooled(bench, 1)
    loop.stop()
    await task
    assert [(TARGETS[0], Trigger.REQUESTED, 8)] == [
        (entry.target, entry.trigger, entry.request) for entry in measurer(bench).tasks
    ]


def test_what_is_asked_for_is_measured_with_half_the_patience() -> None:
    own = Settings()
    hurried = own.hurried()
    assert (own.tls_s / 2, own.tcp_s / 2, own.http_s / 2) == (hurried.tls_s, hurried.tcp_s, hurried.http_s)
    assert own.repeat_pause_s / 5 == hurried.repeat_pause_s
    assert own.doh == hurried.doh


async def test_without_a_plan_nothing_is_measured_for_the_collector(bench: Bench) -> None:
    loop = Measuring(bench)
    loop.ask(MeasureNow(request=8, platform="p", target=TARGETS[0], within_ms=60_000))
    task = asyncio.create_task(loop.forever())
    loop.stop()
    await task
    assert [] == measurer(bench).tasks


async def test_the_controls_addresses_of_a_target_go_with_it(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(TARGETS[0], control_addresses=["104.244.42.1", "no address"]))
    await Measuring(bench).once()
    assert [("104.244.42.1",)] == [task.control_addresses for task in measurer(bench).tasks]


async def test_without_a_plan_it_waits_for_one(bench: Bench) -> None:
    loop = Measuring(bench)
    task = asyncio.create_task(loop.forever())
    await asyncio.sleep(0)
    await bench.plans.offer(signed_plan(TARGETS[0], interval_ms=100))
    await spooled(bench, 1)
    loop.stop()
    await task


async def test_a_new_plan_takes_over_while_it_runs(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(TARGETS[0], interval_ms=3_600_000))
    loop = Measuring(bench)
    task = asyncio.create_task(loop.forever())
    await asyncio.sleep(0)
    await bench.plans.offer(signed_plan(TARGETS[1], version=2, interval_ms=100))
    await spooled(bench, 1)
    loop.stop()
    await task
    assert {TARGETS[1]} == {entry.target for entry in measurer(bench).tasks}


async def test_once_takes_every_target_in_full_whatever_its_turn(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(*TARGETS, interval_ms=3_600_000))
    assert 0 == await Measuring(bench).once()
    tasks = measurer(bench).tasks
    assert sorted(TARGETS) == sorted(entry.target for entry in tasks)
    assert {(Depth.FULL, Trigger.MANUAL)} == {(entry.depth, entry.trigger) for entry in tasks}
    assert len(TARGETS) == bench.spool.counts.waiting


async def test_no_more_than_a_few_at_once(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(*TARGETS))
    measurer(bench).gate.clear()
    task = asyncio.create_task(Measuring(bench).once())
    async with asyncio.timeout(PATIENCE_S):
        await measurer(bench).crowded.wait()
    measurer(bench).gate.set()
    await task
    assert AT_ONCE == measurer(bench).most_at_once


async def test_stopping_lets_what_runs_end_and_begins_nothing(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(*TARGETS, interval_ms=100))
    measurer(bench).gate.clear()
    loop = Measuring(bench)
    task = asyncio.create_task(loop.forever())
    await measurer(bench).begun.wait()
    assert loop.busy
    loop.stop()
    begun = len(measurer(bench).tasks)
    measurer(bench).gate.set()
    async with asyncio.timeout(PATIENCE_S):
        await task
    assert bench.spool.counts.produced == len(measurer(bench).tasks) <= begun + AT_ONCE
    assert not loop.busy


async def test_cancelling_abandons_what_runs(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(TARGETS[0], interval_ms=100))
    measurer(bench).gate.clear()
    task = asyncio.create_task(Measuring(bench).forever())
    await measurer(bench).begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (0, 0) == (measurer(bench).running, bench.spool.counts.produced)


async def test_the_bytes_of_the_day_bind_even_a_person(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(*TARGETS))
    measurer(bench).cost = 20_000
    with structlog.testing.capture_logs():
        assert 5 <= await Measuring(replace(bench, day_allowance=60_000)).once()
    assert bench.spool.counts.bytes_today <= 80_000


async def test_a_turn_that_the_bytes_do_not_allow_is_left_out_and_said_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.plans.offer(signed_plan(*TARGETS, interval_ms=100))
    loop, said = Measuring(bench), asyncio.Event()
    monkeypatch.setattr(measuring, "affords", lambda **_: said.set())  # and so `None`: not affordable
    with structlog.testing.capture_logs() as events:
        task = asyncio.create_task(loop.forever())
        async with asyncio.timeout(PATIENCE_S):
            await said.wait()
        loop.stop()
        await task
    assert ["measurement.skipped"] == [event["event"] for event in events]
    assert [] == measurer(bench).tasks


def test_at_noon_half_of_the_day_has_gone() -> None:
    assert 0.5 == measuring._day_fraction(Afternoon().now())


async def test_a_target_that_cannot_be_measured_is_named_and_the_rest_goes_on(bench: Bench) -> None:
    class Choosy(FakeMeasurer):
        async def measure(self, task: Task, settings: Settings, network: NetworkContext) -> Measurement:
            if task.target == TARGETS[0]:
                raise InvalidTarget("no such thing")
            return await super().measure(task, settings, network)

    await bench.plans.offer(signed_plan(*TARGETS[:3]))
    with structlog.testing.capture_logs() as events:
        await Measuring(replace(bench, measurer=Choosy())).once()
    assert 2 == bench.spool.counts.produced
    assert [TARGETS[0]] == [event["target"] for event in events if event["event"] == "measurement.impossible"]


@pytest.mark.parametrize("damaged", [False, True])
async def test_a_full_disk_costs_measurements_and_a_damaged_spool_ends_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    async def fail(measurement: Measurement) -> int:
        wrong = SpoolError(Path("spool.sqlite"), OSError("disk is full"))
        wrong.damaged = damaged
        raise wrong

    await bench.plans.offer(signed_plan(TARGETS[0]))
    monkeypatch.setattr(bench.spool, "append", fail)
    with structlog.testing.capture_logs() as events:
        if damaged:
            with pytest.raises(ExceptionGroup, match="unhandled"):
                await Measuring(bench).once()
        else:
            await Measuring(bench).once()
            assert ["measurement.lost"] == [event["event"] for event in events]


async def test_one_line_tells_each_measurement(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(TARGETS[0]))
    with structlog.testing.capture_logs() as events:
        await Measuring(bench).once()
    (event,) = (entry for entry in events if entry["event"] == "measurement.done")
    assert (TARGETS[0], 1, [], 1000) == (event["target"], event["sequence"], event["failures"], event["bytes"])


OBJECT = TransferPlan(url="https://t0.example/object", bytes=90_000)


async def asked_for_reads(bench: Bench, *targets: str, reads: int = 0) -> list[Task]:
    """What is measured once the collector has asked for timed reads of these."""
    await bench.plans.offer(signed_plan(*TARGETS, interval_ms=3_600_000, transfer=OBJECT))
    loop = Measuring(bench)
    for number, target in enumerate(targets, start=1):
        order = MeasureNow(request=number, platform="p", target=target, within_ms=60_000, depth=DEPTH_TRANSFER)
        order.reads = reads
        loop.ask(order)
    task = asyncio.create_task(loop.forever())
    await spooled(bench, len(targets))
    loop.stop()
    await task
    return measurer(bench).tasks


async def test_timed_reads_that_the_collector_asks_for_are_made(bench: Bench) -> None:
    (task,) = await asked_for_reads(bench, TARGETS[0])
    assert (Depth.TRANSFER, TRANSFER_MOST_BYTES) == (task.depth, task.byte_limit)
    assert task.transfer is not None
    assert "https://t0.example/object" == str(task.transfer.url)


async def test_no_more_of_them_are_made_than_it_asks_for(bench: Bench) -> None:
    (task,) = await asked_for_reads(bench, TARGETS[0], reads=1)
    assert task.transfer is not None
    assert 1 == task.transfer.reads


async def test_timed_reads_beyond_the_bytes_of_the_day_are_left_out_of_the_measurement(bench: Bench) -> None:
    small = replace(bench, day_allowance=TRANSFER_MOST_BYTES - 1, clock=Afternoon())
    (task,) = await asked_for_reads(small, TARGETS[0])
    assert (Depth.FULL, None) == (task.depth, task.transfer)


async def test_no_more_than_half_of_the_bytes_of_the_day_go_to_timed_reads(bench: Bench) -> None:
    measurer(bench).cost = 900_000
    tasks = await asked_for_reads(replace(bench, day_allowance=5 * TRANSFER_MOST_BYTES), *TARGETS[:3])
    assert 2 >= [task.depth for task in tasks].count(Depth.TRANSFER)


async def test_one_at_a_time_reads_against_the_clock(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(*TARGETS, interval_ms=3_600_000, transfer=OBJECT))
    measurer(bench).gate.clear()
    loop = Measuring(bench)
    for number, target in enumerate(TARGETS[:AT_ONCE], start=1):
        loop.ask(MeasureNow(request=number, platform="p", target=target, within_ms=60_000, depth=DEPTH_TRANSFER))
    task = asyncio.create_task(loop.forever())
    async with asyncio.timeout(PATIENCE_S):
        await measurer(bench).crowded.wait()
    loop.stop()
    measurer(bench).gate.set()
    await task
    assert 1 == [task.depth for task in measurer(bench).tasks].count(Depth.TRANSFER)


async def test_while_something_holds_measuring_back_nothing_is_begun_and_then_it_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "HELD_S", 0.001)
    holds: list[Hold | None] = [Hold.VPN]
    asked = asyncio.Event()

    def hold() -> Hold | None:
        asked.set()
        return holds[-1]

    await bench.plans.offer(signed_plan(TARGETS[0], interval_ms=100))
    loop = Measuring(replace(bench, hold=hold))
    task = asyncio.create_task(loop.forever())
    for _ in range(200):  # more than two turns of the plan
        asked.clear()
        await asyncio.wait_for(asked.wait(), PATIENCE_S)
    assert [] == measurer(bench).tasks
    holds.append(None)
    await spooled(bench, 1)
    loop.stop()
    await task


async def test_what_was_measured_is_kept_for_the_volunteer_too(bench: Bench) -> None:
    await bench.plans.offer(signed_plan(*TARGETS[:2]))
    kept: list[Measurement] = []
    await Measuring(replace(bench, keep=kept.append)).once()
    assert set(TARGETS[:2]) == {one.target for one in kept}


class CutOff(FakeMeasurer):
    """Whatever is measured was cut off, and is traced where that is asked for."""

    async def measure(self, task: Task, settings: Settings, network: NetworkContext) -> Measurement:
        await super().measure(task, settings, network)
        return cut_off("t0.example")

    async def trace(self, task: Task, cutoff: Cutoff, settings: Settings, network: NetworkContext) -> Measurement:
        self.tasks.append(task)
        return traced("t0.example")


async def depths(bench: Bench, *, trace: bool, allowance: int = 10**9, hold: Hold | None = None) -> list[Depth]:
    """What is measured when the plan's one target is, with a tracer at hand."""
    measures = CutOff()
    tracer = Tracer(measures, read=dict, write=lambda noted: None)
    held = replace(bench, measurer=measures, tracer=tracer, day_allowance=allowance, hold=lambda: hold)
    await held.plans.offer(signed_plan(TARGETS[0], trace=trace))
    await Measuring(held).once()
    return [task.depth for task in measures.tasks]


async def test_what_was_cut_off_is_traced_where_the_plan_asks_for_it(bench: Bench) -> None:
    kept: list[Measurement] = []
    assert [Depth.FULL, Depth.TRACE] == await depths(replace(bench, keep=kept.append), trace=True)
    assert [Depth.FULL, Depth.TRACE] == [measurement.depth for measurement in kept]
    assert 2 == bench.spool.counts.produced


async def test_nothing_is_traced_that_the_plan_does_not_ask_for(bench: Bench) -> None:
    assert [Depth.FULL] == await depths(bench, trace=False)


async def test_nothing_is_traced_that_the_day_s_bytes_do_not_allow(bench: Bench) -> None:
    assert [Depth.FULL] == await depths(replace(bench, clock=Afternoon()), trace=True, allowance=80_000)


async def test_nothing_is_traced_while_measuring_is_held_back(bench: Bench) -> None:
    assert [Depth.FULL] == await depths(bench, trace=True, hold=Hold.VPN)


async def test_nothing_is_traced_without_the_volunteer_s_word(bench: Bench) -> None:
    measures = CutOff()
    await bench.plans.offer(signed_plan(TARGETS[0], trace=True))
    await Measuring(replace(bench, measurer=measures)).once()
    assert [Depth.FULL] == [task.depth for task in measures.tasks]
