"""The spool beside the event loop: what was begun ends, and everyone hears of it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
import structlog

from rabta_agent.contacts import Contact
from rabta_agent.inflight import Settled
from rabta_agent.spool import Spool, SpoolError
from rabta_agent.spool_thread import MOST_DAMAGED, SpoolThread
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


async def test_what_waits_its_turn_behind_a_slow_disk_is_kept_too(tmp_path: Path) -> None:
    thread, goes_on = SpoolThread(Spool(tmp_path / "spool.sqlite", limit_bytes=10**6, today=Calendar())), Event()
    slow = asyncio.create_task(thread._do(goes_on.wait))
    task = asyncio.create_task(thread.append(MEASUREMENT))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    goes_on.set()
    await slow
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


def damage(path: Path, share: float = 0.5) -> None:
    """What a bad disk does to the middle of a file that is open."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(round(size * (1 - share) / 2))
        file.write(b"\xa5" * round(size * share))


class Damaging:
    """A spool of more than SQLite keeps in memory, so that what is on the disk is read."""

    def __init__(self, path: Path) -> None:
        self.path, self.refuses = path / "spool.sqlite", 0
        self.thread = SpoolThread(self.opened(), anew=self.anew)

    def opened(self) -> Spool:
        spool = Spool(self.path, limit_bytes=10**8, today=Calendar())
        spool._connection.execute("PRAGMA cache_size = 10")
        return spool

    def anew(self) -> Spool:
        if self.refuses:
            self.refuses -= 1
            raise SpoolError(self.path, OSError("no room"))
        return self.opened()

    async def fill(self, count: int = 400) -> None:
        for _ in range(count):
            await self.thread.append(replace(MEASUREMENT, agent_version="v" * 500))
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def rows(self) -> list[int]:
        return [one.row for one in await self.thread.newest(most=1000, most_bytes=10**9, skip=())]


@pytest.fixture
async def damaging(tmp_path: Path) -> AsyncIterator[Damaging]:
    made = Damaging(tmp_path)
    yield made
    await made.thread.close()


async def test_a_file_that_is_damaged_while_it_is_open_is_opened_anew(damaging: Damaging) -> None:
    await damaging.fill()
    epoch = damaging.thread.counts.epoch
    damage(damaging.path)
    with structlog.testing.capture_logs() as events:
        saved = await damaging.rows()
    assert saved
    assert max(saved) < 0, "what was saved keeps the numbers that it had"
    assert 1 == await damaging.thread.append(MEASUREMENT)
    counts = damaging.thread.counts
    assert epoch != counts.epoch
    assert (401, len(saved) + 1, 400 - len(saved)) == (counts.produced, counts.waiting, counts.dropped_damaged)
    told = [event for event in events if event["event"] == "spool.damaged"]
    assert [(len(saved), 400 - len(saved))] == [(event["saved"], event["lost"]) for event in told]
    assert 1 == len(list(damaging.path.parent.glob("*.damaged-1")))


async def test_a_measurement_that_meets_the_damage_is_kept(damaging: Damaging) -> None:
    await damaging.fill()
    damage(damaging.path, share=0.999)
    sequence = await damaging.thread.append(MEASUREMENT)
    assert sequence in await damaging.rows()
    assert 1 == damaging.thread.age


async def test_nothing_is_deleted_by_the_numbers_of_another_file(damaging: Damaging) -> None:
    await damaging.fill()
    held = damaging.thread.hold()
    damage(damaging.path)
    await damaging.rows()
    sequence = await damaging.thread.append(MEASUREMENT)
    with pytest.raises(SpoolError, match="opened anew") as refused:
        await held.settle(Settled(accepted=(sequence,), rejected=(), reasons=frozenset()), DELIVERY)
    assert not refused.value.damaged, "the agent goes on"
    with pytest.raises(SpoolError, match="opened anew"):
        await held.newest(most=1, most_bytes=1, skip=())
    assert sequence in await damaging.rows()


async def test_where_it_cannot_be_opened_anew_yet_what_is_lost_is_counted(damaging: Damaging) -> None:
    await damaging.fill()
    damage(damaging.path)
    damaging.refuses = 3
    with pytest.raises(SpoolError, match="no room"):
        await damaging.rows()
    for _ in range(2):
        with pytest.raises(SpoolError, match="no room"):
            await damaging.thread.append(MEASUREMENT)
    await damaging.thread.append(MEASUREMENT)
    counts = damaging.thread.counts
    assert (403, 2) == (counts.produced, counts.dropped - counts.dropped_damaged)
    assert counts.produced == counts.waiting + counts.dropped


async def test_a_disk_that_goes_on_damaging_ends_it(damaging: Damaging) -> None:
    for _ in range(MOST_DAMAGED):
        await damaging.fill(200)
        damage(damaging.path)
        await damaging.rows()
    await damaging.fill(200)
    damage(damaging.path)
    with pytest.raises(SpoolError) as refused:
        await damaging.rows()
    assert refused.value.damaged
    assert MOST_DAMAGED == len(list(damaging.path.parent.glob("*.damaged-?")))


async def test_what_a_full_spool_drops_is_said_and_not_each_time(tmp_path: Path) -> None:
    size = len(to_message(MEASUREMENT).SerializeToString())
    thread = SpoolThread(Spool(tmp_path / "spool.sqlite", limit_bytes=2 * size, today=Calendar()))
    with structlog.testing.capture_logs() as events:
        for _ in range(10):
            await thread.append(MEASUREMENT)
    await thread.close()
    assert [("spool.dropped", 1, 0)] == [(event["event"], event["total"], event["old"]) for event in events]
    assert 8 == thread.counts.dropped
