"""Acknowledged after the commit, journaled once."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rabta_collector import journal_file
from rabta_collector.admit import Refused
from rabta_collector.echoes import Echoes
from rabta_collector.journal import Member
from rabta_collector.sequences import MAX_EPOCHS, MAX_EPOCHS_EVER, MAX_RANGES
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1.collector_pb2 import OUTCOME_ACCEPTED, OUTCOME_DUPLICATE, OUTCOME_REJECTED
from rabta_proto.vocabulary import Role
from support.collector_server import Server, batch, journaled, measurement, outcomes

MEMBER = Member(agent="a", isp="ptcl", role=Role.PROBE)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(tmp_path).running() as running:
        yield running


async def take(server: Server, message: link.MeasurementBatch, agent: str = "a") -> link.Ack:
    member = Member(agent=agent, isp="ptcl", role=Role.PROBE)
    return await server.ingest.take(member, message.SerializeToString())


def numbers(path: Path) -> list[int]:
    return [sequence for _, _, sequence in journaled(path / "journal.sqlite")]


async def test_a_new_batch_is_kept_byte_for_byte(server: Server, tmp_path: Path) -> None:
    message = batch(1, 2, 3)
    ack = await take(server, message)
    assert [link.AckRange(first=1, last=3, outcome=OUTCOME_ACCEPTED)] == list(ack.ranges)
    connection = journal_file.connect(tmp_path / "journal.sqlite")
    ((row, _),) = journal_file.read_after(connection, 0, 10)
    connection.close()
    assert message.SerializeToString() == row.payload
    assert (7, 1, 3, 3) == (row.epoch, row.first_sequence, row.last_sequence, row.count)


async def test_a_batch_that_comes_again_is_known(server: Server, tmp_path: Path) -> None:
    await take(server, batch(1, 2))
    assert {1: OUTCOME_DUPLICATE, 2: OUTCOME_DUPLICATE} == outcomes(await take(server, batch(1, 2)))
    assert [1, 2] == numbers(tmp_path)


async def test_of_a_batch_that_is_partly_known_the_rest_is_journaled(server: Server, tmp_path: Path) -> None:
    await take(server, batch(2, 3))
    ack = await take(server, batch(4, 3, 2, 1, 9))
    assert {
        1: OUTCOME_ACCEPTED,
        2: OUTCOME_DUPLICATE,
        3: OUTCOME_DUPLICATE,
        4: OUTCOME_ACCEPTED,
        9: OUTCOME_ACCEPTED,
    } == outcomes(ack)
    assert [1, 2, 3, 4, 9] == sorted(numbers(tmp_path))
    assert {"accepted": 5, "duplicate": 2, "rejected": 0} == server.stats.results


async def test_a_number_twice_in_one_batch_counts_once(server: Server, tmp_path: Path) -> None:
    assert {5: OUTCOME_ACCEPTED} == outcomes(await take(server, batch(5, 5, 5)))
    assert [5] == numbers(tmp_path)


async def test_epochs_and_agents_are_apart(server: Server) -> None:
    await take(server, batch(1))
    assert {1: OUTCOME_ACCEPTED} == outcomes(await take(server, batch(1, epoch=8)))
    assert {1: OUTCOME_ACCEPTED} == outcomes(await take(server, batch(1), agent="b"))


async def test_what_cannot_be_believed_is_rejected_and_the_rest_is_kept(server: Server, tmp_path: Path) -> None:
    message = batch(1, 3)
    message.measurements.append(measurement(2, started_at={"seconds": 10**11}))  # type: ignore[arg-type]
    ack = await take(server, message)
    assert {1: OUTCOME_ACCEPTED, 2: OUTCOME_REJECTED, 3: OUTCOME_ACCEPTED} == outcomes(ack)
    assert ["from_the_future"] == [entry.reason for entry in ack.ranges if entry.reason]
    assert [1, 3] == numbers(tmp_path)
    assert {"from_the_future": 1} == server.stats.rejected


async def test_a_time_that_cannot_be_believed_is_counted_and_kept_as_it_came(server: Server, tmp_path: Path) -> None:
    message = batch(1)
    message.measurements.append(measurement(2, clock_jumped=True))
    assert {1: OUTCOME_ACCEPTED, 2: OUTCOME_ACCEPTED} == outcomes(await take(server, message))
    assert {"jumped": 1} == server.stats.doubted
    connection = journal_file.connect(tmp_path / "journal.sqlite")
    ((row, _),) = journal_file.read_after(connection, 0, 10)
    connection.close()
    assert message.SerializeToString() == row.payload


async def test_an_empty_batch_is_acknowledged_as_such(server: Server) -> None:
    assert link.Ack() == await take(server, link.MeasurementBatch())


async def test_two_epochs_in_one_batch_are_refused(server: Server) -> None:
    message = batch(1)
    message.measurements.append(measurement(1, epoch=8))
    with pytest.raises(Refused, match="two epochs"):
        await take(server, message)


async def test_an_agent_with_too_many_epochs_is_told(server: Server) -> None:
    for epoch in range(1, MAX_EPOCHS_EVER + 1):
        server.ingest.seen.add("a", epoch, [1])
    ack = await take(server, batch(1, epoch=1000))
    assert ({1: OUTCOME_REJECTED}, "too_many_epochs") == (outcomes(ack), ack.ranges[0].reason)


async def test_an_agent_whose_spool_was_lost_often_goes_on_in_a_new_one(server: Server, tmp_path: Path) -> None:
    for epoch in range(1, MAX_EPOCHS + 1):
        server.ingest.seen.add("a", epoch, [1])
    assert {1: OUTCOME_ACCEPTED} == outcomes(await take(server, batch(1, epoch=1000)))
    assert [1] == numbers(tmp_path)


async def test_what_is_too_far_behind_to_be_told_from_a_repeat_is_rejected_for_that(
    server: Server, tmp_path: Path
) -> None:
    server.ingest.seen.add("a", 7, range(10, 10 + 2 * MAX_RANGES, 2))
    ack = await take(server, batch(1, 10, 10 + 2 * MAX_RANGES))  # a gap, a repeat, and a new one
    newest = 10 + 2 * MAX_RANGES
    assert {1: OUTCOME_ACCEPTED, 10: OUTCOME_DUPLICATE, newest: OUTCOME_ACCEPTED} == outcomes(ack)
    ack = await take(server, batch(1, 2, 10, 11, newest))
    assert {
        1: OUTCOME_REJECTED,
        2: OUTCOME_REJECTED,
        10: OUTCOME_REJECTED,
        11: OUTCOME_ACCEPTED,
        newest: OUTCOME_DUPLICATE,
    } == outcomes(ack)
    assert {"forgotten"} == {entry.reason for entry in ack.ranges if entry.reason}
    assert [1, 11, newest] == sorted(numbers(tmp_path))


async def test_nothing_is_acknowledged_that_the_disk_did_not_take(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(journal_file, "append", full)
        with pytest.raises(Refused, match="cannot be written"):
            await take(server, batch(1))
    assert {1: OUTCOME_ACCEPTED} == outcomes(await take(server, batch(1)))
    assert [1] == numbers(tmp_path)


async def test_a_session_that_ends_meanwhile_leaves_the_writing_as_it_is(server: Server, tmp_path: Path) -> None:
    """Cancelled between the append and the commit, then sent again: journaled once, and known."""
    task = asyncio.create_task(take(server, batch(1, 2)))
    await asyncio.sleep(0)
    task.cancel()
    ack = await take(server, batch(1, 2, 3))
    assert {1: OUTCOME_DUPLICATE, 2: OUTCOME_DUPLICATE, 3: OUTCOME_ACCEPTED} == outcomes(ack)
    assert [1, 2, 3] == numbers(tmp_path)


async def test_many_batches_at_once_in_any_order_count_once(server: Server, tmp_path: Path) -> None:
    rng = random.Random(1)
    batches = [batch(*rng.sample(range(1, 200), 20)) for _ in range(60)]
    sent = {message.sequence for each in batches for message in each.measurements}
    acks = await asyncio.gather(*(take(server, each) for each in batches))
    assert sent == set(numbers(tmp_path))
    assert len(sent) == len(numbers(tmp_path))
    for each, ack in zip(batches, acks, strict=True):
        assert {message.sequence for message in each.measurements} == set(outcomes(ack))


async def test_the_age_of_the_newest_measurement_is_told(server: Server) -> None:
    await take(server, batch(1))
    assert 0 <= server.stats.lag_s < 5


async def test_batches_in_flight_are_counted_until_they_are_on_disk(server: Server) -> None:
    body = batch(1, 2).SerializeToString()
    taking = asyncio.create_task(server.ingest.take(MEMBER, body))
    await asyncio.sleep(0)
    assert len(body) == server.stats.inflight_bytes
    assert 0 < server.ingest.load < 1
    await taking
    assert 0 == server.stats.inflight_bytes


async def test_what_another_agent_or_another_epoch_said_is_refused_also_after_a_restart(tmp_path: Path) -> None:
    said = link.MeasurementBatch(measurements=[measurement(1)])
    echo = link.MeasurementBatch(measurements=[measurement(1)])
    echo.measurements[0].CopyFrom(said.measurements[0])
    echo.measurements[0].epoch = 8
    async with Server(tmp_path).running() as server:
        assert {1: OUTCOME_ACCEPTED} == outcomes(await take(server, said))
        assert "replayed" == (await take(server, echo)).ranges[0].reason
        entries = list(server.entries)
    async with Server(tmp_path).running() as server:
        for entry in entries:
            server.ingest.remember(entry, 7)
        assert "replayed" == (await take(server, said, agent="b")).ranges[0].reason
        assert {1: OUTCOME_DUPLICATE} == outcomes(await take(server, said))
    assert 1 == len(journaled(tmp_path / "journal.sqlite"))


async def test_a_replay_of_what_is_forgotten_is_taken_and_counted(tmp_path: Path) -> None:
    """Nobody can tell it from a backlog; of what is remembered it is refused."""
    async with Server(tmp_path).running() as server:
        server.ingest.echoes = Echoes(most=2)
        said = [link.MeasurementBatch(measurements=[measurement(number)]) for number in range(1, 5)]
        for one in said:
            assert [OUTCOME_ACCEPTED] == list(outcomes(await take(server, one)).values())
        assert 0 == server.stats.beyond_memory
        assert {1: OUTCOME_ACCEPTED} == outcomes(await take(server, said[0], agent="b"))
        assert 1 == server.stats.beyond_memory
        assert "replayed" == (await take(server, said[3], agent="b")).ranges[0].reason
        assert {1: OUTCOME_DUPLICATE} == outcomes(await take(server, said[0]))
