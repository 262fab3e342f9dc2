"""Enrolment, sessions and leaving, as an agent meets them on a real socket."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from rabta_collector.admit import MAX_MEASUREMENTS
from rabta_collector.entries import Measured, Presence
from rabta_collector.limits import Limits
from rabta_collector.prefixes import Prefixes
from rabta_collector.signing import verifies
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import collector_pb2_grpc as stubs
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.v1 import plan_pb2 as plans
from rabta_proto.vocabulary import Role
from support.collector_server import Agent, Server, batch, journaled, measurement, outcomes
from support.waiting import PATIENCE_S, until


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(tmp_path / "data").running() as running:
        yield running


async def refusal(awaitable: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await awaitable
    return raised.value.code(), raised.value.details() or ""


async def test_an_invitation_gives_a_credential_and_a_plan_signed_for_this_agent(server: Server) -> None:
    agent = await server.join(isp="ptcl")
    signed = agent.enrolment.plan
    plan = plans.Plan.FromString(signed.plan)
    assert verifies(agent.enrolment.plan_public_key, signed.plan, signed.signature)
    assert (agent.id, ["https://x.com/"]) == (plan.agent_id, [entry.target for entry in plan.assignments])
    assert ("ptcl", link.ROLE_PROBE) == (agent.enrolment.isp, agent.enrolment.role)


async def test_a_control_counts_for_no_isp(server: Server) -> None:
    agent = await server.join(role=Role.CONTROL, isp="ptcl")
    assert ("", link.ROLE_CONTROL) == (agent.enrolment.isp, agent.enrolment.role)


async def test_an_invitation_is_used_up(server: Server) -> None:
    token, target = server.invite(), str(server.listener.endpoint)
    await Agent.join(target, token)
    assert (grpc.StatusCode.PERMISSION_DENIED, "the invitation is used up") == await refusal(Agent.join(target, token))


@pytest.mark.parametrize("token", ["", "wrong", "rabta-00000000-secret", "rabta-00000000-"])
async def test_a_wrong_invitation_is_refused(server: Server, token: str) -> None:
    code, details = await refusal(Agent.join(str(server.listener.endpoint), token))
    assert (grpc.StatusCode.PERMISSION_DENIED, "the invitation is not known here") == (code, details)
    assert {"invitation": 1} == server.stats.rejected


async def test_an_isp_that_does_not_exist_is_refused_before_the_invitation_is_used(server: Server) -> None:
    token, target = server.invite(isp=""), str(server.listener.endpoint)
    code, details = await refusal(Agent.join(target, token, isp="ptlc"))
    assert grpc.StatusCode.INVALID_ARGUMENT == code
    assert "ptcl" in details
    assert "ptcl" == (await Agent.join(target, token, isp="ptcl")).enrolment.isp


async def test_nothing_finer_than_a_province_is_taken(server: Server) -> None:
    joining = Agent.join(str(server.listener.endpoint), server.invite(), province="House 7, Street 9, F-8")
    code, details = await refusal(joining)
    assert grpc.StatusCode.INVALID_ARGUMENT == code
    assert "House" not in details


async def test_a_lab_agent_is_taken_by_a_lab_collector_only(tmp_path: Path, server: Server) -> None:
    code, _ = await refusal(Agent.join(str(server.listener.endpoint), server.invite(), lab=True))
    assert grpc.StatusCode.FAILED_PRECONDITION == code
    agent = await server.join()
    async with agent.session(link.Hello(network=wire.NetworkContext(lab=True))) as session:
        assert grpc.StatusCode.FAILED_PRECONDITION == await session.status()
    async with Server(tmp_path / "lab", lab=True).running() as lab:
        await Agent.join(str(lab.listener.endpoint), lab.invite(), lab=True)


async def test_what_is_acknowledged_is_on_disk(server: Server, tmp_path: Path) -> None:
    agent = await server.join()
    async with agent.session() as session:
        ack = await session.acknowledged(batch(1, 2, 3))
        on_disk = journaled(tmp_path / "data" / "journal.sqlite")
    assert [link.AckRange(first=1, last=3, outcome=link.OUTCOME_ACCEPTED)] == list(ack.ranges)
    assert [(agent.id, 7, 1), (agent.id, 7, 2), (agent.id, 7, 3)] == on_disk


async def test_a_session_is_an_agents_presence(server: Server) -> None:
    agent = await server.join(isp="zong")
    async with agent.session():
        await until(lambda: server.entries)
    await until(lambda: len(server.entries) == 2)
    assert [(agent.id, "zong", True), (agent.id, "zong", False)] == [
        (entry.agent, entry.isp, entry.connected) for entry in server.entries if isinstance(entry, Presence)
    ]


@pytest.mark.parametrize(
    "request_",
    [link.SessionRequest(heartbeat=link.Heartbeat()), link.SessionRequest(batch=batch(1))],
    ids=["heartbeat", "batch"],
)
async def test_every_sign_of_life_moves_on_when_an_agent_was_last_seen(
    server: Server, request_: link.SessionRequest
) -> None:
    agent = await server.join()
    async with agent.session() as session:
        began = server.registry.agents()[0].last_seen
        assert began is not None
        await session.send(request_)

        async def moved() -> bool:
            await server.accounts.keep_heard()
            return (server.registry.agents()[0].last_seen or 0) > began

        async with asyncio.timeout(PATIENCE_S):
            while not await moved():  # noqa: ASYNC110 - a test has no event to wait for
                await asyncio.sleep(0.001)


async def test_a_second_session_takes_the_place_of_the_first(server: Server) -> None:
    agent = await server.join()
    async with agent.session() as first, agent.session() as second:
        assert grpc.StatusCode.ABORTED == await first.status()
        await second.acknowledged(batch(1))
        assert [True] == [entry.connected for entry in server.entries if isinstance(entry, Presence)]
        assert 1 == server.stats.sessions


async def test_where_others_take_agents_too_each_session_is_said_and_all_are_again(server: Server) -> None:
    """They may have said meanwhile that an older one is over."""
    server.accounts.shared = True
    agent = await server.join()
    async with agent.session() as first, agent.session() as second:
        assert grpc.StatusCode.ABORTED == await first.status()
        await second.acknowledged(batch(1))
        assert [True, True] == [entry.connected for entry in server.entries if isinstance(entry, Presence)]
        server.service.say_who_is_here()
        await second.acknowledged(batch(2))
        said = [entry for entry in server.entries if isinstance(entry, Presence)]
        assert [(agent.id, True)] * 3 == [(entry.agent, entry.connected) for entry in said]
        assert 1 == server.stats.sessions


async def test_batches_of_two_sessions_of_one_agent_count_once(server: Server, tmp_path: Path) -> None:
    """The link broke, the agent came again, and the first session's batch is still on its way to the disk."""
    agent = await server.join()
    async with agent.session() as first:
        await first.send(link.SessionRequest(batch=batch(*range(1, 101))))
        async with agent.session() as second:
            ack = await second.acknowledged(batch(*range(50, 151)))
    assert set(range(50, 151)) == set(outcomes(ack))
    numbers = [sequence for _, _, sequence in journaled(tmp_path / "data" / "journal.sqlite")]
    assert len(numbers) == len(set(numbers))
    assert set(range(50, 151)) <= set(numbers)


