"""What a stream does to its writer: nothing that was acknowledged is lost, and nothing counts twice."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from rabta_collector.admit import Refused
from rabta_collector.jetstream import chain, wire
from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.journal import JournalError
from rabta_collector.journal_file import UnusableJournalError
from rabta_proto.v1 import collector_pb2 as link
from support.journaling import MEMBER, Kept, batch
from support.nats import Nats, Node
from support.waiting import PATIENCE_S, until

REFUSALS = (Refused, JournalError)
ACCEPTED, DUPLICATE = link.OUTCOME_ACCEPTED, link.OUTCOME_DUPLICATE


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[Nats]:
    async with Nats(tmp_path).running() as running:
        yield running


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Nats]:
    async with Nats(tmp_path, nodes=3).running() as running:
        yield running


def place(nats: Nats, **query: object) -> Place:
    return parse_place(nats.url(**query))  # type: ignore[arg-type] # numbers and paths


async def persist(kept: Kept, number: int) -> None:
    """Delivers one measurement as an agent does, again and again until it is acknowledged."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                (outcome,) = (await kept.deliver(number)).values()
            except REFUSALS:
                await asyncio.sleep(0.05)
                continue
            assert outcome in (ACCEPTED, DUPLICATE)
            return


async def test_a_second_writer_ends_the_first_and_loses_nothing(nats: Nats) -> None:
    where = place(nats)
    async with Kept(where).running() as first:
        await first.deliver(1, 2)
        async with Kept(where).running() as second:
            assert {2: DUPLICATE, 3: ACCEPTED} == await second.deliver(2, 3)
            with pytest.raises(REFUSALS):
                await first.deliver(4)
            await until(lambda: first.lost)
            assert "another collector" in first.journal.trouble
            assert {4: ACCEPTED} == await second.deliver(4)
            assert [("a", number) for number in (1, 2, 3, 4)] == second.measured()


async def test_a_writer_that_has_nothing_to_write_notices_too(nats: Nats, monkeypatch: pytest.MonkeyPatch) -> None:
    where = place(nats)
    async with Kept(where).running() as first, Kept(where).running() as second:
        monkeypatch.setattr(chain, "LOOK_S", 0.1)
        await until(lambda: first.lost)
        assert not second.lost


async def test_a_full_stream_takes_nothing_until_there_is_room(nats: Nats) -> None:
    where = place(nats, bytes=20_000)
    async with Kept(where).running() as kept:
        with pytest.raises(REFUSALS, match="maximum bytes exceeded"):
            await fill(kept)
        number = len(kept.measured()) // 10 + 1
        assert 10 < len(kept.entries) == number - 1
        kept.journal.trim(kept.journal.rows - 1)
        await until(lambda: not kept.journal.trouble)
        assert {number * 10: ACCEPTED} == await kept.deliver(number * 10)
        assert {10: DUPLICATE} == await kept.deliver(10)


async def fill(kept: Kept) -> None:
    """Ten measurements at a time, numbered from ten on, until one batch is refused."""
    for number in count(10, 10):
        await kept.deliver(*range(number, number + 10))


async def test_what_was_given_up_is_known_to_who_begins_with_the_stream_alone(nats: Nats) -> None:
    where = place(nats)
    async with Kept(where).running() as kept:
        for number in (1, 2, 3, 9):
            await kept.deliver(number)
        last = kept.journal.rows
        await kept.journal.append_presence(MEMBER, connected=False)
        kept.journal.trim(last)
        await kept.given_up(last + 1)
        assert not kept.measured()
    async with Kept(where).running() as again:
        assert {1: DUPLICATE, 3: DUPLICATE, 4: ACCEPTED, 9: DUPLICATE} == await again.deliver(1, 3, 4, 9)


