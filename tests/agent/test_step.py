import asyncio
from dataclasses import replace

import pytest

from rabta_agent.probes.step import Outcome
from rabta_proto.model import Observation, TcpConnect
from rabta_proto.vocabulary import AddressSource
from support.scenes import StoppedClock, make_scene, within

DETAIL = TcpConnect(address="192.0.2.1", port=443, source=AddressSource.SYSTEM)


async def succeed() -> str:
    return "opened"


async def fail(error: Exception) -> str:
    raise error


async def never() -> str:
    await asyncio.Event().wait()
    return ""


async def test_a_success_has_a_value_and_no_failure() -> None:
    outcome = await make_scene().timed(succeed(), lambda: DETAIL, within())
    assert ("opened", None) == (outcome.value, outcome.observation.failure)


async def test_a_failure_is_an_observation_and_no_exception() -> None:
    outcome = await make_scene().timed(fail(ConnectionRefusedError(111, "")), lambda: DETAIL, within())
    assert (None, "connection_refused", "ECONNREFUSED") == (
        outcome.value,
        outcome.observation.failure,
        outcome.observation.failure_detail,
    )


async def test_what_nobody_thought_of_is_an_unknown_failure() -> None:
    outcome = await make_scene().timed(fail(RuntimeError("odd")), lambda: DETAIL, within())
    assert "unknown_failure: RuntimeError" == outcome.observation.failure


async def test_a_deadline_that_runs_out_is_ours() -> None:
    outcome: Outcome[str] = await make_scene().timed(never(), lambda: DETAIL, within(0.01))
    assert "generic_timeout_error" == outcome.observation.failure
    assert outcome.observation.duration_us >= 9_000


async def test_cancellation_from_outside_is_let_through() -> None:
    task = asyncio.ensure_future(make_scene().timed(never(), lambda: DETAIL, within()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_observation_says_where_when_and_how_long() -> None:
    clock = StoppedClock()
    scene = replace(make_scene(), clock=clock, zero=0.0, hop=2, attempt=3)
    clock.seconds = 1.5

    async def work() -> None:
        clock.seconds = 1.75

    outcome = await scene.timed(work(), lambda: DETAIL, within())
    expected = Observation(detail=DETAIL, offset_us=1_500_000, duration_us=250_000, hop=2, attempt=3)
    assert expected == outcome.observation


async def test_what_was_seen_is_told_after_the_work() -> None:
    seen: list[int] = []

    async def work() -> None:
        seen.append(1)
        raise EOFError

    outcome = await make_scene().timed(work(), lambda: replace(DETAIL, port=len(seen)), within())
    assert replace(DETAIL, port=1) == outcome.observation.detail