async def test_an_agent_that_falls_silent_is_gone(tmp_path: Path) -> None:
    async with Server(tmp_path / "data", heartbeat_s=0.05).running() as server:
        agent = await server.join()
        async with agent.session() as session:
            assert grpc.StatusCode.DEADLINE_EXCEEDED == await session.status()
        await until(lambda: not server.service.sessions)


async def test_a_heartbeat_is_answered_with_the_time(server: Server) -> None:
    agent = await server.join()
    async with agent.session() as session:
        beat = link.Heartbeat(backlog=3)
        beat.now.FromSeconds(12)
        before = server.journal.now()
        await session.send(link.SessionRequest(heartbeat=beat))
        while (response := await session.next()).WhichOneof("message") != "heartbeat_answer":
            continue
        answer = response.heartbeat_answer
        assert 12 == answer.agent_now.seconds
        assert before - 1e-6 <= answer.now.seconds + answer.now.nanos / 1e9 <= server.journal.now()
        assert {1: link.OUTCOME_ACCEPTED} == outcomes(await session.acknowledged(batch(1)))


async def test_a_revoked_agent_is_put_out(server: Server) -> None:
    agent = await server.join()
    async with agent.session() as session:
        server.registry.revoke(agent.id, now=1.0)
        await server.accounts._load()
        server.service.end_revoked()
        assert grpc.StatusCode.UNAUTHENTICATED == await session.status()
    async with agent.session(link.Hello()) as session:
        assert grpc.StatusCode.UNAUTHENTICATED == await session.status()
    assert {"revoked": 1} == server.stats.rejected


