"""`rabta-agent join`, as a volunteer types it, against a collector on a real port."""

import json
import stat
from pathlib import Path

import grpc

from rabta_agent.exits import ExitCode
from rabta_proto.v1 import collector_pb2 as wire
from support.agent_process import command
from support.scripted_collector import AGENT, PUBLIC_KEY, ScriptedCollector, listening, signed_plan

ANSWER = wire.EnrollResponse(
    agent_id=AGENT, secret="s3cret", role=wire.ROLE_PROBE, isp="ptcl", plan_public_key=PUBLIC_KEY
)


async def test_joining_leaves_a_credential_and_a_plan_for_the_owner_alone(tmp_path: Path) -> None:
    answer = wire.EnrollResponse()
    answer.CopyFrom(ANSWER)
    answer.plan.CopyFrom(signed_plan("https://x.com/", version=3))
    async with listening(ScriptedCollector(enrolment=answer)) as collector:
        done = await command(
            tmp_path / "home", "join", collector.url, "--invite", "t0ken", "--isp", "zong", "--province", "Sindh"
        )
    assert (0, "") == (done.code, done.err)
    assert f"as {AGENT}" in done.out
    assert "ISP ptcl" in done.out
    assert "s3cret" not in done.out
    (request,) = collector.requests
    assert ("t0ken", "zong", "Sindh", True) == (request.invite_token, request.isp, request.province, request.lab)
    assert 0o700 == stat.S_IMODE((tmp_path / "home").stat().st_mode)
    assert "plan 3: 1 added" in (await command(tmp_path / "home", "log")).out
    facts = json.loads((await command(tmp_path / "home", "status", "--json")).out)
    assert (True, 3, "ptcl", collector.url) == (
        facts["joined"],
        facts["plan_version"],
        facts["isp"],
        facts["collector"],
    )


async def test_a_used_up_invitation_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    refusal = (grpc.StatusCode.PERMISSION_DENIED, "the invitation is used up")
    async with listening(ScriptedCollector(enrolment=refusal)) as collector:
        done = await command(tmp_path / "home", "join", collector.url, "--invite", "t")
    assert (ExitCode.FAILED, 1) == (done.code, done.err.count("\n"))
    assert "the invitation is used up" in done.err
    assert not (tmp_path / "home").exists()


async def test_a_collector_that_is_not_there_is_code_4(tmp_path: Path) -> None:
    async with listening(ScriptedCollector()) as collector:
        pass
    done = await command(tmp_path, "join", collector.url, "--invite", "t")
    assert (ExitCode.UNREACHABLE, 1) == (done.code, done.err.count("\n"))


async def test_a_home_joins_once(tmp_path: Path) -> None:
    async with listening(ScriptedCollector(enrolment=ANSWER)) as collector:
        assert 0 == (await command(tmp_path, "join", collector.url, "--invite", "t")).code
        again = await command(tmp_path, "join", collector.url, "--invite", "t")
    assert (ExitCode.FAILED, 1) == (again.code, len(collector.requests))
    assert "has joined" in again.err
