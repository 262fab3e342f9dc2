"""`rabta-agent run` in processes of its own: signals, kills, and what becomes of measurements."""

import asyncio
import json
import signal
from pathlib import Path

import grpc
import pytest

from rabta_agent.exits import ExitCode
from rabta_agent.home import Home
from rabta_proto.v1 import collector_pb2 as wire
from support.agent_process import command, running
from support.agents import credential
from support.ports import hold
from support.scripted_collector import Hangup, ScriptedCollector, accept, listening, say_nothing, signed_plan
from support.waiting import PATIENCE_S
from support.web_server import serving


def joined(path: Path, url: str) -> None:
    home = Home(path=path)
    home.make()
    home.save_credential(credential(url))


async def facts(home: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((await command(home, "status", "--json")).out)
    return found


async def test_once_measures_uploads_and_ends_well(tmp_path: Path) -> None:
    async with serving() as page, listening(ScriptedCollector(plan=signed_plan(page))) as collector:
        joined(tmp_path, collector.url)
        done = await command(tmp_path, "run", "--once")
    assert (ExitCode.GOOD, "") == (done.code, done.out)
    after = await facts(tmp_path)
    assert (1, 1, 0, False) == (after["produced"], after["acked"], after["waiting"], after["running"])
    log = await command(tmp_path, "log")
    plan = ["plan 1: 1 added, 0 removed, 0 at other times", f"+ {page}"]
    told = [line.split("  ")[1] for line in log.out.splitlines()]
    hosts = [line.partition(": ")[0] for line in told if line not in plan]
    assert plan == [line for line in told if line in plan]
    assert [page] == [host for host in hosts if host != "collector"]
    assert "collector" in hosts


async def test_once_without_a_collector_is_code_4_and_keeps_the_measurement(tmp_path: Path) -> None:
    async with serving() as page:
        joined(tmp_path, f"http://127.0.0.1:{hold()}")
        Home(path=tmp_path).save_plan(signed_plan(page).SerializeToString())
        done = await command(tmp_path, "run", "--once")
    assert ExitCode.UNREACHABLE == done.code
    assert "cannot be reached" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert 1 == (await facts(tmp_path))["waiting"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_ends_it_soon_and_well(tmp_path: Path, number: signal.Signals) -> None:
    async with serving() as page, listening(ScriptedCollector(plan=signed_plan(page, interval_ms=200))) as collector:
        joined(tmp_path, collector.url)
        async with running(tmp_path) as process:
            await collector.until(lambda seen: len(seen.sequences) >= 2)
            during = await facts(tmp_path)
            process.send_signal(number)
            async with asyncio.timeout(PATIENCE_S):
                assert 0 == await process.wait()
    assert (True, True) == (during["running"], during["connected"])
    after = await facts(tmp_path)
    assert after["produced"] == after["acked"]
    assert set(range(1, int(str(after["produced"])) + 1)) == collector.sequences


async def test_killed_at_any_moment_it_loses_nothing_and_leaves_no_hole(tmp_path: Path) -> None:
    """Acknowledgements come now and then only, so that each kill meets measurements in every state."""
    fickle = ScriptedCollector(answers=(accept, say_nothing) * 40)
    async with serving() as page, listening(fickle) as collector:
        fickle.plan = signed_plan(page, interval_ms=100)
        joined(tmp_path, collector.url)
        for _ in range(3):
            seen_before = len(collector.sequences)
            async with running(tmp_path) as process:
                await collector.until(lambda seen, least=seen_before + 3: len(seen.sequences) >= least)  # type: ignore[misc]
                process.kill()
                await process.wait()
        fickle.answers = (accept,)
        async with running(tmp_path) as process:
            await collector.until(lambda seen: bool(seen.hellos))
            process.send_signal(signal.SIGTERM)
            await process.wait()
        after = {"waiting": 1}
        async with asyncio.timeout(PATIENCE_S):
            while after["waiting"]:  # each time one more is measured, and what waits goes at its own rate
                await command(tmp_path, "run", "--once")
                after = await facts(tmp_path)
    assert 0 == after["waiting"] == after["dropped"]
    assert after["produced"] == after["acked"]
    assert set(range(1, int(str(after["produced"])) + 1)) == collector.sequences


async def test_a_second_agent_on_the_same_home_is_one_line(tmp_path: Path) -> None:
    async with listening(ScriptedCollector()) as collector:
        joined(tmp_path, collector.url)
        async with running(tmp_path):
            await collector.until(lambda seen: bool(seen.hellos))
            second = await command(tmp_path, "run")
    assert (ExitCode.FAILED, 1) == (second.code, second.err.count("\n"))
    assert "another agent runs" in second.err


async def test_a_revoked_agent_is_code_3_and_says_so(tmp_path: Path) -> None:
    def revoke(batch: wire.MeasurementBatch) -> None:
        raise Hangup(grpc.StatusCode.UNAUTHENTICATED, "the credential was revoked")

    async with serving() as page, listening(ScriptedCollector(plan=signed_plan(page, interval_ms=100))) as collector:
        collector.answers = (revoke,)
        joined(tmp_path, collector.url)
        done = await command(tmp_path, "run")
    assert ExitCode.NOT_JOINED == done.code
    assert "the credential was revoked" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


async def test_a_damaged_spool_is_named_moved_aside_and_the_agent_goes_on(tmp_path: Path) -> None:
    async with serving() as page, listening(ScriptedCollector(plan=signed_plan(page))) as collector:
        joined(tmp_path, collector.url)
        (tmp_path / "spool.sqlite").write_bytes(b"not a spool any more" * 100)
        done = await command(tmp_path, "run", "--once")
    assert ExitCode.GOOD == done.code
    (line,) = (json.loads(text) for text in done.err.splitlines() if "spool.damaged" in text)
    assert str(tmp_path / "spool.sqlite.damaged-1") == line["moved_to"]
    assert (tmp_path / "spool.sqlite.damaged-1").exists()