async def test_an_agent_that_leaves_is_known_no_more(server: Server) -> None:
    agent = await server.join()
    async with agent.session() as session:
        await agent.leave()
        assert grpc.StatusCode.UNAUTHENTICATED == await session.status()
    assert grpc.StatusCode.UNAUTHENTICATED == (await refusal(agent.leave()))[0]


async def test_of_an_agent_that_wants_to_be_forgotten_nothing_leads_to_a_volunteer(server: Server) -> None:
    agent = await server.join()
    async with agent.session() as session:
        await session.acknowledged(batch(1))
    answer = await agent.leave(delete_measurements=True)
    assert link.DELETION_UNLINKED == answer.deletion
    (kept,) = server.registry.agents()
    assert (agent.id, "", 0.0) == (kept.id, kept.province, kept.enrolled_at)
    assert [agent.id] == [entry.agent for entry in server.entries if isinstance(entry, Measured)]


async def test_where_forgetting_fails_an_agent_asks_again_as_if_it_had_not_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await server.join()

    def fail(_: str, *, now: float) -> None:
        raise sqlite3.OperationalError(f"disk I/O error at {now}")

    with monkeypatch.context() as patched:
        patched.setattr(server.registry, "forget", fail)
        assert grpc.StatusCode.UNAVAILABLE == (await refusal(agent.leave(delete_measurements=True)))[0]
    (before,) = server.registry.agents()
    assert before.revoked_at is None
    assert before.enrolled_at
    answer = await agent.leave(delete_measurements=True)
    assert link.DELETION_UNLINKED == answer.deletion
    (kept,) = server.registry.agents()
    assert (agent.id, "", 0.0) == (kept.id, kept.province, kept.enrolled_at)


@pytest.mark.parametrize("credential", ["", "Bearer", "Bearer nobody.secret", "Basic eDp5", "Bearer {id}.wrong"])
async def test_nothing_is_read_without_a_credential(server: Server, credential: str) -> None:
    agent = await server.join()
    agent.credential = (("authorization", credential.format(id=agent.id)),)
    async with agent.session(link.Hello()) as session:
        assert grpc.StatusCode.UNAUTHENTICATED == await session.status()


