"""One session against a real gRPC server: nothing is deleted unacknowledged, and every way a stream ends is noticed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from rabta_agent import session as session_module
from rabta_agent.clock import SystemClock
from rabta_agent.contacts import contact_of
from rabta_agent.dial import Dialler
from rabta_agent.endpoint import Endpoint, parse_endpoint
from rabta_agent.exits import ExitCode
from rabta_agent.lanes import BACKLOG_BATCHES, LIVE_BATCHES
from rabta_agent.line import Road
from rabta_agent.session import Caller, Pace, Session
from rabta_agent.spool import Spool
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.stream import RefusedError, SessionEndedError
from rabta_agent.traffic import Traffic
from rabta_proto.model import Measurement
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.plan_pb2 import SignedPlan
from support.ports import hold
from support.scripted_collector import (
    Hangup,
    ScriptedCollector,
    accept,
    hang_up,
    listening,
    reject,
    say_nothing,
    signed_plan,
)
from support.waiting import PATIENCE_S

PACE = Pace(welcome_s=PATIENCE_S, ack_s=PATIENCE_S, linger_s=0.0, backoff_cap_s=0.01, steady_s=10.0)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Ear:
    """Hears what a session reports."""

    def __init__(self) -> None:
        self.plans: list[SignedPlan] = []
        self.links: list[tuple[bool, str]] = []
        self.rotations: asyncio.Queue[wire.Rotation] = asyncio.Queue()
        self.requests: asyncio.Queue[wire.MeasureNow] = asyncio.Queue()

    async def on_plan(self, plan: SignedPlan) -> None:
        self.plans.append(plan)

    async def on_rotation(self, rotation: wire.Rotation) -> None:
        self.rotations.put_nowait(rotation)

    def on_link(self, connected: bool, endpoint: Endpoint, trouble: str) -> None:
        self.links.append((connected, trouble))


def measured(number: int) -> Measurement:
    return Measurement(target=f"https://x.com/{number}", started_at=NOW, duration_us=1, agent_version="1")


def spool_with(path: Path, count: int) -> SpoolThread:
    spool = Spool(path / "spool.sqlite", limit_bytes=10**8, today=lambda: NOW)
    for number in range(count):
        spool.append(measured(number), contact_of(measured(number)))
    return SpoolThread(spool)


def make(collector: ScriptedCollector, spool: SpoolThread, *, pace: Pace = PACE, ear: Ear | None = None) -> Session:
    ear = ear or Ear()
    endpoint = parse_endpoint(collector.url, lab=True)
    caller = Caller(
        authorization=lambda: "Bearer a.s",
        on_rotation=ear.on_rotation,
        endpoints=(endpoint,),
        hello=lambda: wire.Hello(agent_version="1", backlog=spool.counts.waiting, epoch=spool.counts.epoch),
        on_plan=ear.on_plan,
        on_request=ear.requests.put_nowait,
        on_link=ear.on_link,
    )
    return Session(caller, endpoint, spool, dial=Dialler(Road()), pace=pace, clock=SystemClock(), traffic=Traffic())


@asynccontextmanager
async def running(session: Session) -> AsyncIterator["asyncio.Task[None]"]:
    task: asyncio.Task[None] = asyncio.create_task(session.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def emptied(spool: SpoolThread) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while spool.counts.waiting:
            spool.changed.clear()
            await spool.changed.wait()


async def ending(session: Session) -> str:
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(SessionEndedError) as raised:
            await session.run()
    return str(raised.value)


async def test_it_says_hello_first_and_shows_its_credential(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 3)
    async with listening(ScriptedCollector(answers=(say_nothing,))) as collector, running(make(collector, spool)):
        await collector.until(lambda seen: bool(seen.batches))
        assert ["Bearer a.s"] == collector.authorizations
        assert (3, spool.counts.epoch) == (collector.hellos[0].backlog, collector.hellos[0].epoch)


async def test_what_is_acknowledged_is_deleted_and_what_is_not_stays(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 3)
    async with listening(ScriptedCollector()) as collector, running(make(collector, spool)):
        await emptied(spool)
        assert (3, 3) == (spool.counts.acked, len(collector.sequences))


async def test_a_backlog_goes_up_newest_batch_first_and_whole(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 230)
    async with listening(ScriptedCollector()) as collector, running(make(collector, spool)):
        await emptied(spool)
        assert list(range(181, 231)) == collector.batches[0]
        assert set(range(1, 231)) == collector.sequences
        assert 230 == sum(map(len, collector.batches))  # none twice


async def test_without_acknowledgements_only_so_many_batches_are_on_their_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "BATCH_MEASUREMENTS", 2)
    spool = spool_with(tmp_path, 20)
    for number in range(21, 41):  # a moment ago, by this process: the present
        await spool.append(measured(number))
    script = ScriptedCollector(answers=(say_nothing,))
    async with listening(script) as collector, running(make(collector, spool)):
        await collector.until(lambda seen: seen.heartbeats >= 1)
        assert [[39, 40], [37, 38], [35, 36], [19, 20]] == collector.batches
        assert LIVE_BATCHES + BACKLOG_BATCHES == len(collector.batches)
        assert 40 == spool.counts.waiting


async def test_a_collector_that_asks_for_patience_holds_the_backlog_and_not_what_is_new(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 200)
    slow = wire.SessionResponse(slow_down=wire.SlowDown(for_s=600))

    def ask_for_patience(batch: wire.MeasurementBatch) -> wire.SessionResponse:
        return slow

    async with listening(ScriptedCollector(answers=(ask_for_patience, accept))) as collector:
        session = make(collector, spool)
        async with running(session):
            await collector.until(lambda seen: bool(seen.batches))
            await spool.append(measured(201))
            session.wake()
            await collector.until(lambda seen: 201 in seen.sequences and seen.heartbeats >= 1)
        assert [list(range(151, 201)), [201]] == collector.batches


async def test_a_new_measurement_goes_up_when_the_session_is_woken(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 0)
    async with listening(ScriptedCollector()) as collector:
        session = make(collector, spool)
        async with running(session):
            await collector.until(lambda seen: bool(seen.hellos))
            await spool.append(measured(1))
            session.wake()
            await emptied(spool)
    assert [[1]] == collector.batches


async def test_what_is_rejected_is_deleted_and_counted_apart(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 2)
    async with listening(ScriptedCollector(answers=(reject,))) as collector, running(make(collector, spool)):
        await emptied(spool)
    assert (0, 2) == (spool.counts.acked, spool.counts.rejected)


async def test_an_outcome_of_the_future_keeps_the_measurement_without_sending_it_for_ever(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 1)

    def odd(batch: wire.MeasurementBatch) -> wire.SessionResponse:
        return wire.SessionResponse(ack=wire.Ack(epoch=spool.counts.epoch, ranges=[wire.AckRange(first=1, last=1)]))

    async with listening(ScriptedCollector(answers=(odd, accept))) as collector:
        session = make(collector, spool)
        async with running(session):
            await collector.until(lambda seen: bool(seen.batches))
            await spool.append(measured(2))
            session.wake()
            await collector.until(lambda seen: 2 in seen.sequences)
        assert [[1], [2]] == collector.batches


async def test_an_idle_session_says_that_it_lives(tmp_path: Path) -> None:
    async with listening(ScriptedCollector()) as collector, running(make(collector, spool_with(tmp_path, 0))):
        await collector.until(lambda seen: seen.heartbeats >= 1)


async def test_a_plan_is_handed_on(tmp_path: Path) -> None:
    ear, plan = Ear(), signed_plan("https://x.com/")
    spool = spool_with(tmp_path, 1)
    async with listening(ScriptedCollector(plan=plan)) as collector, running(make(collector, spool, ear=ear)):
        await emptied(spool)
    assert [plan] == ear.plans


async def test_a_request_to_measure_now_is_handed_on(tmp_path: Path) -> None:
    ear, request = Ear(), wire.MeasureNow(request=7, target="https://x.com/", within_ms=1)
    spool = spool_with(tmp_path, 1)
    script = ScriptedCollector(answers=(lambda batch: wire.SessionResponse(measure_now=request), accept))
    async with listening(script) as collector, running(make(collector, spool, ear=ear)):
        await collector.until(lambda seen: bool(seen.batches))
        async with asyncio.timeout(PATIENCE_S):
            assert request == await ear.requests.get()


async def test_a_response_of_the_future_is_ignored(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 2)
    script = ScriptedCollector(answers=(lambda batch: wire.SessionResponse(), accept))
    async with listening(script) as collector:
        session = make(collector, spool)
        async with running(session):
            await collector.until(lambda seen: bool(seen.batches))
            await spool.append(measured(3))
            session.wake()
            await collector.until(lambda seen: 3 in seen.sequences)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN])
async def test_a_stream_that_breaks_ends_the_session_and_deletes_nothing(tmp_path: Path, code: grpc.StatusCode) -> None:
    spool = spool_with(tmp_path, 2)

    def break_off(batch: wire.MeasurementBatch) -> None:
        raise Hangup(code, "why not")

    async with listening(ScriptedCollector(answers=(break_off,))) as collector:
        assert f"{code.name.lower()}: why not" == await ending(make(collector, spool))
    assert 2 == spool.counts.waiting


async def test_a_stream_that_the_other_end_cancels_ends_the_session(tmp_path: Path) -> None:
    """It must not pass for a task of ours that was cancelled."""

    def cancel(batch: wire.MeasurementBatch) -> None:
        raise Hangup(grpc.StatusCode.CANCELLED, "")

    async with listening(ScriptedCollector(answers=(cancel,))) as collector:
        assert "cancelled: " in await ending(make(collector, spool_with(tmp_path, 1)))


async def test_a_collector_that_is_silent_about_batches_is_left(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 1)
    async with listening(ScriptedCollector(answers=(say_nothing,))) as collector:
        session = make(collector, spool, pace=replace(PACE, ack_s=0.05))
        assert "no acknowledgement within 0.05 s" == await ending(session)
    assert (True, False, 1) == (session.greeted, session.acknowledged, spool.counts.waiting)


async def test_a_collector_that_does_not_say_welcome_is_left(tmp_path: Path) -> None:
    async with listening(ScriptedCollector(welcome=False)) as collector:
        session = make(collector, spool_with(tmp_path, 0), pace=replace(PACE, welcome_s=0.05))
        assert "no welcome within 0.05 s" == await ending(session)
        assert not session.greeted


async def test_what_is_no_collector_is_named_so(tmp_path: Path) -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    script = ScriptedCollector(url=f"http://127.0.0.1:{port}")
    assert "no Rabta collector" in await ending(make(script, spool_with(tmp_path, 0)))
    await server.stop(0)


async def test_a_collector_that_is_not_there_is_named_without_a_traceback(tmp_path: Path) -> None:
    nobody = ScriptedCollector(url=f"http://127.0.0.1:{hold()}")
    text = await ending(make(nobody, spool_with(tmp_path, 0)))
    assert "unavailable" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, ExitCode.NOT_JOINED),
        (grpc.StatusCode.PERMISSION_DENIED, ExitCode.NOT_JOINED),
        (grpc.StatusCode.FAILED_PRECONDITION, ExitCode.FAILED),
    ],
)
async def test_a_collector_that_does_not_want_this_agent_ends_it(
    tmp_path: Path, code: grpc.StatusCode, exit_code: ExitCode
) -> None:
    async with listening(ScriptedCollector(refusal=(code, "the credential was revoked"))) as collector:
        with pytest.raises(RefusedError, match="the credential was revoked") as raised:
            await make(collector, spool_with(tmp_path, 1)).run()
    assert exit_code is raised.value.code


async def test_a_revocation_in_the_midst_of_a_session_ends_the_agent(tmp_path: Path) -> None:
    def revoke(batch: wire.MeasurementBatch) -> None:
        raise Hangup(grpc.StatusCode.UNAUTHENTICATED, "revoked")

    spool = spool_with(tmp_path, 1)
    async with listening(ScriptedCollector(answers=(revoke,))) as collector:
        with pytest.raises(RefusedError, match="revoked"):
            await make(collector, spool).run()
    assert 1 == spool.counts.waiting


async def test_cancelling_ends_it_at_once_and_reports_nothing(tmp_path: Path) -> None:
    async with listening(ScriptedCollector(answers=(say_nothing,))) as collector:
        task: asyncio.Task[None] = asyncio.create_task(make(collector, spool_with(tmp_path, 1)).run())
        await collector.until(lambda seen: bool(seen.batches))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cancelling_at_the_moment_at_which_the_stream_breaks_is_heeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(ScriptedCollector()) as collector:
        session = make(collector, spool_with(tmp_path, 0))

        async def break_as_it_is_cancelled(call: object) -> None:
            task.cancel()
            raise SessionEndedError("broken")

        monkeypatch.setattr(session, "_hear", break_as_it_is_cancelled)
        task: asyncio.Task[None] = asyncio.create_task(session.run())
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_delivery_is_a_contact_that_the_volunteer_can_read(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 1)
    async with listening(ScriptedCollector(answers=(accept, hang_up))) as collector, running(make(collector, spool)):
        await emptied(spool)
    assert spool.counts.bytes_today > 100


async def test_a_new_secret_is_handed_on(tmp_path: Path) -> None:
    def rotate(batch: wire.MeasurementBatch) -> wire.SessionResponse:
        return wire.SessionResponse(rotation=wire.Rotation(secret="n" * 43))

    ear = Ear()
    async with listening(ScriptedCollector(answers=(rotate,))) as collector:
        session = make(collector, spool_with(tmp_path, 1), ear=ear)
        running = asyncio.create_task(session.run())
        async with asyncio.timeout(30):
            assert "n" * 43 == (await ear.rotations.get()).secret
        running.cancel()
        await asyncio.wait({running})


def test_the_backlogs_rate_is_the_volunteers_where_one_was_chosen() -> None:
    assert [16_000, 4000, 1_000_000, 4000] == [
        Pace.of(lab=lab, backlog_bytes_per_s=chosen).backlog_bytes_per_s
        for lab, chosen in ((False, None), (False, 4000), (True, None), (True, 4000))
    ]
