"""Joins a collector: an invitation for a credential and a first plan, in one unary call, over gRPC or POST.

What the collector hands out is checked before anything of it is kept. Raises `CommandError`, with the exit code that
tells an invitation that was refused from a collector that cannot be reached.
"""

import asyncio
from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError

from rabta_agent.ceilings import Ceilings
from rabta_agent.dial import Dialler
from rabta_agent.endpoint import Endpoint, InvalidEndpointError, parse_endpoint, ways
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.home import Credential
from rabta_agent.line import Road
from rabta_agent.plan import InvalidPlanError, open_plan
from rabta_agent.post import CallError
from rabta_agent.words import tr
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.plan_pb2 import SignedPlan

TIMEOUT_S = 20.0
_NOT_REACHED = {  # what another way may do better
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
}
_ROLES = {wire.ROLE_PROBE: "probe", wire.ROLE_CONTROL: "control"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What joining gave; `plan` is `None` when the collector gave none yet."""

    credential: Credential
    plan: SignedPlan | None


async def enroll(endpoint: Endpoint, request: wire.EnrollRequest, road: Road | None = None) -> Enrolment:
    """Asks for a credential, by each way to this endpoint until one answers, and checks what comes."""
    road = road or Road()
    failures: list[CallError] = []
    for way in ways([endpoint]):
        try:
            response = wire.EnrollResponse.FromString(await _ask(Dialler(road), way, request))
        except CallError as wrong:
            if wrong.code not in _NOT_REACHED:
                raise _refusal(endpoint, wrong.code, str(wrong)) from None
            failures.append(wrong)
        except DecodeError:
            failures.append(CallError(grpc.StatusCode.UNIMPLEMENTED, ""))
        else:
            return _checked((endpoint, way), response, lab=request.lab, pin=road.pin)
    raise _refusal(endpoint, failures[0].code, str(failures[0]))


async def _ask(dialler: Dialler, way: Endpoint, request: wire.EnrollRequest) -> bytes:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await dialler.call(way, "Enroll", request.SerializeToString())
    except TimeoutError:
        problem = tr("no answer within {seconds:g} s", seconds=TIMEOUT_S)
        raise CallError(grpc.StatusCode.DEADLINE_EXCEEDED, problem) from None


def _refusal(endpoint: Endpoint, code: grpc.StatusCode, details: str) -> CommandError:
    match code:
        case grpc.StatusCode.PERMISSION_DENIED | grpc.StatusCode.UNAUTHENTICATED:
            return CommandError(tr("{endpoint}: the invitation was refused: {cause}", endpoint=endpoint, cause=details))
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.DEADLINE_EXCEEDED | grpc.StatusCode.CANCELLED:
            problem = tr("{endpoint} cannot be reached: {cause}", endpoint=endpoint, cause=details)
            return CommandError(problem, ExitCode.UNREACHABLE)
        case grpc.StatusCode.UNIMPLEMENTED:
            return CommandError(tr("{endpoint}: what answers there is no Rabta collector", endpoint=endpoint))
        case _:
            return CommandError(tr("{endpoint}: the collector refused: {cause}", endpoint=endpoint, cause=details))


def _checked(used: tuple[Endpoint, ...], response: wire.EnrollResponse, *, lab: bool, pin: str) -> Enrolment:
    endpoint = used[0]
    if not _word(response.agent_id) or not _word(response.secret) or len(response.plan_public_key) != 32:
        raise CommandError(tr("{endpoint}: the collector's answer holds no usable credential", endpoint=endpoint))
    if response.HasField("plan"):
        try:
            open_plan(
                response.plan,
                public_key=response.plan_public_key,
                agent_id=response.agent_id,
                limits=Ceilings.of(lab=lab),
            )
        except InvalidPlanError as wrong:
            raise CommandError(f"{endpoint}: {wrong}") from None
    credential = Credential(
        agent_id=response.agent_id,
        secret=response.secret,
        role=_ROLES.get(response.role, "probe"),
        isp=response.isp,
        plan_public_key=response.plan_public_key.hex(),
        endpoints=_addresses(used, tuple(response.endpoints), lab=lab),
        pin=pin,
        import_public_key=response.import_public_key.hex() if len(response.import_public_key) == 32 else "",
    )
    return Enrolment(credential=credential, plan=response.plan if response.HasField("plan") else None)


def _word(text: str) -> bool:
    """Whether a text can stand in gRPC metadata as part of a credential."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text and len(text) <= 200


def _addresses(used: tuple[Endpoint, ...], offered: tuple[str, ...], *, lab: bool) -> tuple[str, ...]:
    """The address that was given, the way that worked, then what the collector offers and an agent may use."""
    kept = list(map(str, used))
    for url in offered[:16]:
        try:
            kept.append(str(parse_endpoint(url, lab=lab)))
        except InvalidEndpointError:
            continue
    return tuple(dict.fromkeys(kept))
