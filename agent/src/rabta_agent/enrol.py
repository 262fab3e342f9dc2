"""Joins a collector: an invitation for a credential and a first plan, in one unary call.

What the collector hands out is checked before anything of it is kept. Raises `CommandError`, with the exit code that
tells an invitation that was refused from a collector that cannot be reached.
"""

import asyncio
from dataclasses import dataclass

import grpc
import grpc.aio

from rabta_agent.ceilings import Ceilings
from rabta_agent.channel import brief, open_channel
from rabta_agent.endpoint import Endpoint, InvalidEndpointError, parse_endpoint
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.home import Credential
from rabta_agent.plan import InvalidPlanError, open_plan
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1 import collector_pb2_grpc as service
from rabta_proto.v1.plan_pb2 import SignedPlan

TIMEOUT_S = 20.0
_ROLES = {wire.ROLE_PROBE: "probe", wire.ROLE_CONTROL: "control"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What joining gave; `plan` is `None` when the collector gave none yet."""

    credential: Credential
    plan: SignedPlan | None


async def enroll(endpoint: Endpoint, request: wire.EnrollRequest) -> Enrolment:
    """Asks for a credential and checks what comes."""
    channel = open_channel(endpoint)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            response = await service.CollectorStub(channel).Enroll(request)
    except grpc.aio.AioRpcError as error:
        raise _refusal(endpoint, error.code(), brief(error.details())) from None
    except TimeoutError:
        raise CommandError(f"{endpoint}: no answer within {TIMEOUT_S:g} s", ExitCode.UNREACHABLE) from None
    finally:
        await channel.close()
    return _checked(endpoint, response, lab=request.lab)


def _refusal(endpoint: Endpoint, code: grpc.StatusCode, details: str) -> CommandError:
    match code:
        case grpc.StatusCode.PERMISSION_DENIED | grpc.StatusCode.UNAUTHENTICATED:
            return CommandError(f"{endpoint}: the invitation was refused: {details}")
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.DEADLINE_EXCEEDED | grpc.StatusCode.CANCELLED:
            return CommandError(f"{endpoint} cannot be reached: {details}", ExitCode.UNREACHABLE)
        case grpc.StatusCode.UNIMPLEMENTED:
            return CommandError(f"{endpoint}: what answers there is no Rabta collector")
        case _:
            return CommandError(f"{endpoint}: the collector refused: {details}")


def _checked(endpoint: Endpoint, response: wire.EnrollResponse, *, lab: bool) -> Enrolment:
    if not _word(response.agent_id) or not _word(response.secret) or len(response.plan_public_key) != 32:
        raise CommandError(f"{endpoint}: the collector's answer holds no usable credential")
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
        endpoints=_addresses(endpoint, tuple(response.endpoints), lab=lab),
    )
    return Enrolment(credential=credential, plan=response.plan if response.HasField("plan") else None)


def _word(text: str) -> bool:
    """Whether a text can stand in gRPC metadata as part of a credential."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text and len(text) <= 200


def _addresses(used: Endpoint, offered: tuple[str, ...], *, lab: bool) -> tuple[str, ...]:
    """The address that worked, then what the collector offers and an agent may use."""
    kept = [str(used)]
    for url in offered[:16]:
        try:
            kept.append(str(parse_endpoint(url, lab=lab)))
        except InvalidEndpointError:
            continue
    return tuple(dict.fromkeys(kept))
