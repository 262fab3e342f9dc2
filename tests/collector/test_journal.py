"""Groups, times and order: an append is done after the commit that holds it."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rabta_collector import journal_file
from rabta_collector.entries import Entry, Measured, Presence
from rabta_collector.journal import Batch, Journal, JournalError, Member
from rabta_collector.state import IngestStats
from rabta_proto.codec import from_message
from rabta_proto.vocabulary import Role
from support.collector_server import batch as wire_batch
from support.collector_server import journaled
from support.waiting import PATIENCE_S

MEMBER = Member(agent="a", isp="ptcl", role=Role.PROBE)


def batch(*sequences: int) -> Batch:
    message = wire_batch(*sequences)
    return Batch(
        epoch=7,
        measurements=tuple(from_message(measurement) for measurement in message.measurements),
        payload=message.SerializeToString(),
    )


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Kept:
    """A journal with what it has reported."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock, self.stats = path, Clock(), IngestStats()
        self.entries: list[Entry] = []
        journal_file.prepare(path)
        self.journal = Journal(
            path, stats=self.stats, committed=lambda entry, _: self.entries.append(entry), clock=self.clock
        )


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    opened = Kept(tmp_path / "j.sqlite")
    opened.journal.start()
    yield opened
    await opened.journal.close()


async def test_an_append_is_on_disk_when_it_is_done(kept: Kept) -> None:
    await kept.journal.append_batch(MEMBER, batch(1, 2))
    assert [("a", 7, 1), ("a", 7, 2)] == journaled(kept.path)


async def test_it_is_reported_before_it_is_done(kept: Kept) -> None:
    future = kept.journal.append_batch(MEMBER, batch(1))
    seen: list[int] = []
    future.add_done_callback(lambda _: seen.append(len(kept.entries)))
    await future
    await asyncio.sleep(0)
    assert [1] == seen


async def test_what_is_appended_during_a_sync_shares_the_next_one(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = slowed(monkeypatch)
    futures = [kept.journal.append_batch(MEMBER, batch(number)) for number in range(1, 101)]
    goes_on.set()
    await asyncio.gather(*futures)
    assert 2 >= sum(kept.stats.sync_buckets)
    assert [number for _, _, number in journaled(kept.path)] == list(range(1, 101))
    assert kept.stats.journal_bytes > 0


def slowed(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A disk that hangs until that is set."""
    goes_on, append = threading.Event(), journal_file.append

    def hang(*arguments: object) -> None:
        assert goes_on.wait(PATIENCE_S)
        append(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(journal_file, "append", hang)
    return goes_on


async def test_time_never_falls(kept: Kept) -> None:
    for moment in (1000.0, 999.0, 1000.5, 0.0):
        kept.clock.now = moment
        await kept.journal.append_presence(MEMBER, connected=True)
    assert [1000.0, 1000.0, 1000.5, 1000.5] == [entry.at for entry in kept.entries]


async def test_time_never_falls_over_a_restart_either(kept: Kept) -> None:
    await kept.journal.append_presence(MEMBER, connected=True)
    again = Journal(kept.path, stats=IngestStats(), committed=lambda *_: None, clock=lambda: 1.0)
    assert 1000.0 == again.now()
    await again.close()


async def test_the_horizon_is_the_oldest_entry_that_is_not_on_disk(kept: Kept) -> None:
    future = kept.journal.append_presence(MEMBER, connected=True)
    kept.clock.now = 2000.0
    assert 1000.0 == kept.journal.horizon()
    await future
    assert 2000.0 == kept.journal.horizon()


async def test_what_is_read_again_is_what_was_reported(kept: Kept) -> None:
    from rabta_collector.replay import entry_of

    await kept.journal.append_presence(MEMBER, connected=True)
    await kept.journal.append_batch(MEMBER, batch(1, 2))
    await kept.journal.append_presence(MEMBER, connected=False)
    connection = journal_file.connect(kept.path)
    again = [entry_of(row) for row, _ in journal_file.read_after(connection, 0, 10)]
    connection.close()
    assert kept.entries == again
    assert [Presence, Measured, Presence] == [type(entry) for entry in again]


async def test_a_disk_that_takes_nothing_is_an_error_and_nothing_is_reported(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(journal_file, "append", full)
        with pytest.raises(JournalError, match="the journal cannot be written: database or disk is full"):
            await kept.journal.append_batch(MEMBER, batch(1))
        assert kept.journal.trouble
        assert not kept.entries
    await kept.journal.append_batch(MEMBER, batch(1))
    assert not kept.journal.trouble
    assert [("a", 7, 1)] == journaled(kept.path)


async def test_closing_writes_what_was_asked_for(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "j.sqlite")
    kept.journal.start()
    futures = [kept.journal.append_batch(MEMBER, batch(number)) for number in (1, 2, 3)]
    await kept.journal.close()
    assert all(future.done() for future in futures)
    assert 3 == len(journaled(kept.path))
    with pytest.raises(JournalError, match="closed"):
        kept.journal.append_batch(MEMBER, batch(4))


async def test_the_loop_does_not_wait_for_the_disk(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that hangs hangs the journal's thread; the loop goes on."""
    goes_on = slowed(monkeypatch)
    future = kept.journal.append_batch(MEMBER, batch(1))
    await asyncio.sleep(0.02)
    assert not future.done()
    goes_on.set()
    await future


async def test_rows_that_are_asked_to_go_while_others_do_go_too(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, trim = [2, 4], journal_file.trim

    def asked_meanwhile(*arguments: object) -> bool:
        more = trim(*arguments)  # type: ignore[arg-type]
        if asked:
            kept.journal.trim(asked.pop())
        return more

    monkeypatch.setattr(journal_file, "trim", asked_meanwhile)
    for number in range(1, 7):
        await kept.journal.append_batch(MEMBER, batch(number))
    kept.journal.trim(asked.pop(0))
    async with asyncio.timeout(PATIENCE_S):
        while [("a", 7, 5), ("a", 7, 6)] != journaled(kept.path):  # noqa: ASYNC110 - of a file, no event
            await asyncio.sleep(0.01)
