"""A trace follows only what was just cut off, a few times a day, and none of it is forgotten over a restart."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rabta_agent.ceilings import TRACE_BYTES, TRACES_DAY
from rabta_agent.cutoff import Cutoff
from rabta_agent.home import Home
from rabta_agent.task import Settings, Task
from rabta_agent.tracer import NOTE, Tracer
from rabta_proto.model import Measurement, NetworkContext, TlsHandshake
from rabta_proto.vocabulary import Depth, Trigger
from support.cutoffs import cut_off, reached


class FakeTraces:
    """Notes what it is asked for; waits until it may go on."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.cutoffs: list[Cutoff] = []
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()

    async def trace(self, task: Task, cutoff: Cutoff, settings: Settings, network: NetworkContext) -> Measurement:
        self.tasks.append(task)
        self.cutoffs.append(cutoff)
        self.begun.set()
        await self.go_on.wait()
        return replace(cut_off(), depth=task.depth)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(path=tmp_path)


def make_tracer(home: Home, traces: FakeTraces) -> Tracer:
    return Tracer(traces, read=lambda: home.note(NOTE), write=lambda noted: home.save_note(NOTE, noted))


async def follow(tracer: Tracer, measurement: Measurement) -> Measurement | None:
    task = Task(target=measurement.target, trigger=Trigger.REQUESTED, platform="x", request=7)
    return await tracer.follow(measurement, task, Settings(), NetworkContext)


async def test_what_was_cut_off_is_traced(home: Home) -> None:
    traces = FakeTraces()
    traced = await follow(make_tracer(home, traces), cut_off())
    assert traced is not None
    (task,), (cutoff,) = traces.tasks, traces.cutoffs
    assert (Depth.TRACE, 0, TRACE_BYTES, "x") == (task.depth, task.request, task.byte_limit, task.platform)
    assert "a.example" == cutoff.url.host


async def test_what_was_reached_is_not(home: Home) -> None:
    traces = FakeTraces()
    assert None is await follow(make_tracer(home, traces), reached())
    assert [] == traces.tasks


async def test_a_host_is_traced_once_a_day_and_a_few_hosts_are(home: Home) -> None:
    traces = FakeTraces()
    tracer = make_tracer(home, traces)
    for number in range(TRACES_DAY + 3):
        for _ in range(2):
            await follow(tracer, cut_off(f"h{number}.example"))
    assert [f"h{number}.example" for number in range(TRACES_DAY)] == [one.url.host for one in traces.cutoffs]


async def test_the_next_day_begins_anew(home: Home) -> None:
    traces = FakeTraces()
    tracer = make_tracer(home, traces)
    today = cut_off()
    tomorrow = replace(today, started_at=today.started_at + timedelta(days=1))
    for measurement in (today, today, tomorrow, tomorrow):
        await follow(tracer, measurement)
    assert 2 == len(traces.tasks)


async def test_a_restart_makes_room_for_no_more(home: Home) -> None:
    traces = FakeTraces()
    for _ in range(3):
        await follow(make_tracer(home, traces), cut_off())
    assert 1 == len(traces.tasks)


async def test_a_crash_in_the_middle_makes_room_for_no_more(home: Home) -> None:
    traces = FakeTraces()
    traces.go_on.clear()
    running = asyncio.create_task(follow(make_tracer(home, traces), cut_off()))
    await traces.begun.wait()
    running.cancel()
    traces.go_on.set()
    await follow(make_tracer(home, traces), cut_off())
    assert 1 == len(traces.tasks)


async def test_one_runs_at_a_time(home: Home) -> None:
    traces = FakeTraces()
    traces.go_on.clear()
    tracer = make_tracer(home, traces)
    first = asyncio.create_task(follow(tracer, cut_off("a.example")))
    await traces.begun.wait()
    assert None is await follow(tracer, cut_off("b.example"))
    traces.go_on.set()
    assert None is not await first
    assert None is not await follow(tracer, cut_off("b.example"))


@pytest.mark.parametrize("damaged", ["nonsense", '{"day": 5, "hosts": 3}', '["a"]', ""])
async def test_a_note_that_cannot_be_read_is_none(home: Home, damaged: str) -> None:
    (home.path / "traces.json").write_text(damaged, encoding="utf-8")
    traces = FakeTraces()
    await follow(make_tracer(home, traces), cut_off())
    assert 1 == len(traces.tasks)


def test_the_support_s_measurements_are_what_they_are_called() -> None:
    assert any(isinstance(one.detail, TlsHandshake) and one.failure for one in cut_off().observations)
    assert all(one.failure is None for one in reached().observations)
