"""A collector as an operator runs it: real processes, real sockets, and the power cut at any moment."""

import asyncio
import json
import os
import random
import signal
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import grpc
import pytest

from rabta_collector import app, upkeep
from rabta_collector.config import Config, Endpoint
from rabta_collector.datadir import DataDir
from rabta_collector.registry import Invite, Newcomer, Registry
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.v1 import plan_pb2 as plans
from rabta_proto.vocabulary import Role
from support.collector_server import Agent, batch, journaled, measurement, outcomes
from support.waiting import PATIENCE_S

LATER = 4_000_000_000.0
NEWCOMER = Newcomer(isp="ptcl", province="", version="0")


class Process:
    """`rabta-collector serve` on a data directory; ports are whatever is free."""

    def __init__(self, process: asyncio.subprocess.Process, agents: str, page: str) -> None:
        self.process, self.agents, self.page = process, agents, page

    def invite(self, data: Path, isp: str = "ptcl", role: Role = Role.PROBE) -> str:
        registry = Registry(data / "state.sqlite")
        token = registry.invite(Invite(role=role, isp=isp, uses=100, expires_at=LATER), now=0.0)
        registry.close()
        return token

    def get(self, path: str) -> tuple[int, str]:
        with urllib.request.urlopen(self.page.rstrip("/") + path, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()

    async def kill(self) -> None:
        self.process.kill()
        await self.process.communicate()

    async def stop(self) -> tuple[int | None, str]:
        """Exit code and standard error after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = await self.process.communicate()
        return self.process.returncode, errors.decode()


async def launch(data: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rabta_collector", "serve", "--data", str(data)),
        *("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("RABTA_")},
    )


@asynccontextmanager
async def served(data: Path, *arguments: str) -> AsyncIterator[Process]:
    process = await launch(data, *arguments)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            ready = (await process.stdout.readline()).decode()
        assert ready.startswith("ready: agents on "), (await process.communicate())[1].decode()
        agents, _, page = ready.removeprefix("ready: agents on ").strip().partition(", page on ")
        yield Process(process, agents, page)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_a_collector_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    async with served(tmp_path) as collector:
        assert 200 == (await asyncio.to_thread(collector.get, "/readyz"))[0]
        agent = await Agent.join(collector.agents, collector.invite(tmp_path))
        async with agent.session() as session:
            await session.acknowledged(batch(1, 2, 3))
            code, errors = await collector.stop()
            assert grpc.StatusCode.UNAVAILABLE == await session.status()
    assert 0 == code
    assert "Traceback" not in errors
    assert "127.0.0.1" not in errors.replace(collector.agents, "").replace(collector.page, "")
    assert 3 == len(journaled(tmp_path / "journal.sqlite"))


async def test_killed_at_any_moment_it_loses_nothing_acknowledged_and_counts_nothing_twice(tmp_path: Path) -> None:
    """An agent that sends, keeps what is not acknowledged and sends it again, while its collector is killed."""
    rng = random.Random(7)
    waiting = dict.fromkeys(range(1, 2001))
    acknowledged: set[int] = set()
    agent: Agent | None = None
    for round_ in range(4):
        async with served(tmp_path) as collector:
            agent = agent or await Agent.join(collector.agents, collector.invite(tmp_path))
            kill = asyncio.create_task(_kill_after(collector, rng.uniform(0.0, 0.15) if round_ < 3 else None))
            with suppress(grpc.aio.AioRpcError, EOFError):
                async with agent.session(target=collector.agents) as session:
                    while waiting:
                        some = rng.sample(sorted(waiting), min(10, len(waiting)))
                        for number in outcomes(await session.acknowledged(batch(*some))):
                            waiting.pop(number, None)
                            acknowledged.add(number)
            kill.cancel()
    assert not waiting
    assert agent is not None
    on_disk = [sequence for _, _, sequence in journaled(tmp_path / "journal.sqlite")]
    assert len(on_disk) == len(set(on_disk))
    assert acknowledged == set(on_disk) == set(range(1, 2001))


async def _kill_after(collector: Process, seconds: float | None) -> None:
    if seconds is not None:
        await asyncio.sleep(seconds)
        await collector.kill()


async def decided(collector: Process) -> list[object]:
    """Every event so far, once there is one."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            _, text = await asyncio.to_thread(collector.get, "/api/v1/events")
            if events := json.loads(text)["events"]:
                return list(events)
            await asyncio.sleep(0.05)


async def test_what_was_acknowledged_and_decided_is_known_after_a_restart(tmp_path: Path) -> None:
    async with served(tmp_path) as collector:
        agent = await Agent.join(collector.agents, collector.invite(tmp_path))
        async with agent.session() as session:
            await session.acknowledged(batch(1, 2, 3))
            before = await decided(collector)
            await collector.kill()
    async with served(tmp_path) as again, agent.session(target=again.agents) as session:
        ack = await session.acknowledged(batch(2, 3, 4))
        after = await decided(again)
    assert before
    assert before == after[: len(before)]
    expected = {2: link.OUTCOME_DUPLICATE, 3: link.OUTCOME_DUPLICATE, 4: link.OUTCOME_ACCEPTED}
    assert expected == outcomes(ack)


def reached(sequence: int, *addresses: str) -> wire.Measurement:
    """A measurement that showed a valid certificate of x.com at these addresses."""
    message = measurement(sequence)
    for address in addresses:
        handshake = message.observations.add(offset_us=1, duration_us=2).tls
        handshake.address, handshake.port, handshake.server_name, handshake.verified = address, 443, "x.com", True
    return message


@pytest.mark.parametrize(
    ("arguments", "known"), [((), ["104.244.42.1"]), (("--lab",), ["104.244.42.1", "127.3.0.1"])], ids=["", "lab"]
)
async def test_where_controls_reach_a_target_stands_in_plans_after_a_restart_too(
    tmp_path: Path, arguments: tuple[str, ...], known: list[str]
) -> None:
    async with served(tmp_path, *arguments) as collector:
        control = await Agent.join(collector.agents, collector.invite(tmp_path, "", Role.CONTROL))
        async with control.session() as session:
            found = [reached(1, "104.244.42.1", "127.3.0.1")]
            await session.acknowledged(link.MeasurementBatch(measurements=found))
            await collector.kill()
    async with served(tmp_path, *arguments) as again:
        newcomer = await Agent.join(again.agents, again.invite(tmp_path))
        plan = plans.Plan.FromString(newcomer.enrolment.plan.plan)
    given = {entry.target: sorted(entry.control_addresses) for entry in plan.assignments if entry.control_addresses}
    assert {"https://x.com/": known} == given


async def test_when_an_agent_was_last_seen_moves_on_while_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "HEARD_S", 0.01)
    anywhere = Endpoint(host="127.0.0.1", port=0)
    collector = app.Collector(Config(data=tmp_path, grpc=anywhere, http=anywhere), DataDir(tmp_path))
    serving = asyncio.create_task(collector.serve())
    with closing(Registry(tmp_path / "state.sqlite")) as registry:
        agent, _ = registry.enrol(registry.invite(Invite(expires_at=LATER), now=0.0), NEWCOMER, now=0.0)
        collector._door.accounts.heard(agent.id)
        async with asyncio.timeout(PATIENCE_S):
            while registry.agents()[0].last_seen is None:  # noqa: ASYNC110 - another thread writes it
                await asyncio.sleep(0.01)
    collector.stop()
    await serving


