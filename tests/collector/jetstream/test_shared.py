"""Many writers of one stream: each agent's measurements are kept once, whoever of them takes them, and when."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from rabta_collector.admit import Refused
from rabta_collector.entries import Entry
from rabta_collector.ingest import Ingest
from rabta_collector.jetstream import shared
from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.jetstream.posting import Post
from rabta_collector.jetstream.rows import StreamRows
from rabta_collector.jetstream.shared import SharedJournal
from rabta_collector.journal import JournalError, Member
from rabta_collector.journal_file import Kind
from rabta_collector.journals import Owner
from rabta_collector.rows import open_rows
from rabta_collector.state import IngestStats
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role
from support.collector_server import batch as wire_batch
from support.journaling import MEMBER, Anything, Kept, batch
from support.nats import Nats
from support.waiting import PATIENCE_S

ACCEPTED, DUPLICATE = link.OUTCOME_ACCEPTED, link.OUTCOME_DUPLICATE
FAILURES = (Refused, JournalError)


@pytest.fixture(params=[1, 3])
async def nats(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nats]:
    async with Nats(tmp_path, nodes=request.param).running() as running:
        yield running


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Nats]:
    async with Nats(tmp_path).running() as running:
        yield running


class Taker:
    """What a process that takes agents has of a journal."""

    def __init__(self, place: Place) -> None:
        self.stats = IngestStats()
        owner = Owner(
            committed=lambda entry, epoch: self.ingest.remember(entry, epoch),  # type: ignore[arg-type] # no fence
            pack=lambda agent: self.ingest.seen.pack(agent),
            unpack=lambda agent, packed: self.ingest.seen.unpack(agent, packed),
        )
        self.journal = SharedJournal(place, stats=self.stats, owner=owner, patience_s=PATIENCE_S)
        self.ingest = Ingest(
            journal=self.journal, stats=self.stats, lab=False, asked=Anything(), joined_at=lambda _: 0.0
        )

    async def deliver(self, *sequences: int, member: Member = MEMBER) -> dict[int, int]:
        """What became of measurements that an agent sent, by their numbers."""
        ack = await self.ingest.take(member, wire_batch(*sequences).SerializeToString())
        return {number: part.outcome for part in ack.ranges for number in range(part.first, part.last + 1)}


@asynccontextmanager
async def taker(nats: Nats) -> AsyncIterator[Taker]:
    place = parse_place(nats.url())
    with closing(StreamRows(place, make=True)):
        pass
    made = Taker(place)
    made.journal.start()
    await made.journal.follow(0, lambda: False)
    try:
        yield made
    finally:
        await made.journal.close()


def measured(nats: Nats) -> list[tuple[str, int]]:
    """Agent and number of every measurement that the stream holds, in order."""
    with closing(open_rows(parse_place(nats.url()))) as rows:
        found = [row for row, sound in rows.read_after(0, 10_000) if sound and row.kind == Kind.MEASURED]
    batches = ((row.agent, link.MeasurementBatch.FromString(row.payload)) for row in found)
    return [(agent, one.sequence) for agent, some in batches for one in some.measurements]


async def test_an_agent_that_goes_from_one_to_another_is_known_there(nats: Nats) -> None:
    async with taker(nats) as one, taker(nats) as other:
        assert {1: ACCEPTED, 2: ACCEPTED} == await one.deliver(1, 2)
        assert {2: DUPLICATE, 3: ACCEPTED} == await other.deliver(2, 3)
        other.journal.append_presence(MEMBER, connected=True)
        one.journal.append_presence(MEMBER, connected=True)  # it comes back
        assert {1: DUPLICATE, 3: DUPLICATE, 4: ACCEPTED} == await one.deliver(1, 3, 4)
    assert [("a", number) for number in (1, 2, 3, 4)] == measured(nats)


async def test_of_two_that_append_for_one_agent_at_once_one_is_taken(nats: Nats) -> None:
    async with taker(nats) as one, taker(nats) as other:
        for first in range(1, 21):
            said = await asyncio.gather(one.deliver(first), other.deliver(first), return_exceptions=True)
            good = [outcome for outcome in said if isinstance(outcome, dict)]
            assert all(isinstance(outcome, (dict, *FAILURES)) for outcome in said), said
            assert [ACCEPTED] == [*(set().union(*(outcome.values() for outcome in good)) - {DUPLICATE})]
    assert [("a", number) for number in range(1, 21)] == measured(nats)


async def test_many_writers_for_many_agents_keep_each_measurement_once(nats: Nats) -> None:
    members = [Member(agent=f"a{number}", isp="ptcl", role=Role.PROBE) for number in range(10)]

    async def persist(takers: list[Taker], member: Member) -> None:
        """Sends all again after each failure, to one after the other."""
        for number in range(1, 6):
            for attempt in range(100):
                try:
                    await takers[(attempt + number) % len(takers)].deliver(*range(1, number + 1), member=member)
                    break
                except FAILURES:
                    await asyncio.sleep(0.01)
            else:
                raise AssertionError("never taken")

    async with taker(nats) as one, taker(nats) as two, taker(nats) as three:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(persist([one, two, three], member) for member in members))
    assert sorted(measured(nats)) == sorted((m.agent, number) for m in members for number in range(1, 6))


async def test_an_agent_that_changes_its_isp_is_the_same_agent(alone: Nats) -> None:
    elsewhere = Member(agent=MEMBER.agent, isp="jazz", role=MEMBER.role)
    async with taker(alone) as one, taker(alone) as other:
        await one.deliver(1, 2)
        assert {2: DUPLICATE, 3: ACCEPTED} == await other.deliver(2, 3, member=elsewhere)
        one.journal.append_presence(MEMBER, connected=True)
        assert {3: DUPLICATE, 4: ACCEPTED} == await one.deliver(3, 4)
    assert [("a", number) for number in (1, 2, 3, 4)] == measured(alone)


async def test_what_one_process_alone_wrote_before_is_known(alone: Nats) -> None:
    """As after a move from `serve`: rows that say nothing of what was held are read, and the mark of those given up."""
    async with Kept(parse_place(alone.url())).running() as kept:
        for number in range(1, 6):
            await kept.deliver(number)
        kept.journal.trim(kept.rows()[2].id)
        await kept.given_up(kept.rows()[3].id)
    async with taker(alone) as one:
        assert {1: DUPLICATE, 5: DUPLICATE, 6: ACCEPTED} == await one.deliver(1, 5, 6)
    async with taker(alone) as other:
        assert {2: DUPLICATE, 6: DUPLICATE, 7: ACCEPTED} == await other.deliver(2, 6, 7)


async def test_an_agent_with_many_holes_is_known_from_its_last_whole_row_on(
    alone: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "SHORT", 60)
    monkeypatch.setattr(shared, "SELDOM", 4)
    sent = list(range(1, 60, 2))
    async with taker(alone) as one:
        for number in sent:
            await one.deliver(number)
    async with taker(alone) as other:
        assert dict.fromkeys(sent, DUPLICATE) == await other.deliver(*sent)
        assert {2: ACCEPTED} == await other.deliver(2)


async def test_while_the_server_stands_still_nothing_is_acknowledged(alone: Nats) -> None:
    (node,) = alone.nodes
    async with taker(alone) as one:
        await one.deliver(1)
        one.journal._patience_s = 0.5
        node.stand_still()
        with pytest.raises(FAILURES):
            await one.deliver(2)
        assert "the journal cannot be written" in one.journal.trouble
        one.journal._patience_s = PATIENCE_S
        node.go_on()
        async with asyncio.timeout(PATIENCE_S):
            while one.journal.trouble:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.05)
        (outcome,) = (await one.deliver(2)).values()
        assert outcome in (ACCEPTED, DUPLICATE)
    assert [("a", 1), ("a", 2)] == measured(alone)


async def test_a_fault_of_whoever_is_told_holds_up_nothing_that_comes_after(alone: Nats) -> None:
    faults: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: faults.append(told["message"]))
    async with taker(alone) as one:
        remember, told = one.ingest.remember, iter((True,))

        def remember_but_once(entry: Entry, epoch: int) -> None:
            if next(told, False):
                raise KeyError("a fault")
            remember(entry, epoch)

        one.ingest.remember = remember_but_once  # type: ignore[method-assign]
        async with asyncio.timeout(PATIENCE_S):
            assert {1: ACCEPTED} == await one.deliver(1)
            assert {1: DUPLICATE, 2: ACCEPTED} == await one.deliver(1, 2)
    async with taker(alone) as other:
        assert {1: DUPLICATE, 2: DUPLICATE} == await other.deliver(1, 2)
    assert ["a row was not taken in"] == faults


async def test_what_nobody_foresaw_fails_an_append_and_not_the_next_one(
    alone: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, __: None)
    async with taker(alone) as one:
        keep, wrong = one.journal._poster.keep, iter((KeyError("unforeseen"),))

        async def keep_but_once(post: Post, *, within_s: float) -> int:
            if post.after is not None and (raised := next(wrong, None)) is not None:
                raise raised
            return await keep(post, within_s=within_s)

        monkeypatch.setattr(one.journal._poster, "keep", keep_but_once)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(FAILURES):
                await one.deliver(1)
            assert {1: ACCEPTED} == await one.deliver(1)


async def test_a_full_stream_takes_nothing_and_says_so(tmp_path: Path) -> None:
    async with Nats(tmp_path, room="1MB").running() as nats, taker(nats) as one:

        async def fill() -> None:
            for number in range(1, 100):
                await one.journal.recall(MEMBER)
                await one.journal.append_batch(MEMBER, replace(batch(number), payload=b"x" * 50_000))

        with pytest.raises(FAILURES):
            await fill()
        assert one.journal.trouble


async def test_a_session_has_a_higher_number_than_the_one_before(alone: Nats) -> None:
    async with taker(alone) as one, taker(alone) as other:
        await one.journal.append_presence(MEMBER, connected=True)
        await other.journal.append_presence(MEMBER, connected=True)
        assert other.journal.session_of("a") > one.journal.session_of("a")
        await one.journal.append_presence(MEMBER, connected=False)
    with closing(open_rows(parse_place(alone.url()))) as rows:
        told = [(row.kind, row.first_sequence) for row, _ in rows.read_after(0, 100) if row.kind != Kind.FENCE]
    assert [
        (Kind.CONNECTED, one.journal.process),
        (Kind.CONNECTED, other.journal.process),
        (Kind.DISCONNECTED, one.journal.process),
    ] == told
