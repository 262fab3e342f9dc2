"""A day without a collector: afterwards what is fresh stays fresh, while the day's measurements go up at their rate.

The agent's own spool and session in one event loop, on a clock that the test turns; the collector is a script.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from rabta_agent.contacts import contact_of
from rabta_agent.endpoint import Endpoint, parse_endpoint
from rabta_agent.lanes import BACKLOG_BYTES_PER_S, BURST_S
from rabta_agent.session import Caller, Pace, Session
from rabta_agent.spool import Spool
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.stream import SessionEndedError
from rabta_agent.traffic import Traffic
from rabta_proto.model import Measurement
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.plan_pb2 import SignedPlan
from support.fake_time import FakeTime
from support.scripted_collector import ack_of

P = ParamSpec("P")
T = TypeVar("T")
DAY_S = 86_400
EVERY_S = 120  # between two measurements
CYCLE_S = 5.0  # within which a fresh one is acknowledged: the linger, and a round trip of nothing
BYTES = 2_000  # of one measurement, about what a full one takes


class InlineSpool(SpoolThread):
    """The spool without its thread, so that nothing happens but in its turn."""

    async def _do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        await asyncio.sleep(0)
        return work(*args, **kwargs)


@dataclass(slots=True)
class Script:
    """A stream whose other end acknowledges what comes, and remembers when it came."""

    time: FakeTime
    slow_down: wire.SlowDown | None = None
    came: list[tuple[float, list[int], int]] = field(default_factory=list)  # when, which, bytes
    responses: "asyncio.Queue[wire.SessionResponse | None]" = field(default_factory=asyncio.Queue)

    def has(self, sequence: int) -> bool:
        return any(sequence in batch for _, batch, _ in self.came)

    async def dial(self, endpoint: Endpoint, authorization: str, traffic: Traffic) -> "Script":
        return self

    async def write(self, request: wire.SessionRequest) -> None:
        match request.WhichOneof("message"):
            case "hello":
                welcome = wire.Welcome(heartbeat_interval_s=300)
                self.responses.put_nowait(wire.SessionResponse(welcome=welcome))
                if self.slow_down is not None:
                    self.responses.put_nowait(wire.SessionResponse(slow_down=self.slow_down))
            case "batch":
                numbers = [one.sequence for one in request.batch.measurements]
                size = sum(one.ByteSize() for one in request.batch.measurements)
                self.came.append((self.time.monotonic(), numbers, size))
                self.responses.put_nowait(wire.SessionResponse(ack=ack_of(request.batch)))

    async def read(self) -> wire.SessionResponse:
        response = await self.responses.get()
        if response is None:
            raise SessionEndedError("cut")
        return response

    async def close(self) -> None:
        pass


async def ignore_plan(plan: SignedPlan) -> None:
    pass


def session_with(script: Script, spool: SpoolThread, time: FakeTime) -> Session:
    endpoint = parse_endpoint("https://collector.example", lab=False)
    caller = Caller(
        authorization=lambda: "Bearer a.s",
        on_rotation=ignore_plan,
        endpoints=(endpoint,),
        hello=lambda: wire.Hello(backlog=spool.counts.waiting),
        on_plan=ignore_plan,
        on_request=lambda request: None,
        on_link=lambda connected, where, trouble: None,
    )
    return Session(
        caller,
        endpoint,
        spool,
        dial=script.dial,
        pace=Pace(sleep=time.sleep),
        clock=time,
        traffic=Traffic(),
    )


def measured(time: FakeTime) -> Measurement:
    return Measurement(target="https://x.com/" + "x" * BYTES, started_at=time.now(), duration_us=1, agent_version="1")


def after_a_day(path: Path, time: FakeTime) -> InlineSpool:
    """A spool that nobody emptied for a day."""
    spool = Spool(path / "spool.sqlite", limit_bytes=64 * 1024**2, today=time.now, steady=time.monotonic, boot="b")
    spool._connection.execute("PRAGMA synchronous = OFF")  # a day's syncs are no part of this
    for _ in range(DAY_S // EVERY_S):
        time.advance(EVERY_S)
        one = measured(time)
        spool.append(one, contact_of(one))
    time.advance(EVERY_S)
    return InlineSpool(spool, monotonic=time.monotonic)


async def deliver(
    script: Script, spool: InlineSpool, time: FakeTime, *, cycles: int
) -> tuple[dict[int, float], dict[int, float]]:
    """Runs a session while measuring goes on; when each fresh one was measured, and when it was acknowledged."""
    session = session_with(script, spool, time)
    task = asyncio.create_task(session.run())
    measured_at: dict[int, float] = {}
    acked_at: dict[int, float] = {}
    await time.settle()
    for _ in range(cycles):
        sequence = await spool.append(measured(time))
        measured_at[sequence] = time.monotonic()
        session.wake()
        await time.run(EVERY_S, until=partial(script.has, sequence))
        acked_at[sequence] = time.monotonic()
        await time.run(measured_at[sequence] + EVERY_S - time.monotonic())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return measured_at, acked_at


async def test_after_a_day_offline_what_is_fresh_stays_fresh(tmp_path: Path) -> None:
    time = FakeTime()
    spool, script = after_a_day(tmp_path, time), Script(time)
    backlog = DAY_S // EVERY_S
    began = time.monotonic()
    measured_at, acked_at = await deliver(script, spool, time, cycles=6)
    await spool.close()

    delays = [acked_at[number] - measured_at[number] for number in measured_at]
    assert max(delays) <= CYCLE_S
    numbers = [number for _, batch, _ in script.came for number in batch]
    assert sorted(numbers) == list(range(1, backlog + 6 + 1))  # each once
    assert (backlog + 6, 0) == (spool.counts.acked, spool.counts.waiting)

    past = [(at, batch, size) for at, batch, size in script.came if max(batch) <= backlog]
    lasted = past[-1][0] - began
    total = sum(size for _, _, size in past)
    assert 0.9 * total / BACKLOG_BYTES_PER_S <= lasted + BURST_S <= 1.4 * total / BACKLOG_BYTES_PER_S  # at the cap
    for start in range(0, len(past), 7):  # and at no time above it, but for one burst and one measurement's head
        bytes_since = sum(size for _, _, size in past[start:])
        assert bytes_since <= (past[-1][0] - past[start][0] + 2 * BURST_S) * BACKLOG_BYTES_PER_S * 1.02
    assert [max(batch) for _, batch, _ in past] == sorted((max(batch) for _, batch, _ in past), reverse=True)


async def test_a_collector_that_asks_for_patience_gets_the_past_later_and_the_present_as_before(
    tmp_path: Path,
) -> None:
    time = FakeTime()
    spool = after_a_day(tmp_path, time)
    script = Script(time, slow_down=wire.SlowDown(for_s=120, backlog_bytes_per_s=0, live_pause_ms=1_000))
    began = time.monotonic()
    measured_at, acked_at = await deliver(script, spool, time, cycles=4)
    await spool.close()
    assert max(acked_at[number] - measured_at[number] for number in measured_at) <= CYCLE_S
    past = [at - began for at, batch, _ in script.came if max(batch) <= DAY_S // EVERY_S]
    assert 120 <= past[0] <= 125
    assert len(past) > 10  # then it goes on


async def test_what_was_measured_just_before_the_session_is_the_present_too(tmp_path: Path) -> None:
    time = FakeTime()
    spool, script = after_a_day(tmp_path, time), Script(time)
    sequence = await spool.append(measured(time))
    time.advance(90)
    task = asyncio.create_task(session_with(script, spool, time).run())
    await time.run(1, until=lambda: bool(script.came))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await spool.close()
    assert [sequence] == script.came[0][1]