async def test_a_revocation_beside_it_takes_effect_while_it_serves(tmp_path: Path) -> None:
    async with served(tmp_path) as collector:
        agent = await Agent.join(collector.agents, collector.invite(tmp_path))
        async with agent.session() as session:
            revoke = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "rabta_collector", "revoke", agent.id, "--data", str(tmp_path)),
                stdout=asyncio.subprocess.DEVNULL,
            )
            assert 0 == await revoke.wait()
            async with asyncio.timeout(PATIENCE_S / 2):
                assert grpc.StatusCode.UNAUTHENTICATED == await session.status()


async def test_a_truncated_journal_is_salvaged_and_said_so(tmp_path: Path) -> None:
    async with served(tmp_path) as collector:
        agent = await Agent.join(collector.agents, collector.invite(tmp_path))
        async with agent.session() as session:
            for first in range(1, 400, 20):
                await session.acknowledged(batch(*range(first, first + 20)))
        await collector.stop()
    file = tmp_path / "journal.sqlite"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2 + 100])
    async with served(tmp_path) as collector, agent.session(target=collector.agents) as session:
        ack = await session.acknowledged(batch(*range(1, 21)))
        assert {link.OUTCOME_DUPLICATE} == set(outcomes(ack).values())
        code, errors = await collector.stop()
    (salvaged,) = [line for line in map(json.loads, errors.splitlines()) if line["event"] == "journal.salvaged"]
    assert 0 == code
    assert salvaged["kept"] > 5
    assert salvaged["moved_to"] in [file.path for file in os.scandir(tmp_path)]


