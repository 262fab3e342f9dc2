"""A session whose messages come in calls: the same answers, presence and ends as those of a stream."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from rabta_collector.admit import MAX_REQUESTS
from rabta_collector.entries import Presence
from rabta_collector.exchange import Exchanges, Polled
from rabta_collector.session import Stream
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import collector_pb2_grpc as stubs
from support.collector_server import Agent, Server, batch, journaled, outcomes
from support.waiting import until


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(tmp_path / "data").running() as running:
        yield running


def hello(epoch: int = 7) -> link.SessionRequest:
    return link.SessionRequest(hello=link.Hello(agent_version="0.1.0", epoch=epoch))


def beat() -> link.SessionRequest:
    return link.SessionRequest(heartbeat=link.Heartbeat(backlog=1))


async def exchange(server: Server, agent: Agent, *requests: link.SessionRequest) -> list[link.SessionResponse]:
    async with grpc.aio.insecure_channel(str(server.listener.endpoint)) as channel:
        stub = stubs.CollectorStub(channel)
        answer = await stub.Exchange(link.ExchangeRequest(requests=requests), metadata=agent.credential)
        return list(answer.responses)


async def refused(server: Server, agent: Agent, *requests: link.SessionRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await exchange(server, agent, *requests)
    return raised.value.code(), raised.value.details() or ""


def kinds(responses: list[link.SessionResponse]) -> list[str | None]:
    return [response.WhichOneof("message") for response in responses]


async def presence(server: Server) -> list[bool]:
    """Who came and went up to now: calls do not wait for the journal to have it."""
    now = server.journal.now()
    await until(lambda: server.journal.horizon() > now)
    return [entry.connected for entry in server.entries if isinstance(entry, Presence)]


async def test_it_answers_when_everything_is_on_disk(server: Server, tmp_path: Path) -> None:
    agent = await server.join()
    batches = [link.SessionRequest(batch=batch(*numbers)) for numbers in ((1, 2), (2, 3))]
    responses = await exchange(server, agent, hello(), *batches, beat())
    assert {"welcome", "ack"} <= set(kinds(responses))
    assert "welcome" == kinds(responses)[0]
    acks = [response.ack for response in responses if response.WhichOneof("message") == "ack"]
    expected = [
        {1: link.OUTCOME_ACCEPTED, 2: link.OUTCOME_ACCEPTED},
        {2: link.OUTCOME_DUPLICATE, 3: link.OUTCOME_ACCEPTED},
    ]
    assert expected == [outcomes(ack) for ack in acks]
    assert [(agent.id, 7, number) for number in (1, 2, 3)] == journaled(tmp_path / "data" / "journal.sqlite")


async def test_between_calls_the_session_stands(server: Server) -> None:
    agent = await server.join()
    for number in range(1, 4):
        responses = await exchange(server, agent, hello(), link.SessionRequest(batch=batch(number)))
        assert "welcome" == kinds(responses)[0]
        assert [link.OUTCOME_ACCEPTED] == [
            outcomes(response.ack)[number] for response in responses if response.WhichOneof("message") == "ack"
        ]
        assert {agent.id} == set(server.service.sessions)
    assert [True] == await presence(server)


async def test_a_plan_that_was_made_between_calls_comes_with_the_next(server: Server) -> None:
    agent = await server.join()
    await exchange(server, agent, hello(), beat())
    assert 1 == sum(server.planner.offers(server.service.sessions))
    assert "plan" in kinds(await exchange(server, agent, hello(), beat()))
    assert "plan" not in kinds(await exchange(server, agent, hello(), beat()))


async def test_another_hello_begins_another_session_that_gets_the_plan_again(server: Server) -> None:
    """What an answer held may have been lost on its way."""
    agent = await server.join()
    await exchange(server, agent, hello(), beat())
    sum(server.planner.offers(server.service.sessions))
    await exchange(server, agent, hello(), beat())
    await exchange(server, agent, hello(epoch=8), beat())
    assert 1 == sum(server.planner.offers(server.service.sessions))
    assert "plan" in kinds(await exchange(server, agent, hello(epoch=8), beat()))
    assert [True] == await presence(server)


async def test_an_agent_that_calls_no_more_is_gone(tmp_path: Path) -> None:
    async with Server(tmp_path / "data", heartbeat_s=0.05).running() as server:
        agent = await server.join()
        await exchange(server, agent, hello(), beat())
        await until(lambda: not server.service.sessions)
        assert [True, False] == await presence(server)
        assert "welcome" == kinds(await exchange(server, agent, hello(), beat()))[0]


async def test_a_stream_takes_the_place_of_calls_and_the_other_way_round(server: Server) -> None:
    agent = await server.join()
    await exchange(server, agent, hello(), beat())
    async with agent.session() as session:
        assert link.OUTCOME_ACCEPTED == outcomes(await session.acknowledged(batch(1)))[1]
        await exchange(server, agent, hello(), beat())
        assert grpc.StatusCode.ABORTED == await session.status()
    assert {agent.id} == set(server.service.sessions)
    assert [True] == await presence(server)


async def test_two_calls_at_once_are_taken_one_after_the_other(server: Server) -> None:
    agent = await server.join()
    calls = [exchange(server, agent, hello(), link.SessionRequest(batch=batch(number))) for number in range(1, 9)]
    answers = await asyncio.gather(*calls)
    assert 8 == sum(kinds(responses).count("ack") for responses in answers)


async def test_only_a_good_credential_is_heard(server: Server) -> None:
    agent = await server.join()
    await agent.leave()
    assert grpc.StatusCode.UNAUTHENTICATED == (await refused(server, agent, hello(), beat()))[0]
    assert not server.service.sessions


async def test_what_is_no_exchange_is_refused(server: Server) -> None:
    agent = await server.join()
    assert (grpc.StatusCode.INVALID_ARGUMENT, "an exchange begins with a Hello") == await refused(server, agent)
    assert grpc.StatusCode.INVALID_ARGUMENT == (await refused(server, agent, beat()))[0]
    assert grpc.StatusCode.INVALID_ARGUMENT == (await refused(server, agent, hello(), hello()))[0]
    many = [hello()] + [beat()] * MAX_REQUESTS
    assert grpc.StatusCode.RESOURCE_EXHAUSTED == (await refused(server, agent, *many))[0]
    assert not server.service.sessions


async def test_a_message_that_cannot_be_read_ends_the_session_and_keeps_what_came_before(
    server: Server, tmp_path: Path
) -> None:
    agent = await server.join()
    two_epochs = link.MeasurementBatch(measurements=[*batch(2).measurements, *batch(3, epoch=8).measurements])
    requests = [link.SessionRequest(batch=batch(1)), link.SessionRequest(batch=two_epochs)]
    assert grpc.StatusCode.INVALID_ARGUMENT == (await refused(server, agent, hello(), *requests))[0]
    assert [(agent.id, 7, 1)] == journaled(tmp_path / "data" / "journal.sqlite")
    assert "welcome" == kinds(await exchange(server, agent, hello(), beat()))[0]


async def test_the_collectors_end_is_the_sessions_end(tmp_path: Path) -> None:
    async with Server(tmp_path / "data").running() as server:
        await exchange(server, await server.join(), hello(), beat())
    assert [True, False] == await presence(server)


async def test_an_answer_is_bounded_and_the_rest_comes_with_the_next() -> None:
    polled = Polled(b"")
    for message in (b"a" * 10, b"b" * 10, b"c" * 10):
        await polled.write(message)
    assert [b"a" * 10, b"b" * 10] == polled.take(25)
    assert [b"c" * 10] == polled.take(25)


async def test_what_the_session_has_still_to_say_is_waited_for() -> None:
    async def converse(stream: Stream) -> None:
        while await stream.read():
            pass

    async def flush(stream: Stream) -> None:
        await stream.write(b"late")

    exchanges = Exchanges()
    answers = await exchanges.exchange("a", [b"hello"], converse=converse, flush=flush, welcome=lambda: b"welcome")
    assert [b"late"] == answers
    again = await exchanges.exchange("a", [b"hello", b"x"], converse=converse, flush=flush, welcome=lambda: b"welcome")
    assert [b"welcome", b"late"] == again
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
