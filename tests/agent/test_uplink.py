"""Over broken sessions and new ones, everything arrives, and what was not acknowledged arrives again."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
import structlog

from rabta_agent import ladder
from rabta_agent.clock import SystemClock
from rabta_agent.contacts import contact_of
from rabta_agent.dial import Dialler
from rabta_agent.endpoint import Endpoint, parse_endpoint
from rabta_agent.line import Road
from rabta_agent.session import Caller, Pace
from rabta_agent.spool import Spool
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.stream import RefusedError
from rabta_agent.uplink import Uplink
from rabta_proto.model import Measurement
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.plan_pb2 import SignedPlan
from support.kernel import sockets_of
from support.ports import hold
from support.scripted_collector import ScriptedCollector, accept, hang_up, listening
from support.steady import Steady
from support.waiting import PATIENCE_S, until

PACE = Pace(welcome_s=PATIENCE_S, ack_s=PATIENCE_S, linger_s=0.0, backoff_cap_s=0.02, steady_s=10.0)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


async def ignore_plan(plan: SignedPlan) -> None:
    pass


class Links:
    """What was reported of the link, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[bool, str]] = []

    def __call__(self, connected: bool, endpoint: Endpoint, trouble: str) -> None:
        self.heard.append((connected, trouble))


def spool_with(path: Path, count: int) -> SpoolThread:
    spool = Spool(path / "spool.sqlite", limit_bytes=10**8, today=lambda: NOW)
    for number in range(count):
        one = Measurement(target=f"https://x.com/{number}", started_at=NOW, duration_us=1, agent_version="1")
        spool.append(one, contact_of(one))
    return SpoolThread(spool)


def make(
    urls: Sequence[str], spool: SpoolThread, *, links: Links | None = None, pace: Pace = PACE, worked: str = ""
) -> Uplink:
    caller = Caller(
        authorization=lambda: "Bearer a.s",
        on_rotation=ignore_plan,
        endpoints=[parse_endpoint(url, lab=True) for url in urls],
        hello=lambda: wire.Hello(agent_version="1", backlog=spool.counts.waiting),
        on_plan=ignore_plan,
        on_request=lambda _: None,
        on_link=links or Links(),
    )
    return Uplink(caller, spool, dial=Dialler(Road()), pace=pace, clock=SystemClock(), draw=lambda: 0.0, worked=worked)


