"""The collector's receiving side in one process, on real sockets and a real journal, with a list in place of decisions.

`Agent` speaks to it, or to any collector, as an agent does.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import grpc
from aiohttp import web

from rabta_collector import journal_file, post
from rabta_collector.accounts import Accounts
from rabta_collector.admission import Admission
from rabta_collector.asked import remember
from rabta_collector.catalogue import Catalogue, Platform, Target
from rabta_collector.config import Endpoint
from rabta_collector.entries import Entry
from rabta_collector.ingest import Ingest
from rabta_collector.isps import default_isps
from rabta_collector.journal import Journal
from rabta_collector.limits import Limits
from rabta_collector.listeners import OPTIONS, GrpcListener, HttpListener, grpc_credentials, web_context
from rabta_collector.networks import Networks
from rabta_collector.plan import Frame
from rabta_collector.planner import Planner
from rabta_collector.prefixes import Prefixes
from rabta_collector.registry import Invite, Registry
from rabta_collector.service import Parts, Service
from rabta_collector.share import Terms
from rabta_collector.signing import load_signer
from rabta_collector.state import IngestStats
from rabta_collector.whereabouts import Whereabouts
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import collector_pb2_grpc as stubs
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.vocabulary import Role

DEFAULTS = Limits()
ANY = Endpoint(host="127.0.0.1", port=0)
LATER = 4_000_000_000.0  # far beyond any test
CATALOGUE = Catalogue(
    platforms=(Platform(id="x", name="X", category="SOCIAL", targets=(Target(url="https://x.com/", platform="x"),)),)
)


def measurement(sequence: int, epoch: int = 7, **fields: object) -> wire.Measurement:
    """A measurement as it travels, of now unless told."""
    message = wire.Measurement(sequence=sequence, epoch=epoch, target="https://x.com/", platform="x", agent_version="0")
    message.started_at.FromDatetime(datetime.now(UTC))
    message.observations.add(offset_us=1, duration_us=2, failure="connection_reset").tcp.address = "192.0.2.1"
    message.MergeFrom(wire.Measurement(**fields))  # type: ignore[arg-type] # whatever the test says
    return message


def batch(*sequences: int, epoch: int = 7) -> link.MeasurementBatch:
    return link.MeasurementBatch(measurements=[measurement(sequence, epoch) for sequence in sequences])


def outcomes(ack: link.Ack) -> dict[int, int]:
    """Outcome by sequence number."""
    return {number: entry.outcome for entry in ack.ranges for number in range(entry.first, entry.last + 1)}


class Server:
    """A collector without decisions. `entries` is what it would have decided on."""

    def __init__(
        self,
        path: Path,
        *,
        lab: bool = False,
        heartbeat_s: float = 5.0,
        limits: Limits = DEFAULTS,
        tls: tuple[Path, Path] | None = None,
        options: Sequence[tuple[str, int]] = OPTIONS,
    ) -> None:
        """`tls`: certificate and key of the agents' side, and of a web port besides (`secure`)."""
        path.mkdir(exist_ok=True)
        self.entries: list[Entry] = []
        self.stats = IngestStats()
        journal_file.prepare(path / "journal.sqlite")
        self.journal = Journal(path / "journal.sqlite", stats=self.stats, committed=self._committed)
        self.registry = Registry(path / "state.sqlite")
        self.accounts = Accounts(self.registry)
        self.ingest = Ingest(
            journal=self.journal,
            stats=self.stats,
            lab=lab,
            asked=remember(self.registry, CATALOGUE, now=0.0),
            joined_at=self.accounts.joined_at,
        )
        self.signer = load_signer(path / "plan.key")
        self.planner = Planner(
            frame=Frame(catalogue=CATALOGUE, marks=()),
            signer=self.signer,
            terms=Terms(floor_s=60, bytes_per_day=None),
            whereabouts=Whereabouts(CATALOGUE, lab=lab),
            last_version=0,
            clock=self.journal.now,
        )
        isps = default_isps()
        parts = Parts(
            accounts=self.accounts,
            admission=Admission(self.accounts, limits, Prefixes(secrets.token_bytes)),
            ingest=self.ingest,
            journal=self.journal,
            planner=self.planner,
            networks=Networks(isps),
            stats=self.stats,
            isps=frozenset(isp.id for isp in isps),
            public_key=self.signer.public_key,
            lab=lab,
            heartbeat_s=heartbeat_s,
        )
        self.service = Service(parts)
        self.tls = tls
        self.listener = GrpcListener(ANY, grpc_credentials(*tls) if tls else None, options=options)
        self.ready = True
        app = web.Application()
        post.add_calls(app, self.service.unary(), ready=lambda: self.ready, room=self.service.room)
        self.web = HttpListener(app)
        self.secure = ANY

    def _committed(self, entry: Entry, epoch: int) -> None:
        self.ingest.remember(entry, epoch)
        self.entries.append(entry)

    def invite(self, isp: str = "ptcl", uses: int = 1, role: Role = Role.PROBE) -> str:
        return self.registry.invite(Invite(role=role, isp=isp, uses=uses, expires_at=LATER), now=0.0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        self.journal.start()
        await self.listener.start(self.service.handlers(), self.service.note)
        await self.web.start(ANY)
        if self.tls:
            self.secure = await self.web.start_tls(ANY, web_context(*self.tls))
        try:
            yield self
        finally:
            self.service.end_all()
            await self.listener.stop()
            await self.service.gone()
            await self.web.stop()
            await self.journal.close()
            await self.accounts.close()

    async def join(self, **invitation: object) -> "Agent":
        """An agent that has enrolled."""
        return await Agent.join(str(self.listener.endpoint), self.invite(**invitation))  # type: ignore[arg-type]


class Agent:
    """An agent's side of the link: no spool, no plan, only messages."""

    def __init__(self, target: str, enrolment: link.EnrollResponse) -> None:
        self.id, self.enrolment = enrolment.agent_id, enrolment
        self.credential = (("authorization", f"Bearer {enrolment.agent_id}.{enrolment.secret}"),)
        self._target = target

    @classmethod
    async def join(cls, target: str, token: str, **fields: object) -> "Agent":
        request = link.EnrollRequest(invite_token=token, agent_version="0.1.0", **fields)  # type: ignore[arg-type]
        async with grpc.aio.insecure_channel(target) as channel:
            return cls(target, await stubs.CollectorStub(channel).Enroll(request))

    @asynccontextmanager
    async def session(self, hello: link.Hello | None = None, target: str = "") -> AsyncIterator["Link"]:
        async with grpc.aio.insecure_channel(target or self._target) as channel:
            call = stubs.CollectorStub(channel).Session(metadata=self.credential)
            opened = Link(call)
            if hello is None:
                await opened.send(link.SessionRequest(hello=link.Hello(agent_version="0.1.0")))
                assert "welcome" == (await opened.next()).WhichOneof("message")
            elif hello.ByteSize():
                await opened.send(link.SessionRequest(hello=hello))
            yield opened
            call.cancel()

    async def end_of(self, *messages: bytes, compression: grpc.Compression) -> grpc.StatusCode:
        """How a session ends in which these bytes are all that is said.

        Not by `grpc.aio`: there a call is `INTERNAL` whose end came while a message was still being written.
        """

        def speak() -> grpc.StatusCode:
            with grpc.insecure_channel(self._target) as channel:
                call = channel.stream_stream("/rabta.v1.Collector/Session")(
                    iter(messages), metadata=self.credential, compression=compression
                )
                with suppress(grpc.RpcError):
                    for _ in call:
                        pass
                return call.code()

        return await asyncio.to_thread(speak)

    async def leave(self, *, delete_measurements: bool = False) -> link.LeaveResponse:
        request = link.LeaveRequest(delete_measurements=delete_measurements)
        async with grpc.aio.insecure_channel(self._target) as channel:
            return await stubs.CollectorStub(channel).Leave(request, metadata=self.credential)


class Link:
    """A session that stands. What comes of no interest to the caller is left out."""

    def __init__(self, call: grpc.aio.StreamStreamCall) -> None:
        self.call = call

    async def send(self, request: link.SessionRequest) -> None:
        await self.call.write(request)

    async def next(self) -> link.SessionResponse:
        """The next message. Raises `grpc.aio.AioRpcError` where the session ended with an error."""
        response = await self.call.read()
        if response is grpc.aio.EOF:
            raise EOFError(await self.call.code())
        return response

    async def acknowledged(self, measurements: link.MeasurementBatch) -> link.Ack:
        """Sends a batch and waits for its acknowledgement."""
        await self.send(link.SessionRequest(batch=measurements))
        while (response := await self.next()).WhichOneof("message") != "ack":
            continue
        return response.ack

    async def status(self) -> grpc.StatusCode:
        """How the collector ended the session; reads until it has."""
        try:
            while await self.call.read() is not grpc.aio.EOF:
                continue
        except grpc.aio.AioRpcError as ended:
            return ended.code()
        return await self.call.code()


def journaled(path: Path) -> list[tuple[str, int, int]]:
    """Agent, epoch and sequence of every measurement in a journal, in order."""
    connection = journal_file.connect(path)
    rows = journal_file.read_after(connection, 0, 1_000_000)
    connection.close()
    return [
        (row.agent, message.epoch, message.sequence)
        for row, _ in rows
        for message in link.MeasurementBatch.FromString(row.payload).measurements
    ]
