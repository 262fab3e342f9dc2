"""The agent as a whole against a scripted collector: what goes up, and how it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
import structlog

from rabta_agent import app
from rabta_agent.app import Agent
from rabta_agent.categories import RISKY
from rabta_agent.config import Config
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.home import Home
from rabta_proto.v1 import collector_pb2 as wire
from support.agents import FakeMeasurer, credential, parts
from support.ports import hold
from support.scripted_collector import Hangup, ScriptedCollector, listening, say_nothing, signed_plan
from support.steady import Steady
from support.waiting import PATIENCE_S, until

X, Y = "https://x.com/", "https://y.com/"
NEVER_S = 10 * PATIENCE_S


@pytest.fixture(autouse=True)
def quiet() -> object:
    with structlog.testing.capture_logs() as events:
        yield events


def nobody() -> str:
    """Where no collector is."""
    return f"http://127.0.0.1:{hold()}"


@asynccontextmanager
async def running(agent: Agent) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(agent.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_says_what_it_is_and_can(tmp_path: Path) -> None:
    async with (
        listening(ScriptedCollector()) as collector,
        running(Agent(parts(tmp_path, collector.url, FakeMeasurer()))),
    ):
        await collector.until(lambda seen: bool(seen.hellos))
    (hello,) = collector.hellos
    assert ["dns", "tcp", "tls", "http", "vpn", "quic"] == list(hello.capabilities)
    assert ("ptcl", True, 0, 0) == (hello.network.isp, hello.network.lab, hello.backlog, hello.plan_version)
    assert sorted(RISKY) == list(hello.left_out)
    assert ["Bearer agent-1.s3cret"] == collector.authorizations
    assert hello.agent_version
    assert hello.epoch


async def test_a_plan_comes_down_and_measurements_go_up(tmp_path: Path) -> None:
    plan = signed_plan(X, interval_ms=100)
    async with (
        listening(ScriptedCollector(plan=plan)) as collector,
        running(Agent(parts(tmp_path, collector.url, FakeMeasurer()))),
    ):
        await collector.until(lambda seen: len(seen.sequences) >= 3)
    assert Home(path=tmp_path).plan() == plan.SerializeToString()


async def test_on_a_stop_what_runs_ends_and_what_waits_goes_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MEASURING_GRACE_S", PATIENCE_S)
    monkeypatch.setattr(app, "DRAIN_S", PATIENCE_S)
    measurer = FakeMeasurer()
    measurer.gate.clear()
    async with listening(ScriptedCollector(plan=signed_plan(X, interval_ms=100))) as collector:
        made = parts(tmp_path, collector.url, measurer)
        agent = Agent(made)
        async with running(agent) as task:
            await measurer.begun.wait()
            agent.stop.set()
            measurer.gate.set()
            async with asyncio.timeout(PATIENCE_S):
                await task
    counts = made.spool.counts
    assert counts.produced == counts.acked == len(measurer.tasks) > 0


async def test_on_a_stop_what_hangs_is_abandoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MEASURING_GRACE_S", 0.01)
    monkeypatch.setattr(app, "DRAIN_S", NEVER_S)
    measurer = FakeMeasurer()
    measurer.gate.clear()
    async with listening(ScriptedCollector(plan=signed_plan(X, interval_ms=100))) as collector:
        agent = Agent(parts(tmp_path, collector.url, measurer))
        async with running(agent) as task:
            await measurer.begun.wait()
            agent.stop.set()
            async with asyncio.timeout(PATIENCE_S):
                await task
    assert 0 == measurer.running


async def test_on_a_stop_a_collector_that_does_not_acknowledge_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "DRAIN_S", 0.05)
    script = ScriptedCollector(plan=signed_plan(X, interval_ms=100), answers=(say_nothing,))
    async with listening(script) as collector:
        made = parts(tmp_path, collector.url, FakeMeasurer())
        agent = Agent(made)
        async with running(agent) as task:
            await collector.until(lambda seen: bool(seen.batches))
            agent.stop.set()
            async with asyncio.timeout(PATIENCE_S):
                await task
    assert made.spool.counts.waiting > 0  # and there it stays for the next run


async def test_on_a_stop_without_a_connection_it_goes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "DRAIN_S", NEVER_S)
    agent = Agent(parts(tmp_path, nobody(), FakeMeasurer()))
    async with running(agent) as task:
        agent.stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await task


async def test_what_the_last_run_left_goes_up_in_the_next(tmp_path: Path) -> None:
    Home(path=tmp_path).save_plan(signed_plan(X, Y, interval_ms=3_600_000).SerializeToString())
    first = parts(tmp_path, nobody(), FakeMeasurer(), config=Config(lab=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "LAB_PATIENCE_S", 0.05)
        with pytest.raises(CommandError, match="2 measurements were not acknowledged"):
            await Agent(first).once()
    await first.spool.close()
    async with listening(ScriptedCollector()) as collector:
        second = parts(tmp_path, collector.url, FakeMeasurer())
        async with running(Agent(second)):
            await collector.until(lambda seen: seen.sequences == {1, 2})
        assert 2 == collector.hellos[0].backlog


async def test_once_measures_every_target_and_waits_for_the_acknowledgements(tmp_path: Path) -> None:
    async with listening(ScriptedCollector(plan=signed_plan(X, Y, interval_ms=3_600_000))) as collector:
        made = parts(tmp_path, collector.url, FakeMeasurer())
        await Agent(made).once()
    assert (2, 2, 0) == (made.spool.counts.produced, made.spool.counts.acked, made.spool.counts.waiting)


@pytest.mark.parametrize(
    ("script", "reachable", "code", "text"),
    [
        (ScriptedCollector(), True, ExitCode.FAILED, "no plan yet"),
        (ScriptedCollector(), False, ExitCode.UNREACHABLE, "cannot be reached"),
        (
            ScriptedCollector(plan=signed_plan(X), answers=(say_nothing,)),
            True,
            ExitCode.FAILED,
            "1 measurements were not acknowledged",
        ),
    ],
)
async def test_once_says_what_it_lacked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steady: Steady,
    script: ScriptedCollector,
    reachable: bool,
    code: ExitCode,
    text: str,
) -> None:
    """Its patience is over once all that will ever come has come, and not before."""
    monkeypatch.setattr(app, "LAB_PATIENCE_S", patience_s := PATIENCE_S / 2)
    async with listening(script) as collector:
        made = parts(tmp_path, collector.url if reachable else nobody(), FakeMeasurer())
        agent = Agent(replace(made, pace=replace(made.pace, ack_s=NEVER_S)))
        once = asyncio.create_task(agent.once())
        if reachable:
            await collector.until(lambda seen: bool(seen.batches or (seen.hellos and not seen.plan)))
            await until(lambda: agent._uplink.connected)
        while not once.done():
            steady.leap(patience_s)
            await asyncio.sleep(0.5)
        with pytest.raises(CommandError, match=text) as raised:
            await once
    assert code is raised.value.code
    assert "\n" not in str(raised.value)


async def test_once_says_how_many_targets_the_day_had_no_bytes_for(tmp_path: Path) -> None:
    async with listening(ScriptedCollector(plan=signed_plan(X, Y))) as collector:
        made = parts(tmp_path, collector.url, FakeMeasurer(), config=Config(lab=True, bytes_per_day=1))
        with pytest.raises(CommandError, match="2 targets were left out"):
            await Agent(made).once()


async def test_once_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(ScriptedCollector()) as collector:
        agent = Agent(parts(tmp_path, collector.url, FakeMeasurer()))
        monkeypatch.setattr(app, "LAB_PATIENCE_S", NEVER_S)
        task = asyncio.create_task(agent.once())
        await collector.until(lambda seen: bool(seen.hellos))
        agent.stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await task


async def test_a_revoked_agent_ends_with_one_line_and_keeps_its_spool(tmp_path: Path) -> None:
    def revoke(batch: wire.MeasurementBatch) -> None:
        raise Hangup(grpc.StatusCode.UNAUTHENTICATED, "the credential was revoked")

    async with listening(ScriptedCollector(plan=signed_plan(X, interval_ms=100), answers=(revoke,))) as collector:
        made = parts(tmp_path, collector.url, FakeMeasurer())
        with pytest.raises(CommandError, match="the credential was revoked") as raised:
            await Agent(made).run()
    assert ExitCode.NOT_JOINED is raised.value.code
    assert made.spool.counts.waiting > 0


async def test_status_hears_of_the_link_and_of_its_end(tmp_path: Path) -> None:
    home = Home(path=tmp_path)
    async with listening(ScriptedCollector(plan=signed_plan(X, interval_ms=100))) as collector:
        agent = Agent(parts(tmp_path, collector.url, FakeMeasurer()))
        async with running(agent) as task:
            await collector.until(lambda seen: bool(seen.sequences))
            during = home.link()
            agent.stop.set()
            await task
    after = home.link()
    assert during is not None
    assert after is not None
    assert (collector.url, True, False) == (during.endpoint, during.connected, after.connected)


async def test_the_way_that_worked_is_where_the_next_run_begins(tmp_path: Path) -> None:
    async with listening(ScriptedCollector()) as first, listening(ScriptedCollector()) as second:
        for urls in ((nobody(), second.url), (first.url, second.url)):
            made = parts(tmp_path, urls[0], FakeMeasurer())
            made = replace(made, credential=replace(made.credential, endpoints=urls))
            before = second.heartbeats
            async with running(Agent(made)):
                await second.until(lambda seen, before=before: seen.heartbeats > before)
            await made.spool.close()
            found = made.home.link()
            assert found is not None
            assert second.url == found.worked
    assert [] == first.hellos


async def test_an_agent_without_an_address_that_it_may_use_does_not_start(tmp_path: Path) -> None:
    made = replace(
        parts(tmp_path, "", FakeMeasurer(), config=Config()), credential=credential("http://collector.example:1")
    )
    with pytest.raises(CommandError, match="not encrypted"):
        Agent(made)