def url_of(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@asynccontextmanager
async def running(uplink: Uplink) -> AsyncIterator[None]:
    with structlog.testing.capture_logs():
        task: asyncio.Task[None] = asyncio.create_task(uplink.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@contextmanager
def uncollected() -> Iterator[None]:
    """What ends is to go at once, and not when Python next looks for what nobody holds."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def drained(uplink: Uplink) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await uplink.drained()


async def test_an_empty_spool_is_drained_at_once(tmp_path: Path) -> None:
    await drained(make(["http://127.0.0.1:1"], spool_with(tmp_path, 0)))


async def test_acknowledgements_that_were_lost_cost_a_duplicate_and_never_a_measurement(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 120)
    async with listening(ScriptedCollector(answers=(accept, hang_up, hang_up, accept))) as collector:
        uplink = make([collector.url], spool)
        async with running(uplink):
            await drained(uplink)
    assert 120 == spool.counts.acked
    assert set(range(1, 121)) == collector.sequences
    assert 3 == len(collector.hellos)
    assert sum(map(len, collector.batches)) > 120  # sent again


async def test_a_collector_that_was_restarted_is_found_again(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 1)
    links = Links()
    port = hold()
    async with listening(ScriptedCollector(), port=port) as first:
        uplink = make([first.url], spool, links=links)
        task = asyncio.create_task(uplink.run())
        await drained(uplink)
        assert uplink.connected
    await spool.append(Measurement(target="https://x.com/2", started_at=NOW, duration_us=1, agent_version="1"))
    async with listening(ScriptedCollector(), port=port) as second:
        await drained(uplink)
    assert {2} == second.sequences
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    connected = [connected for connected, _ in links.heard]
    assert connected[:2] == [True, False]
    assert connected[-2:] == [True, False]


async def test_the_next_address_is_tried_when_one_does_not_answer(tmp_path: Path) -> None:
    async with listening(ScriptedCollector()) as collector:
        uplink = make([url_of(hold()), collector.url], spool_with(tmp_path, 1))
        async with running(uplink):
            await drained(uplink)
    assert {1} == collector.sequences


async def test_the_address_that_worked_is_kept(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 60)
    async with (
        listening(ScriptedCollector(answers=(hang_up, accept))) as first,
        listening(ScriptedCollector()) as second,
    ):
        uplink = make([first.url, second.url], spool)
        async with running(uplink):
            await drained(uplink)
    assert (2, 0) == (len(first.hellos), len(second.hellos))


async def test_a_way_that_lets_greetings_through_and_nothing_more_is_left(tmp_path: Path) -> None:
    async with listening(ScriptedCollector(answers=(hang_up,))) as first, listening(ScriptedCollector()) as second:
        uplink = make([first.url, second.url], spool_with(tmp_path, 1))
        async with running(uplink):
            await drained(uplink)
    assert (2, 1) == (len(first.hellos), len(second.hellos))


async def test_a_better_way_is_tried_again_while_a_worse_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steady: Steady
) -> None:
    monkeypatch.setattr(ladder, "RETRY_S", 10 * PATIENCE_S)
    async with listening(ScriptedCollector()) as better, listening(ScriptedCollector()) as worse:
        spool = spool_with(tmp_path, 1)
        uplink = make([better.url, worse.url], spool, worked=worse.url)
        async with running(uplink):
            await worse.until(lambda seen: bool(seen.hellos))
            assert not better.hellos
            await drained(uplink)
            steady.leap(10 * PATIENCE_S)
            await better.until(lambda seen: bool(seen.hellos))
    assert (1, 1) == (len(worse.hellos), len(better.hellos))


async def test_trouble_is_reported_and_so_is_its_end(tmp_path: Path) -> None:
    links = Links()
    async with listening(ScriptedCollector(answers=(hang_up, accept))) as collector:
        uplink = make([collector.url], spool_with(tmp_path, 1), links=links)
        async with running(uplink):
            await drained(uplink)
    assert [(True, ""), (False, "unavailable: going down"), (True, "")] == links.heard[:3]


async def test_pauses_grow_while_nothing_answers_and_start_again_after_a_success(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 1)
    uplink = make([url_of(hold())], spool, pace=replace(PACE, backoff_cap_s=2.0))
    pauses: list[float] = []
    original = asyncio.sleep

    async def note(delay: float, result: object = None) -> object:
        if delay >= 0.25:
            pauses.append(delay)
            delay = 0
        return await original(delay, result)

    with pytest.MonkeyPatch.context() as patch, structlog.testing.capture_logs() as events:
        patch.setattr("rabta_agent.uplink.asyncio.sleep", note)
        task = asyncio.create_task(uplink.run())
        async with asyncio.timeout(PATIENCE_S):
            while len(pauses) < 4:
                await original(0.001)
        patch.undo()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [0.25, 0.5, 1.0, 1.0] == pauses[:4]
    assert ["warning", "debug", "debug"] == [event["log_level"] for event in events][:3]  # one cause, said once


async def test_a_refusal_ends_it_with_one_line(tmp_path: Path) -> None:
    async with listening(ScriptedCollector(refusal=(grpc.StatusCode.UNAUTHENTICATED, "revoked"))) as collector:
        links = Links()
        uplink = make([collector.url], spool_with(tmp_path, 1), links=links)
        with pytest.raises(RefusedError, match="revoked"):
            await uplink.run()
    assert not uplink.connected
    assert [(False, "the collector does not take this agent any more: revoked")] == links.heard


async def test_a_stop_is_no_trouble(tmp_path: Path) -> None:
    async with listening(ScriptedCollector()) as collector:
        links = Links()
        uplink = make([collector.url], spool_with(tmp_path, 1), links=links)
        async with running(uplink):
            await drained(uplink)
    assert [(True, ""), (False, "")] == links.heard


async def test_a_session_that_ended_leaves_no_connection_behind(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 1)
    async with listening(ScriptedCollector(answers=(hang_up, hang_up, hang_up, accept))) as collector:
        local = f":{int(collector.url.rpartition(':')[2]):04X}"

        def standing() -> int:
            return sum(one.connected and one.local.endswith(local) for one in sockets_of(os.getpid()))

        with uncollected():
            async with running(make([collector.url], spool)):
                await spool.drained()
                await until(lambda: standing() == 1)
            await until(lambda: not standing())
    await spool.close()


async def test_a_collector_that_sends_without_end_is_left_until_the_next_day(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 1)
    flood = SignedPlan(plan=bytes(200_000), signature=b"x")
    async with listening(ScriptedCollector(plan=flood)) as collector:
        uplink = make([collector.url], spool)
        uplink._traffic.most = 500_000
        with structlog.testing.capture_logs() as lines:
            task: asyncio.Task[None] = asyncio.create_task(uplink.run())
            async with asyncio.timeout(PATIENCE_S):
                while not any(line["event"] == "link.too_dear" for line in lines):
                    collector.answers = (hang_up,)
                    await asyncio.wait({task}, timeout=0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert len(collector.hellos) < 10
        assert not uplink.connected
    await spool.close()
