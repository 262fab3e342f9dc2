"""Peers begin big messages on many connections and never end them: what that holds is little, and not for long."""

import asyncio
from pathlib import Path

import pytest

from faults.asked import LONG, TIMEOUT_S, tell
from faults.rig import PATIENCE_S, Rig, rig
from faults.stalled import Stalled
from faults.test_flood import MIB, SESSIONS, Flood, bound_bytes, memory
from lab.programs import COLLECTOR, run
from lab.waiting import until
from rabta_collector.openings import TOGETHER
from rabta_proto.v1 import collector_pb2 as link
from support.collector_server import Agent

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

CONNECTIONS, CALLS = (60, 16) if LONG else (12, 16)
SESSIONS_HALF_SENT, AT_ONCE, FLOOD_S = (400, 8, 30.0) if LONG else (24, 8, 1.0)
LENGTH, STOP_AT = MIB, MIB * 9 // 10
OF_CALL = 128 * 1024  # that a call may hold before anybody waits for its message: one window, and itself
DEADLINE_EXCEEDED = 4
PATHS = (
    ("/rabta.v1.Collector/Enroll", TOGETHER),
    ("/rabta.v1.Collector/Session", 2),
    ("/grpc.health.v1.Health/Check", TOGETHER),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", TOGETHER),
)


async def joined(system: Rig) -> Agent:
    token = await run(COLLECTOR, "invite", f"--data={system.data}", "--isp=ptcl")
    return await Agent.join(f"127.0.0.1:{system.grpc}", token.split()[0])


@pytest.mark.parametrize(
    ("path", "waited_for"),
    PATHS if LONG else PATHS[:2],
)
async def test_messages_that_are_never_ended_hold_little_and_not_for_long(
    tmp_path: Path, path: str, waited_for: int
) -> None:
    async with rig(tmp_path) as system:
        await system.start()
        agent = await joined(system)
        idle = memory(system.collector.pid, "VmRSS")
        peers = [
            Stalled(
                f"127.0.0.1:{system.grpc}",
                path,
                length=LENGTH,
                stop_at=STOP_AT,
                metadata=agent.credential if path.endswith("Session") else (),
            )
            for _ in range(CONNECTIONS)
        ]
        stalling = [asyncio.create_task(peer.run(CALLS)) for peer in peers]

        async def answered() -> bool:
            assert not any(task.done() for task in stalling), "a connection was closed"
            return sum(len(peer.answers) for peer in peers) == CONNECTIONS * CALLS

        await until(answered, within=PATIENCE_S)
        held = memory(system.collector.pid, "VmHWM") - idle
        others = await joined(system)  # who does not stall is served
        async with others.session():
            pass
        for task in stalling:
            task.cancel()
        await asyncio.wait(stalling)
    bound = CONNECTIONS * CALLS * OF_CALL + waited_for * MIB + 8 * MIB
    tell(
        "stalled",
        path=path,
        calls=CONNECTIONS * CALLS,
        offered_mib=CONNECTIONS * CALLS * STOP_AT // MIB,
        sent_mib=sum(peer.sent for peer in peers) // MIB,
        held_mib=held // MIB,
        bound_mib=bound // MIB,
    )
    assert {DEADLINE_EXCEEDED} == {code for peer in peers for code in peer.answers}
    assert held < bound


async def half_sent(system: Rig, token: str, running: asyncio.TaskGroup) -> list["asyncio.Task[None]"]:
    """Sessions of as many agents, each with a message that is never ended; returns when all of it is sent."""
    target = f"127.0.0.1:{system.grpc}"
    hello = link.SessionRequest(hello=link.Hello(agent_version="0.1.0")).SerializeToString()
    peers: list[Stalled] = []
    tasks: list[asyncio.Task[None]] = []

    async def sent() -> bool:
        assert not any(peer.answers for peer in peers), "a session was ended"
        return sum(peer.sent for peer in peers) == len(peers) * STOP_AT

    for _ in range(SESSIONS_HALF_SENT // AT_ONCE):  # a Hello has ten seconds, on a machine that does other work, too
        for _ in range(AT_ONCE):
            credential = (await Agent.join(target, token)).credential
            peer = Stalled(target, PATHS[1][0], length=LENGTH, stop_at=STOP_AT, metadata=credential, first=hello)
            peers.append(peer)
            tasks.append(running.create_task(peer.run(1)))
        await until(sent, within=PATIENCE_S)
    return tasks


async def test_memory_is_bounded_under_a_flood_beside_sessions_that_are_half_sent(tmp_path: Path) -> None:
    """The worst that sessions can do together: each holds a message of the largest size while others flood."""
    patient = ("env", "RABTA_HEARTBEAT=300s")  # so that none of them is ended before the flood is over
    async with rig(tmp_path, prefix=patient) as system, asyncio.TaskGroup() as running:
        await system.start()
        idle = memory(system.collector.pid, "VmRSS")
        uses = f"--uses={SESSIONS_HALF_SENT + SESSIONS + 1}"
        token = (await run(COLLECTOR, "invite", f"--data={system.data}", "--isp=ptcl", uses)).split()[0]
        stalling = await half_sent(system, token, running)
        held = memory(system.collector.pid, "VmHWM") - idle
        flood = Flood(system, "large", token)
        await flood.run(FLOOD_S)
        most = memory(system.collector.pid, "VmHWM") - idle
        for task in stalling:
            task.cancel()
    bound = bound_bytes(SESSIONS_HALF_SENT + SESSIONS)
    tell(
        "half-sent",
        sessions=SESSIONS_HALF_SENT,
        flooders=SESSIONS,
        held_mib=held // MIB,
        kib_per_session=held // SESSIONS_HALF_SENT // 1024,
        most_mib=most // MIB,
        bound_mib=round(bound / MIB),
        worst_answer_s=round(max(flood.answers_s), 3),
    )
    assert most < bound
    assert held < SESSIONS_HALF_SENT * 1.25 * MIB + 8 * MIB
