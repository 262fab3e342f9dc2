"""Joining: what is asked for, what is taken from the answer, and one line for every no."""

from collections.abc import Callable

import grpc
import pytest

from rabta_agent import enrol
from rabta_agent.endpoint import parse_endpoint
from rabta_agent.enrol import Enrolment, enroll
from rabta_agent.exits import CommandError, ExitCode
from rabta_proto.v1 import collector_pb2 as wire
from support.scripted_collector import AGENT, PUBLIC_KEY, ScriptedCollector, listening, signed_plan

REQUEST = wire.EnrollRequest(invite_token="invited", isp="ptcl", agent_version="1", lab=True)


def response(change: Callable[[wire.EnrollResponse], object] = lambda _: None) -> wire.EnrollResponse:
    answer = wire.EnrollResponse(
        agent_id=AGENT,
        secret="s3cret",
        role=wire.ROLE_CONTROL,
        isp="nayatel",
        plan_public_key=PUBLIC_KEY,
        plan=signed_plan("https://x.com/"),
    )
    change(answer)
    return answer


async def join(collector: ScriptedCollector, *, lab: bool = True) -> Enrolment:
    async with listening(collector):
        return await enroll(parse_endpoint(collector.url, lab=True), wire.EnrollRequest(invite_token="t", lab=lab))


async def refused(collector: ScriptedCollector) -> CommandError:
    with pytest.raises(CommandError) as raised:
        await join(collector)
    assert "\n" not in str(raised.value)
    return raised.value


async def test_what_the_volunteer_said_is_what_is_asked() -> None:
    async with listening(ScriptedCollector(enrolment=response())) as collector:
        await enroll(parse_endpoint(collector.url, lab=True), REQUEST)
    assert [REQUEST] == collector.requests


async def test_the_answer_becomes_a_credential_that_pins_the_key() -> None:
    answer = response()
    collector = ScriptedCollector(enrolment=answer)
    enrolment = await join(collector)
    credential = enrolment.credential
    assert (AGENT, "s3cret", "control", "nayatel") == (
        credential.agent_id,
        credential.secret,
        credential.role,
        credential.isp,
    )
    assert (PUBLIC_KEY.hex(), (collector.url,)) == (credential.plan_public_key, credential.endpoints)
    assert answer.plan == enrolment.plan


async def test_further_addresses_come_after_the_one_that_worked_and_only_safe_ones() -> None:
    offered = ["https://b.example", "http://c.example", "nonsense"]
    collector = ScriptedCollector(enrolment=response(lambda answer: answer.endpoints.extend(offered)))
    enrolment = await join(collector, lab=False)
    assert (collector.url, "https://b.example:443") == enrolment.credential.endpoints


async def test_a_collector_without_a_plan_yet_is_joined_all_the_same() -> None:
    enrolment = await join(ScriptedCollector(enrolment=response(lambda answer: answer.ClearField("plan"))))
    assert enrolment.plan is None


@pytest.mark.parametrize(
    ("code", "exit_code", "text"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, ExitCode.FAILED, "the invitation was refused: used up"),
        (grpc.StatusCode.FAILED_PRECONDITION, ExitCode.FAILED, "the collector refused: used up"),
        (grpc.StatusCode.INVALID_ARGUMENT, ExitCode.FAILED, "the collector refused: used up"),
        (grpc.StatusCode.UNAVAILABLE, ExitCode.UNREACHABLE, "cannot be reached: used up"),
    ],
)
async def test_each_no_is_told_apart(code: grpc.StatusCode, exit_code: ExitCode, text: str) -> None:
    error = await refused(ScriptedCollector(enrolment=(code, "used up")))
    assert text in str(error)
    assert exit_code is error.code


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: answer.ClearField("agent_id"),
        lambda answer: answer.ClearField("secret"),
        lambda answer: setattr(answer, "secret", "two words"),
        lambda answer: setattr(answer, "secret", "ü"),
        lambda answer: setattr(answer, "agent_id", "x" * 1000),
        lambda answer: setattr(answer, "plan_public_key", b"short"),
    ],
)
async def test_an_answer_that_makes_no_credential_is_refused(
    change: Callable[[wire.EnrollResponse], object],
) -> None:
    assert "no usable credential" in str(await refused(ScriptedCollector(enrolment=response(change))))


async def test_a_plan_that_the_key_did_not_sign_is_refused() -> None:
    answer = response(lambda given: setattr(given.plan, "signature", b"x" * 64))
    assert "not signed" in str(await refused(ScriptedCollector(enrolment=answer)))


async def test_a_collector_that_is_not_there_is_told_from_one_that_refuses() -> None:
    async with listening(ScriptedCollector()) as collector:
        pass
    with pytest.raises(CommandError, match="cannot be reached") as raised:
        await enroll(parse_endpoint(collector.url, lab=True), REQUEST)
    assert ExitCode.UNREACHABLE is raised.value.code


async def test_a_server_that_is_no_collector_is_named_so() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    with pytest.raises(CommandError, match="no Rabta collector"):
        await enroll(parse_endpoint(f"http://127.0.0.1:{port}", lab=True), REQUEST)
    await server.stop(0)


async def test_a_collector_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrol, "TIMEOUT_S", 0.05)

    class Silent(ScriptedCollector):
        async def enroll(self, raw: bytes, context: grpc.aio.ServicerContext) -> bytes:
            async with self.changed:
                await self.changed.wait()
            raise AssertionError

    async with listening(Silent()) as collector:
        with pytest.raises(CommandError, match=r"no answer within 0\.05 s") as raised:
            await enroll(parse_endpoint(collector.url, lab=True), REQUEST)
    assert ExitCode.UNREACHABLE is raised.value.code
