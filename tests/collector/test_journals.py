"""What every journal promises: one suite, for the file, for a stream on one server, and for one on three."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector.entries import Measured, Presence
from rabta_collector.jetstream.place import parse_place
from rabta_collector.journal import JournalError, Member
from rabta_collector.rows import Where, open_rows
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role
from support.journaling import MEMBER, Kept, batch
from support.nats import Nats

ACCEPTED, DUPLICATE = link.OUTCOME_ACCEPTED, link.OUTCOME_DUPLICATE


@pytest.fixture(params=["file", "stream", "cluster"])
async def where(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Where]:
    if request.param == "file":
        yield tmp_path / "journal.sqlite"
        return
    async with Nats(tmp_path, nodes=3 if request.param == "cluster" else 1).running() as nats:
        yield parse_place(nats.url())


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_an_append_is_kept_when_it_is_done_and_was_reported_before(where: Where) -> None:
    async with Kept(where).running() as kept:
        future = kept.journal.append_batch(MEMBER, batch(1, 2))
        seen: list[int] = []
        future.add_done_callback(lambda _: seen.append(len(kept.entries)))
        await future
        assert [("a", 1), ("a", 2)] == kept.measured()
        await asyncio.sleep(0)
        assert [1] == seen


async def test_appends_are_kept_and_reported_in_their_order(where: Where) -> None:
    async with Kept(where).running() as kept:
        members = [Member(agent=f"a{number % 7}", isp="", role=Role.PROBE) for number in range(200)]
        await asyncio.gather(*(kept.journal.append_batch(one, batch(n)) for n, one in enumerate(members, 1)))
        expected = [(one.agent, number) for number, one in enumerate(members, 1)]
        assert expected == kept.measured()
        assert expected == [(entry.agent, entry.measurements[0].sequence) for entry in measured(kept)]
        assert kept.known.row == kept.journal.rows


def measured(kept: Kept) -> list[Measured]:
    return [entry for entry in kept.entries if isinstance(entry, Measured)]


async def test_time_never_falls_over_a_restart_either(where: Where) -> None:
    clock = Clock()
    async with Kept(where, clock).running() as kept:
        for moment in (1000.0, 999.0, 1000.5, 0.0):
            clock.now = moment
            await kept.journal.append_presence(MEMBER, connected=True)
        assert [1000.0, 1000.0, 1000.5, 1000.5] == [entry.at for entry in kept.entries]
    clock.now = 1.0
    async with Kept(where, clock).running() as again:
        await again.journal.append_presence(MEMBER, connected=False)
        assert 1000.5 == again.entries[-1].at


async def test_the_horizon_is_the_oldest_entry_that_is_not_kept_yet(where: Where) -> None:
    clock = Clock()
    async with Kept(where, clock).running() as kept:
        future = kept.journal.append_presence(MEMBER, connected=True)
        clock.now = 2000.0
        assert 1000.0 == kept.journal.horizon()
        await future
        assert 2000.0 == kept.journal.horizon()


async def test_what_is_read_again_is_what_was_reported(where: Where) -> None:
    async with Kept(where).running() as kept:
        await kept.journal.append_presence(MEMBER, connected=True)
        await kept.journal.append_batch(MEMBER, batch(1, 2))
        await kept.journal.append_presence(MEMBER, connected=False, left=True)
    async with Kept(where).running() as again:
        assert kept.entries == again.entries
        assert [Presence, Measured, Presence] == [type(entry) for entry in again.entries]
        assert [True, False] == [entry.left for entry in again.entries if isinstance(entry, Presence)][::-1]
        assert not again.known.present


async def test_closing_keeps_what_was_asked_for(where: Where) -> None:
    async with Kept(where).running() as kept:
        futures = [kept.journal.append_batch(MEMBER, batch(number)) for number in (1, 2, 3)]
    assert all(future.done() and future.exception() is None for future in futures)
    assert [("a", 1), ("a", 2), ("a", 3)] == kept.measured()
    with pytest.raises(JournalError):
        kept.journal.append_batch(MEMBER, batch(4))


async def test_what_comes_again_counts_once_over_restarts_too(where: Where) -> None:
    """Cut in another way, by another process, and however long after."""
    async with Kept(where).running() as kept:
        assert {1: ACCEPTED, 2: ACCEPTED} == await kept.deliver(1, 2)
        assert {2: DUPLICATE, 3: ACCEPTED} == await kept.deliver(2, 3)
    async with Kept(where).running() as again:
        assert {1: DUPLICATE, 3: DUPLICATE, 4: ACCEPTED} == await again.deliver(1, 3, 4)
        assert [("a", number) for number in (1, 2, 3, 4)] == again.measured()


async def test_positions_are_those_of_rows(where: Where) -> None:
    clock = Clock()
    async with Kept(where, clock).running() as kept:
        for moment in range(10):
            clock.now = 2000.0 + moment
            await kept.journal.append_batch(MEMBER, batch(moment + 1))
        found = kept.rows()
    with closing(open_rows(where)) as rows:
        assert (found[-1].id, 2_009_000_000) == rows.last_position()
        assert (found[3].at_us, found[3].checksum()) == rows.marks_of(found[3].id)
        assert rows.marks_of(found[-1].id + 1) is None
        assert [found[4].id, found[0].id] == [rows.row_at(2_004_000_000), rows.row_at(2_000_000_000)]
        assert found[-1].id + 1 == rows.row_at(3_000_000_000)
        assert rows.used_bytes() > 0


async def test_rows_are_given_up_from_the_far_end_and_the_last_one_stays(where: Where) -> None:
    async with Kept(where).running() as kept:
        for number in range(1, 11):
            await kept.deliver(number)
        rows = kept.rows()
        kept.journal.trim(rows[3].id)
        await kept.given_up(rows[4].id)
        kept.journal.trim(rows[-1].id + 100)
        await kept.given_up(rows[-1].id)
        assert {11: ACCEPTED} == await kept.deliver(11)
        assert [("a", 10), ("a", 11)] == kept.measured()


async def test_rows_go_that_are_asked_to_while_others_do(where: Where) -> None:
    async with Kept(where).running() as kept:
        for number in range(1, 11):
            await kept.deliver(number)
        rows = kept.rows()
        for row in (rows[1], rows[3], rows[6]):
            kept.journal.trim(row.id)
        await kept.given_up(rows[7].id)