async def test_strangers_are_counted_by_prefix_before_they_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would wait with a message each, as many as there are, for a registry that does not answer."""
    looks, answers = threading.Event(), threading.Event()

    def look() -> int:
        looks.set()
        assert answers.wait(PATIENCE_S)
        return 0

    limits = Limits(prefix_burst_calls=3, prefix_calls_per_s=0.001)
    async with Server(tmp_path / "data", limits=limits).running() as server:
        monkeypatch.setattr(Prefixes, "of", lambda *_: b"a prefix of them all")
        monkeypatch.setattr(server.registry, "change_mark", look)
        server.accounts.shared = True
        async with grpc.aio.insecure_channel(str(server.listener.endpoint)) as channel:
            leave = stubs.CollectorStub(channel).Leave
            calls = [leave(link.LeaveRequest(), metadata=(("authorization", "Bearer a.b"),)) for _ in range(5)]
            try:
                await asyncio.to_thread(looks.wait, PATIENCE_S)
                async with asyncio.timeout(PATIENCE_S / 2):
                    await until(lambda: 2 == sum(call.done() for call in calls))
                assert {"prefix": 2} == server.stats.rejected
            finally:
                answers.set()
            codes = sorted([(await call.code()).name for call in calls])
    assert ["RESOURCE_EXHAUSTED"] * 2 + ["UNAUTHENTICATED"] * 3 == codes


async def test_a_session_begins_with_a_hello(server: Server) -> None:
    agent = await server.join()
    async with agent.session(link.Hello()) as session:
        await session.send(link.SessionRequest(batch=batch(1)))
        assert grpc.StatusCode.INVALID_ARGUMENT == await session.status()
    assert not server.entries


async def test_bytes_that_are_no_message_end_the_session_and_nothing_else(server: Server) -> None:
    agent = await server.join()
    async with grpc.aio.insecure_channel(str(server.listener.endpoint)) as channel:
        call = channel.stream_stream("/rabta.v1.Collector/Session")(metadata=agent.credential)
        await call.write(b"\x12\xff\xff")
        assert grpc.StatusCode.INVALID_ARGUMENT == await call.code()
        unary = channel.unary_unary("/rabta.v1.Collector/Enroll")
        assert grpc.StatusCode.INVALID_ARGUMENT == (await refusal(unary(b"\xff\xff")))[0]
    async with agent.session() as session:
        await session.acknowledged(batch(1))


async def test_too_many_measurements_are_refused_before_they_are_decoded(server: Server) -> None:
    agent = await server.join()
    async with agent.session() as session:
        empty = link.MeasurementBatch(measurements=[wire.Measurement()] * (MAX_MEASUREMENTS + 1))
        await session.send(link.SessionRequest(batch=empty))
        assert grpc.StatusCode.RESOURCE_EXHAUSTED == await session.status()


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_too_many_bytes_are_refused_folded_or_not(server: Server, compression: grpc.Compression) -> None:
    """Zeros fold to a thousandth: what counts is what they unfold to."""
    agent = await server.join()
    hello, bomb = b"\x0a\x00", bytes(64 * 1024 * 1024)
    assert grpc.StatusCode.RESOURCE_EXHAUSTED == await agent.end_of(hello, bomb, compression=compression)


async def test_a_message_of_a_newer_agent_is_ignored(server: Server) -> None:
    agent = await server.join()
    async with agent.session() as session:
        await session.send(link.SessionRequest.FromString(b"\x7a\x03new"))
        assert {1: link.OUTCOME_ACCEPTED} == outcomes(await session.acknowledged(batch(1)))


async def test_folded_batches_are_taken(server: Server) -> None:
    agent = await server.join()
    async with grpc.aio.insecure_channel(str(server.listener.endpoint), compression=grpc.Compression.Gzip) as channel:
        call = stubs.CollectorStub(channel).Session(metadata=agent.credential)
        await call.write(link.SessionRequest(hello=link.Hello(epoch=7)))
        await call.write(link.SessionRequest(batch=batch(1, 2)))
        assert "welcome" == (await call.read()).WhichOneof("message")
        assert {1: 1, 2: 1} == outcomes((await call.read()).ack)
        call.cancel()


async def test_a_changed_share_goes_out_as_a_plan(server: Server) -> None:
    agent, other = await server.join(), await server.join()
    async with agent.session() as session, other.session():
        assert 2 == sum(server.planner.offers(server.service.sessions))
        signed = (await session.next()).plan
        plan = plans.Plan.FromString(signed.plan)
        assert [600_000] == [entry.interval_ms for entry in plan.assignments]
        assert plans.Plan.FromString(agent.enrolment.plan.plan).version < plan.version
        assert 0 == sum(server.planner.offers(server.service.sessions))


def contents(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_what_a_volunteer_leaves_out_is_not_asked_of_their_agent_and_is_written_nowhere(
    server: Server, tmp_path: Path
) -> None:
    agent, other = await server.join(), await server.join()
    async with agent.session(link.Hello(left_out=["SOCIAL"])) as session, other.session():
        assert 2 == sum(server.planner.offers(server.service.sessions))
        assert [] == list(plans.Plan.FromString((await session.next()).plan.plan).assignments)
    kept = contents(tmp_path)
    assert agent.id.encode() in kept
    assert b"SOCIAL" not in kept


async def test_the_collectors_end_is_said_to_its_agents(server: Server) -> None:
    agent = await server.join()
    async with agent.session() as session:
        server.service.end_all()
        assert grpc.StatusCode.UNAVAILABLE == await session.status()


async def test_an_agent_that_closes_its_stream_is_left_in_peace(server: Server) -> None:
    agent = await server.join()
    async with agent.session() as session:
        await session.acknowledged(batch(1))
        await session.call.done_writing()
        assert grpc.StatusCode.OK == await session.status()


async def test_no_address_reaches_journal_registry_or_log(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    agent = await server.join()
    async with agent.session() as session:
        await session.acknowledged(link.MeasurementBatch(measurements=[measurement(1)]))
        await session.send(link.SessionRequest(hello=link.Hello()))
        await session.status()
    await until(lambda: not server.service.sessions)
    assert any(isinstance(entry, Measured) for entry in server.entries)
    output = capfd.readouterr()
    kept = b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir())
    assert "127.0.0.1" not in output.out + output.err
    assert b"127.0.0.1" not in kept
    assert agent.enrolment.secret.encode() not in kept


async def test_an_agent_that_sends_too_much_is_told_to_slow_down_and_is_not_read_from(tmp_path: Path) -> None:
    limits = Limits(agent_messages_per_s=1, agent_burst_messages=1)
    async with Server(tmp_path, limits=limits).running() as server, (await server.join()).session() as session:
        server.service._parts.admission._clock = lambda: 0.0  # however long it takes, nothing is forgiven
        await session.acknowledged(batch(1))
        began = server.journal.now()
        await session.acknowledged(batch(2))
        assert "slow_down" == (await session.next()).WhichOneof("message")
        await session.acknowledged(batch(3))
        assert server.journal.now() - began > 0.9


async def test_there_are_no_more_sessions_than_may_be_and_an_agent_that_comes_again_has_its_own(tmp_path: Path) -> None:
    async with Server(tmp_path, limits=Limits(sessions=1)).running() as server:
        agent, other = await server.join(), await server.join()
        async with agent.session(), other.session(link.Hello()) as refused:
            assert grpc.StatusCode.RESOURCE_EXHAUSTED is await refused.status()
            async with agent.session() as again:
                await again.acknowledged(batch(1))
    assert {"sessions": 1} == server.stats.rejected


async def test_an_agent_whose_secret_is_old_gets_a_new_one_after_the_welcome(tmp_path: Path) -> None:
    async with Server(tmp_path).running() as server:
        agent = await server.join()
        with closing(sqlite3.connect(tmp_path / "state.sqlite", timeout=PATIENCE_S)) as file:
            file.execute("UPDATE agents SET secret_at = 0")
            file.commit()
        await server.accounts.refresh()
        async with agent.session() as session:
            response = await session.next()
            assert "rotation" == response.WhichOneof("message")
        old = agent.credential
        agent.credential = (("authorization", f"Bearer {agent.id}.{response.rotation.secret}"),)
        async with agent.session() as session:
            await session.acknowledged(batch(1))
        agent.credential = old
        async with agent.session(link.Hello()) as session:
            assert grpc.StatusCode.UNAUTHENTICATED is await session.status()


async def test_a_session_of_many_days_is_given_a_new_secret_too(tmp_path: Path) -> None:
    async with Server(tmp_path).running() as server, (await server.join()).session() as session:
        await server.service.rotate()
        with closing(sqlite3.connect(tmp_path / "state.sqlite", timeout=PATIENCE_S)) as file:
            file.execute("UPDATE agents SET secret_at = 0")
            file.commit()
        await server.accounts.refresh()
        await server.service.rotate()
        assert "rotation" == (await session.next()).WhichOneof("message")


async def test_what_agents_had_to_drop_is_known_by_cause_while_they_are_here(server: Server) -> None:
    agent = await server.join()
    async with agent.session(link.Hello(agent_version="0", dropped=5, dropped_old=2)) as session:
        await session.next()
        assert {"full": 3, "old": 2, "damaged": 0} == server.stats.drops.sums()
        await session.send(link.SessionRequest(heartbeat=link.Heartbeat(dropped=6, dropped_old=2, dropped_damaged=1)))
        while (await session.next()).WhichOneof("message") != "heartbeat_answer":
            pass
        assert {"full": 3, "old": 2, "damaged": 1} == server.stats.drops.sums()
    await until(lambda: not server.service.sessions)
    assert {"full": 0, "old": 0, "damaged": 0} == server.stats.drops.sums()
