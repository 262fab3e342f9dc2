"""Hostile agents send at more than five times what the collector takes: it stays small, answers, and loses nothing.

Some seconds in `make check`; RABTA_FAULTS_LONG=1 floods for five minutes each way, so that those who do not slow down
are refused, too.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from faults.asked import LONG, PATIENCE_S, TIMEOUT_S, tell
from faults.books import Journaled, read_journal
from faults.rig import TESTS, Rig, rig
from lab.programs import COLLECTOR, Program, environment, run
from lab.waiting import until
from rabta_collector.limits import Limits
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as wire
from support.collector_server import Agent, Link

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

SECONDS = 300.0 if LONG else 2.5
SESSIONS = 16
RATES = {"small": 250_000, "large": 2_000, "dense": 250_000}  # measurements a second that all of them offer
FACTOR = 5
GENEROUS_S = 10.0  # that an answer may take where the machine does other work, too; usual figures are in the README
MIB = 1024 * 1024


def bound_bytes(sessions: int) -> float:
    """What agents with so many sessions can fill of a collector's memory, beyond what an idle one has."""
    return 16 * Limits().inflight_bytes + sessions * 1.25 * MIB


def memory(pid: int, line: str) -> int:
    """Bytes of a process: `VmRSS` now, `VmHWM` at most so far (proc(5))."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.split(f"{line}:")[1].split()[0]) * 1024


class Flood:
    """Flooders in a process of their own, beside one modest agent and one reader."""

    def __init__(self, system: Rig, shape: str, token: str) -> None:
        self._system, self._token, self._out = system, token, system.root / "flood.json"
        arguments = [f"127.0.0.1:{system.grpc}", token, str(self._out)]
        arguments += [f"--sessions={SESSIONS}", f"--rate={RATES[shape]}", f"--shape={shape}"]
        self.program = Program(
            [sys.executable, "-m", "faults.flooder", *arguments],
            environment(PYTHONPATH=str(TESTS)),
            system.logs / "flooder.log",
        )
        self.acks_s: list[float] = []
        self.answers_s: list[float] = []
        self.modest = ""

    async def accepted(self) -> int:
        answer = await self._system.ask("metrics")
        found = [line for line in answer.text.splitlines() if 'ingest_measurements_total{result="accepted"}' in line]
        return int(found[0].split()[1])

    async def run(self, seconds: float) -> None:
        """Until the flood has been taken from for so long."""
        agent = await Agent.join(f"127.0.0.1:{self._system.grpc}", self._token)
        self.modest = agent.id
        async with agent.session() as session:
            await self.program.start()

            async def flooded() -> bool:
                assert self.program.running, self.program.last_words()
                return await self.accepted() > 0

            await until(flooded, within=PATIENCE_S)
            ends = time.monotonic() + seconds
            await asyncio.gather(self._send(session, ends), self._read(ends))
        assert 0 == await self.program.stop(within=PATIENCE_S)

    async def _send(self, session: Link, ends: float) -> None:
        number = 0
        while time.monotonic() < ends:
            number += 1
            message = wire.Measurement(
                epoch=1, sequence=number, target="http://127.0.0.1:9/1", platform="x", agent_version="0"
            )
            message.started_at.GetCurrentTime()
            began = time.monotonic()
            ack = await session.acknowledged(link.MeasurementBatch(measurements=[message]))
            self.acks_s.append(time.monotonic() - began)
            assert [(number, link.OUTCOME_ACCEPTED)] == [(entry.last, entry.outcome) for entry in ack.ranges]
            await asyncio.sleep(0.1)

    async def _read(self, ends: float) -> None:
        while time.monotonic() < ends:
            for path in ("metrics", "api/v1/verdicts"):
                began = time.monotonic()
                assert 200 == (await self._system.ask(path)).status
                self.answers_s.append(time.monotonic() - began)
            await asyncio.sleep(0.1)

    def account(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self._out.read_text(encoding="utf-8"))
        return found


def unkept(acked: dict[str, list[tuple[int, int]]], journal: Journaled) -> tuple[int, int, int]:
    """Measurements that were acknowledged, of these those that the journal lacks, and those that it holds twice."""
    numbers = {(agent, number) for agent, runs in acked.items() for a, b in runs for number in range(a, b + 1)}
    missing = sum(1 for agent, number in numbers if (1, number) not in journal.get(agent, {}))
    twice = sum(len(marks) - 1 for found in journal.values() for marks in found.values())
    return len(numbers), missing, twice


@pytest.mark.parametrize("shape", sorted(RATES))
async def test_a_flood_is_bounded_delays_nobody_and_loses_nothing(tmp_path: Path, shape: str) -> None:
    patient = ("env", "RABTA_HEARTBEAT=60s")  # a machine that does other work, too, lets an agent be silent for long
    async with rig(tmp_path, prefix=patient) as system:
        await system.start()
        idle = memory(system.collector.pid, "VmRSS")
        token = await run(COLLECTOR, "invite", f"--data={system.data}", "--isp=ptcl", f"--uses={SESSIONS + 1}")
        flood = Flood(system, shape, token.split()[0])
        await flood.run(SECONDS)
        most = memory(system.collector.pid, "VmHWM")
    account = flood.account()
    acked, missing, twice = unkept(account["acked"], read_journal(system.journal))  # type: ignore[arg-type] # JSON
    factor = int(str(account["offered"])) / max(1, acked)
    tell(
        "flood",
        shape=shape,
        offered=account["offered"],
        acked=acked,
        factor=round(factor, 1),
        lost=missing,
        twice=twice,
        slow_downs=account["slow_downs"],
        answers=json.dumps(account["answers"]),
        idle_mib=idle // MIB,
        most_mib=most // MIB,
        bound_mib=round((idle + bound_bytes(SESSIONS)) / MIB),
        worst_answer_s=round(max(flood.answers_s), 3),
        worst_modest_ack_s=round(max(flood.acks_s), 3),
        median_modest_ack_s=round(sorted(flood.acks_s)[len(flood.acks_s) // 2], 3),
    )
    assert (0, 0) == (missing, twice)
    assert acked
    assert factor > FACTOR
    assert most < idle + bound_bytes(SESSIONS)
    assert max(flood.answers_s) < GENEROUS_S
    assert max(flood.acks_s) < GENEROUS_S
