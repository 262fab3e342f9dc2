"""The spool beside the event loop: what was begun ends, and everyone hears of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from rabta_agent.contacts import Contact
from rabta_agent.inflight import Settled
from rabta_agent.spool import Spool
from rabta_agent.spool_thread import SpoolThread
from rabta_proto.codec import to_message
from rabta_proto.model import Measurement

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MEASUREMENT = Measurement(
    target="https://x.com/", started_at=NOW, duration_us=1, agent_version="1", bytes_sent=5, bytes_received=6
)


DELIVERY = Contact(at=NOW, purpose="collector", peers=(), bytes_sent=1, bytes_received=1)


class Calendar:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def thread(tmp_path: Path) -> AsyncIterator[SpoolThread]:
    opened = SpoolThread(Spool(tmp_path / "spool.sqlite", limit_bytes=10**6, today=Calendar()))
    yield opened
    await opened.close()


async def test_counts_are_as_of_the_last_call(thread: SpoolThread) -> None:
    assert 0 == thread.counts.produced
    assert 1 == await thread.append(MEASUREMENT)
    assert (1, 1, 11) == (thread.counts.produced, thread.counts.waiting, thread.bytes_today)
    assert thread.changed.is_set()


async def test_an_acknowledgement_empties_it(thread: SpoolThread) -> None:
    await thread.append(MEASUREMENT)
    (waiting,) = await thread.newest(most=5, most_bytes=1000, skip=())
    contact = Contact(at=NOW, purpose="collector", peers=(), bytes_sent=1, bytes_received=1)
    await thread.settle(Settled(accepted=(waiting.row,), rejected=(), reasons=frozenset()), contact)
    assert (1, 0) == (thread.counts.acked, thread.counts.waiting)


async def test_a_measurement_handed_over_is_kept_though_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    thread = SpoolThread(Spool(tmp_path / "spool.sqlite", limit_bytes=10**6, today=Calendar()))
    task = asyncio.create_task(thread.append(MEASUREMENT))
    await asyncio.sleep(0)  # the task runs up to where it waits for the thread
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await thread.close()
    assert 1 == Spool(tmp_path / "spool.sqlite", limit_bytes=10**6, today=Calendar()).counts().produced


async def test_after_midnight_no_byte_of_yesterday_counts(tmp_path: Path) -> None:
    calendar = Calendar()
    thread = SpoolThread(Spool(tmp_path / "spool.sqlite", limit_bytes=10**6, today=calendar))
    await thread.append(MEASUREMENT)
    calendar.now += timedelta(days=1)
    assert 0 == thread.bytes_today
    await thread.close()


async def test_the_present_begins_with_what_came_a_moment_ago(tmp_path: Path) -> None:
    now = 1000.0
    thread = SpoolThread(Spool(tmp_path / "spool.sqlite", limit_bytes=10**6, today=Calendar()), monotonic=lambda: now)
    assert 0 == await thread.mark(120.0)
    for _ in range(3):
        await thread.append(MEASUREMENT)
        now += 100.0
    assert [3, 2, 1] == [await thread.mark(within_s) for within_s in (50.0, 120.0, 200.0)]
    await thread.close()
    thread = SpoolThread(Spool(tmp_path / "spool.sqlite", limit_bytes=10**6, today=Calendar()))
    assert 3 == await thread.mark(1e9)  # of another process nothing is known
    await thread.close()


async def test_it_says_when_nothing_above_a_row_waits_any_more(thread: SpoolThread) -> None:
    for _ in range(3):
        await thread.append(MEASUREMENT)
    await thread.drained(3)
    waiting = asyncio.create_task(thread.drained(1))
    await thread.settle(Settled(accepted=(3,), rejected=(), reasons=frozenset()), DELIVERY)
    assert not waiting.done()
    await thread.settle(Settled(accepted=(2,), rejected=(), reasons=frozenset()), DELIVERY)
    async with asyncio.timeout(30):
        await waiting
    assert 1 == thread.counts.waiting


async def test_what_a_full_spool_drops_is_said_and_not_each_time(tmp_path: Path) -> None:
    size = len(to_message(MEASUREMENT).SerializeToString())
    thread = SpoolThread(Spool(tmp_path / "spool.sqlite", limit_bytes=2 * size, today=Calendar()))
    with structlog.testing.capture_logs() as events:
        for _ in range(10):
            await thread.append(MEASUREMENT)
    await thread.close()
    assert [("spool.dropped", 1, 0)] == [(event["event"], event["total"], event["old"]) for event in events]
    assert 8 == thread.counts.dropped