async def test_a_server_that_stops_for_longer_than_patience_is_an_error_and_no_false_acknowledgement(
    nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent and failed may still come into the stream, late: then it is there once, and known."""
    (node,) = nats.nodes
    async with Kept(place(nats)).running() as kept:
        await kept.deliver(1)
        monkeypatch.setattr(chain.link, "ANSWER_S", 0.3)
        kept.journal._chain._patience_s = 0.5  # type: ignore[attr-defined] # ten seconds otherwise
        node.stand_still()
        sent = [asyncio.create_task(kept.deliver(number)) for number in (2,)]
        gone = kept.journal.append_presence(MEMBER, connected=False)
        (failed,) = await asyncio.gather(*sent, return_exceptions=True)
        assert isinstance(failed, REFUSALS)
        assert kept.journal.trouble
        with pytest.raises(REFUSALS):
            await kept.deliver(3)
        assert not gone.done()
        monkeypatch.undo()
        node.go_on()
        for number in (2, 3):
            await persist(kept, number)
        await gone
        assert [("a", 1), ("a", 2), ("a", 3)] == sorted(kept.measured())
        assert kept.known.row == kept.journal.rows


async def test_a_server_that_dies_and_comes_back_loses_nothing(nats: Nats) -> None:
    (node,) = nats.nodes
    async with Kept(place(nats)).running() as kept:
        delivering = asyncio.create_task(deliver_all(kept, 300))
        await until(lambda: len(kept.entries) > 50)
        node.kill()
        await asyncio.sleep(0.3)
        node.start()
        await delivering
        assert [("a", number) for number in range(1, 301)] == sorted(kept.measured())
        assert 300 == len(kept.entries)


async def deliver_all(kept: Kept, count: int) -> None:
    for number in range(1, count + 1):
        await persist(kept, number)


@pytest.mark.slow
async def test_nodes_that_die_in_turn_lose_nothing_and_double_nothing(cluster: Nats) -> None:
    """The leader first. `RABTA_FAULTS_LONG` goes on with it."""
    where = place(cluster)
    rounds = 12 if os.environ.get("RABTA_FAULTS_LONG") else 2
    async with Kept(where).running() as kept:
        for number in range(rounds):
            begun = len(kept.entries)
            delivering = asyncio.create_task(deliver_range(kept, number * 200 + 1, number * 200 + 201))
            await until(lambda begun=begun: len(kept.entries) > begun + 50)  # type: ignore[misc]
            node: Node = await cluster.leader() if number % 2 == 0 else cluster.nodes[number % 3]
            node.kill()
            await delivering
            node.start()
            await cluster.ready()
        expected = [("a", number) for number in range(1, rounds * 200 + 1)]
        assert expected == sorted(kept.measured())
        assert len(expected) == len(kept.entries)
    async with Kept(where).running() as again:
        assert kept.entries == again.entries


@pytest.mark.slow
async def test_two_of_three_nodes_are_needed_and_without_them_nothing_is_taken(cluster: Nats) -> None:
    _, second, third = cluster.nodes
    async with Kept(place(cluster)).running() as kept:
        await deliver_range(kept, 1, 51)
        second.kill()
        await persist(kept, 51)
        third.kill()
        kept.journal._chain._patience_s = 1.0  # type: ignore[attr-defined] # ten seconds otherwise
        with pytest.raises(REFUSALS):
            await kept.deliver(52)
        for node in (second, third):
            node.start()
        await persist(kept, 52)
        assert [("a", number) for number in range(1, 53)] == kept.measured()
        assert 52 == len(kept.entries)


async def deliver_range(kept: Kept, first: int, end: int) -> None:
    for number in range(first, end):
        await persist(kept, number)


async def test_what_comes_late_after_a_fence_is_refused_wherever_it_would_stand(cluster: Nats) -> None:
    """By the stream's quorum: the second one's place is free once a fence stands in that of the first one."""
    where = place(cluster)
    async with Kept(where).running() as kept:
        await kept.deliver(1)
        row = kept.journal.rows
    async with Kept(where).running() as again, cluster.client() as client:
        assert row + 1 == again.journal.rows
        headers = {chain.LAST: str(row + 1), chain.LAST_ID: "lost-1", chain.ID: "lost-2"}
        answer = json.loads((await client.request("rabta.journal._.x", b"late", headers=headers)).data)
        assert "wrong last msg ID" in answer["error"]["description"]
        assert {2: ACCEPTED} == await again.deliver(2)


async def test_a_server_that_forgot_which_message_came_last_is_told_by_a_fence(
    nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows that of messages within its window alone, once it was started again."""
    monkeypatch.setattr(chain.link, "WINDOW_S", 1)
    (node,) = nats.nodes
    async with Kept(place(nats)).running() as kept:
        await kept.deliver(1)
        await asyncio.sleep(1.5)
        node.kill()
        node.start()
        await persist(kept, 2)
        assert [("a", 1), ("a", 2)] == kept.measured()
        assert 4 <= kept.journal.rows


async def test_a_message_that_is_no_row_is_noted_and_passed_over(nats: Nats) -> None:
    where = place(nats)
    async with Kept(where).running() as kept:
        await kept.deliver(1)
    async with nats.client() as client:
        await client.request("rabta.journal.x.y", b"no row")
    async with Kept(where).running() as again:
        assert [3] == again.known.unreadable
        assert {1: DUPLICATE, 2: ACCEPTED} == await again.deliver(1, 2)
        assert again.known.row == again.journal.rows == 5


async def test_a_stream_that_would_lose_rows_by_itself_is_refused(nats: Nats) -> None:
    async with nats.client() as client:
        await client.jetstream().add_stream(name="other", subjects=["other.journal.>"], max_age=60)
    with pytest.raises(UnusableJournalError, match="discard"):
        Kept(parse_place(nats.url("other")))


async def test_nobody_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnusableJournalError, match="no connection"):
        Kept(parse_place("nats://127.0.0.1:1/rabta"))


async def test_many_wait_together(nats: Nats) -> None:
    async with Kept(place(nats)).running() as kept:
        futures = [kept.journal.append_batch(MEMBER, batch(number)) for number in range(1, 501)]
        await asyncio.gather(*futures)
        assert 500 == len(kept.entries) == sum(kept.stats.sync_buckets)
        assert 500 == len(kept.measured())


async def test_a_server_that_answers_nothing_is_left_for_another_one(
    cluster: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for until its line counts as broken because two pings had no answer."""
    monkeypatch.setattr(chain.link, "connect", partial(chain.link.connect, ping_s=3600))
    monkeypatch.setattr(wire, "sample", lambda servers, _: list(servers))
    async with Kept(place(cluster)).running() as kept:
        await persist(kept, 1)
        leader = await cluster.leader()
    silent = next(node for node in cluster.nodes if node is not leader)
    first = [silent, *(node for node in cluster.nodes if node is not silent)]
    servers = ",".join(f"127.0.0.1:{node.port}" for node in first)
    async with Kept(parse_place(f"nats://{servers}/rabta?replicas=3")).running() as kept:
        await kept.deliver(2)
        silent.stand_still()
        try:
            await persist(kept, 3)
        finally:
            silent.go_on()
        assert {3: DUPLICATE, 4: ACCEPTED} == await kept.deliver(3, 4)