async def failed(data: Path, *arguments: str) -> str:
    """The last line on standard error of a collector that could not serve."""
    process = await launch(data, *arguments)
    async with asyncio.timeout(PATIENCE_S):
        _, errors = await process.communicate()
    assert 1 == process.returncode
    assert "Traceback" not in errors.decode()
    return errors.decode().splitlines()[-1]


async def test_a_second_collector_on_the_same_data_is_one_line(tmp_path: Path) -> None:
    async with served(tmp_path):
        line = await failed(tmp_path)
    assert f"rabta-collector: {tmp_path}: another collector serves from this data directory" == line


@pytest.mark.parametrize(("flag", "whose"), [("--grpc", "agents"), ("--http", "readers")])
async def test_a_port_in_use_is_one_line(tmp_path: Path, flag: str, whose: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = await failed(tmp_path, flag, f"127.0.0.1:{taken.getsockname()[1]}")
    assert f"({whose})" in line
    assert "in use" in line


async def test_a_damaged_registry_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"damaged" * 1000)
    assert "state.sqlite: file is not a database" in await failed(tmp_path)


IMPORTED = Path(__file__).parent / "ooni" / "measurements"


async def history(collector: Process, path: str, name: str) -> list[dict[str, object]]:
    _, text = await asyncio.to_thread(collector.get, path)
    found = json.loads(text)[name]
    assert isinstance(found, list)
    return found


async def import_ooni(data: Path) -> None:
    command = (sys.executable, "-m", "rabta_collector", "ooni", "import", str(IMPORTED), "--data", str(data))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert (0, True) == (process.returncode, b" 4 imported" in output)


async def test_what_is_imported_beside_a_running_collector_is_history_and_no_verdict(tmp_path: Path) -> None:
    async with served(tmp_path) as collector:
        agent = await Agent.join(collector.agents, collector.invite(tmp_path))
        async with agent.session() as session:
            await session.acknowledged(batch(1))
        before = await history(collector, "/api/v1/verdicts?platform=x", "verdicts")
        await import_ooni(tmp_path)
        (span,) = [s for s in await history(collector, "/api/v1/timeline?platform=x", "timeline") if s["revised"]]
        assert ("ptcl", "blocked", "tls.reset.other", "2024-02-18T15:00:00.000Z") == tuple(
            span[name] for name in ("isp", "state", "mechanism", "from")
        )
        revised = [e for e in await history(collector, "/api/v1/events?platform=x", "events") if e["revised"]]
        assert ["blocked", "inconclusive"] == [event["to"] for event in revised]
        after = await history(collector, "/api/v1/verdicts?platform=x", "verdicts")
        assert [(v["isp"], v["state"]) for v in before] == [(v["isp"], v["state"]) for v in after]
        assert 0 == (await collector.stop())[0]
    async with served(tmp_path) as again:
        assert revised == [e for e in await history(again, "/api/v1/events?platform=x", "events") if e["revised"]]


async def test_a_collector_with_another_catalogue_puts_the_past_in_other_places(tmp_path: Path) -> None:
    await import_ooni(tmp_path)
    (targets := tmp_path / "targets.toml").write_text(
        '[[platform]]\nid = "twitter"\nname = "T"\ncategory = "GRP"\n[[platform.target]]\nurl = "https://x.com/"\n'
    )
    async with served(tmp_path, "--targets", str(targets)) as collector, asyncio.timeout(PATIENCE_S):
        while ["twitter"] != [s["platform"] for s in await history(collector, "/api/v1/timeline", "timeline")]:
            continue
