"""A collector that does what a test says, on a real gRPC server: raw handlers, no decisions, everything remembered.

What it does with each batch is `answers`, one callable after the other, the last one for ever.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rabta_agent.plan import CONTEXT
from rabta_proto.codec import to_timestamp
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1 import plan_pb2 as plans
from support.waiting import PATIENCE_S

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY = KEY.public_key().public_bytes_raw()
AGENT = "agent-1"

Answer = Callable[[wire.MeasurementBatch], "wire.SessionResponse | None"]
Refusal = tuple[grpc.StatusCode, str]


def ack_of(batch: wire.MeasurementBatch, outcome: "wire.Outcome.ValueType" = wire.OUTCOME_ACCEPTED) -> wire.Ack:
    ranges = [wire.AckRange(first=m.sequence, last=m.sequence, outcome=outcome, reason="") for m in batch.measurements]
    return wire.Ack(epoch=batch.measurements[0].epoch, ranges=ranges)


def accept(batch: wire.MeasurementBatch) -> wire.SessionResponse:
    return wire.SessionResponse(ack=ack_of(batch))


def reject(batch: wire.MeasurementBatch) -> wire.SessionResponse:
    return wire.SessionResponse(ack=ack_of(batch, wire.OUTCOME_REJECTED))


def say_nothing(batch: wire.MeasurementBatch) -> None:
    return None


class Hangup(Exception):  # noqa: N818 - not an error: an answer may raise it to break the stream
    """Ends the stream with a status."""

    def __init__(self, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE, details: str = "going down") -> None:
        super().__init__(details)
        self.code, self.details = code, details


def hang_up(batch: wire.MeasurementBatch) -> None:
    raise Hangup


def signed_plan(
    *targets: str,
    version: int = 1,
    interval_ms: int = 60_000,
    agent_id: str = AGENT,
    control_addresses: Sequence[str] = (),
    transfer: plans.TransferPlan | None = None,
    category: str = "",
    newest: str = "",
    trace: bool = False,
) -> plans.SignedPlan:
    plan = plans.Plan(
        version=version,
        newest_agent_version=newest,
        agent_id=agent_id,
        expires_at=to_timestamp(datetime.now(UTC) + timedelta(days=14)),
        assignments=[
            plans.Assignment(
                platform="p",
                target=url,
                interval_ms=interval_ms,
                control_addresses=control_addresses,
                transfer=transfer,
                category=category,
                trace=trace,
            )
            for url in targets
        ],
    )
    text = plan.SerializeToString()
    return plans.SignedPlan(plan=text, signature=KEY.sign(CONTEXT + text))


@dataclass(slots=True, kw_only=True)
class ScriptedCollector:
    """Its script, and what came of it."""

    answers: Sequence[Answer] = (accept,)
    plan: plans.SignedPlan | None = None
    refusal: Refusal | None = None
    welcome: bool = True
    heartbeat_s: int = 1
    enrolment: wire.EnrollResponse | Refusal = (grpc.StatusCode.PERMISSION_DENIED, "no such invitation")
    url: str = ""
    authorizations: list[str] = field(default_factory=list)
    requests: list[wire.EnrollRequest] = field(default_factory=list)
    hellos: list[wire.Hello] = field(default_factory=list)
    batches: list[list[int]] = field(default_factory=list)  # sequence numbers
    heartbeats: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def sequences(self) -> set[int]:
        return {sequence for batch in self.batches for sequence in batch}

    async def until(self, condition: Callable[["ScriptedCollector"], bool]) -> None:
        """Waits until something has come."""
        async with asyncio.timeout(PATIENCE_S), self.changed:
            await self.changed.wait_for(lambda: condition(self))

    async def enroll(self, raw: bytes, context: grpc.aio.ServicerContext) -> bytes:
        self.requests.append(wire.EnrollRequest.FromString(raw))
        if isinstance(self.enrolment, wire.EnrollResponse):
            return self.enrolment.SerializeToString()
        await context.abort(*self.enrolment)
        raise AssertionError("abort raises")

    async def session(self, requests: object, context: grpc.aio.ServicerContext) -> None:
        self.authorizations.append(dict(context.invocation_metadata())["authorization"])
        if self.refusal is not None:
            await context.abort(*self.refusal)
        while (raw := await context.read()) is not grpc.aio.EOF:
            request = wire.SessionRequest.FromString(raw)
            try:
                replies = self._replies(request)
            except Hangup as hangup:
                await context.abort(hangup.code, hangup.details)
            for reply in replies:
                await context.write(reply.SerializeToString())
            async with self.changed:
                self.changed.notify_all()

    def _replies(self, request: wire.SessionRequest) -> list[wire.SessionResponse]:
        match request.WhichOneof("message"):
            case "hello":
                self.hellos.append(request.hello)
                welcome = wire.SessionResponse(welcome=wire.Welcome(heartbeat_interval_s=self.heartbeat_s))
                plan = [wire.SessionResponse(plan=self.plan)] if self.plan else []
                return [welcome, *plan] if self.welcome else []
            case "batch":
                self.batches.append([measurement.sequence for measurement in request.batch.measurements])
                answer = self.answers[min(len(self.batches), len(self.answers)) - 1](request.batch)
                return [answer] if answer is not None else []
            case _:
                self.heartbeats += 1
                return []


@asynccontextmanager
async def listening(collector: ScriptedCollector, port: int = 0) -> AsyncIterator[ScriptedCollector]:
    """The collector on a loopback port."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handlers = {
        "Enroll": grpc.unary_unary_rpc_method_handler(collector.enroll),
        "Session": grpc.stream_stream_rpc_method_handler(collector.session),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("rabta.v1.Collector", handlers),))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    collector.url = f"http://127.0.0.1:{bound}"
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(0)
