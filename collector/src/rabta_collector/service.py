"""The gRPC service `rabta.v1.Collector` on raw bytes: nothing is decoded before its credential and size are admitted.

A refusal becomes the status that collector.proto names. The peer's address is used for its network, in memory, and is
neither kept nor logged.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn

import grpc
import structlog

from rabta_collector.accounts import Accounts
from rabta_collector.admission import Admission, Entrant
from rabta_collector.admit import MAX_MESSAGE_BYTES, Reason, Refused, decode, open_exchange, parse_bearer
from rabta_collector.calls import Call, CallStream, Unary, UnaryCall, authorization_of
from rabta_collector.exchange import Exchanges
from rabta_collector.greeting import make_welcome, member_of, nearest_peer, short_word
from rabta_collector.ingest import Ingest
from rabta_collector.journal import JournalError, Member
from rabta_collector.journals import AnyJournal
from rabta_collector.networks import Networks, address_of
from rabta_collector.openings import Openings
from rabta_collector.planner import Planner, Present
from rabta_collector.provinces import parse_province
from rabta_collector.registry import Newcomer
from rabta_collector.rotation import DAY_S
from rabta_collector.session import End, Session, SessionEndedError, Stream, read_hello
from rabta_collector.standing import Standings
from rabta_collector.state import IngestStats, Snapshot
from rabta_collector.statuses import status_of
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.vocabulary import Role

NAME = "rabta.v1.Collector"
HELLO_PATIENCE_S = 10.0
ENROL_BYTES = 16 * 1024  # of a joining
ROLES = {Role.PROBE: link.ROLE_PROBE, Role.CONTROL: link.ROLE_CONTROL}
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the service joins."""

    accounts: Accounts
    admission: Admission
    ingest: Ingest
    journal: AnyJournal
    planner: Planner
    networks: Networks
    stats: IngestStats
    isps: frozenset[str]
    standings: Standings = field(default_factory=lambda: Standings(lambda: Snapshot(at=0.0)))
    public_key: bytes
    lab: bool
    heartbeat_s: float
    endpoints: tuple[str, ...] = ()
    import_key: bytes = b""
    others: Callable[[], Mapping[str, Present]] = dict
    """Agents whose sessions other processes hold."""


class Service:
    """Enroll, Session, Exchange and Leave."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._exchanges = Exchanges()
        self._hellos = Openings(together=parts.admission.limits.sessions, of_one=1, patience_s=None)
        self.sessions: dict[str, Session] = {}
        """Sessions that stand, by agent."""

    def handlers(self) -> object:
        """What a server takes."""
        calls = {name: grpc.unary_unary_rpc_method_handler(handler) for name, handler in self.unary().items()}
        calls["Session"] = grpc.stream_stream_rpc_method_handler(self._guarded_session)
        return grpc.method_handlers_generic_handler(NAME, calls)

    def unary(self) -> dict[str, Unary]:
        """The calls of one request and one answer, for gRPC and for POST alike."""
        works = {"Enroll": self._enroll, "Exchange": self._exchange, "Leave": self._leave}
        return {name: self._guarded_unary(work) for name, work in works.items()}

    async def room(self, name: str, call: UnaryCall) -> int:
        """Bytes that the message of a call may have, before it is read: whoever has no credential has little to say."""
        if name == "Enroll":
            return ENROL_BYTES
        try:
            self._parts.accounts.verify(*parse_bearer(authorization_of(call)))
        except Refused:
            async with self._answering(call):
                await self._enter(call)  # which counts the call, and refuses it
        return MAX_MESSAGE_BYTES

    def _guarded_unary(self, work: Unary) -> Unary:
        async def guarded(raw: bytes, call: UnaryCall) -> bytes:
            async with self._answering(call):
                return await work(raw, call)
            raise AssertionError("an abort returned")

        return guarded

    @asynccontextmanager
    async def _answering(self, call: UnaryCall) -> AsyncIterator[None]:
        """What ends a call becomes its status."""
        try:
            yield
        except Refused as refused:
            await self._refuse(call, refused)
        except SessionEndedError as ended:
            await call.abort(status_of(ended.end), str(ended))
        except JournalError as wrong:
            await self._refuse(call, Refused(Reason.JOURNAL, str(wrong)))

    async def _refuse(self, call: UnaryCall, refused: Refused) -> NoReturn:
        self.note(refused)
        await call.abort(status_of(refused.reason), str(refused))

    def note(self, refused: Refused) -> None:
        """Counts a call that was refused."""
        reason = refused.reason
        self._parts.stats.rejected[reason] = self._parts.stats.rejected.get(reason, 0) + 1
        log.info("call.refused", reason=str(reason), message=str(refused))

    async def _enroll(self, raw: bytes, call: UnaryCall) -> bytes:
        self._parts.admission.enrol(address_of(call.peer()), raw)
        request = decode(link.EnrollRequest, raw)
        self._check_lab(lab=request.lab)
        agent, secret = await self._parts.accounts.enrol(request.invite_token, self._newcomer(request, call))
        member = member_of(agent)
        here = {**self._parts.others(), **self.sessions}
        connected = [present for id_, present in here.items() if id_ != agent.id]
        plan = self._parts.planner.first_plan(member, connected)
        log.info("agent.enrolled", agent=agent.id, isp=agent.isp, role=str(agent.role))
        return link.EnrollResponse(
            agent_id=agent.id,
            secret=secret,
            role=ROLES[agent.role],
            isp=agent.isp,
            plan_public_key=self._parts.public_key,
            plan=plan,
            endpoints=self._parts.endpoints,
            import_public_key=self._parts.import_key,
        ).SerializeToString()

    def _newcomer(self, request: link.EnrollRequest, call: UnaryCall) -> Newcomer:
        isp = request.isp or self._parts.networks.isp_of(call.peer())
        if isp and isp not in self._parts.isps:
            raise Refused(Reason.UNREADABLE, f"no such ISP; one of: {', '.join(sorted(self._parts.isps))}")
        try:
            province = parse_province(request.province)
        except ValueError as wrong:
            raise Refused(Reason.UNREADABLE, str(wrong)) from None
        if len(request.export_public_key) not in (0, 32):
            raise Refused(Reason.UNREADABLE, "an export key that is not 32 bytes")
        version, key = short_word(request.agent_version), request.export_public_key
        return Newcomer(isp=isp, province=province, version=version, export_key=key)

    def _check_lab(self, *, lab: bool) -> None:
        if lab and not self._parts.lab:
            raise Refused(Reason.LAB, "this collector takes no agent that runs with RABTA_LAB")

    async def _enter(self, call: UnaryCall, raw: bytes = b"") -> Entrant:
        """Counted by its prefix first: strangers wait here, each with its message."""
        prefix = self._parts.admission.knock(address_of(call.peer()), raw)
        await self._parts.accounts.meet(authorization_of(call))
        return self._parts.admission.enter(authorization_of(call), prefix)

    async def _leave(self, raw: bytes, call: UnaryCall) -> bytes:
        agent = (await self._enter(call, raw)).agent
        request = decode(link.LeaveRequest, raw)
        await self._parts.accounts.leave(agent.id, forget=request.delete_measurements)
        self.end_revoked()
        log.info("agent.left", agent=agent.id)
        if not request.delete_measurements:
            return link.LeaveResponse().SerializeToString()
        return link.LeaveResponse(deletion=link.DELETION_UNLINKED).SerializeToString()

    def end_revoked(self) -> None:
        """Ends the sessions of agents whose credential is gone."""
        for agent, session in self.sessions.items():
            if self._parts.accounts.is_revoked(agent):
                session.end(End.REVOKED)

    def end_all(self) -> None:
        """Ends every session, because the collector stops."""
        for session in self.sessions.values():
            session.end(End.STOPPING)

    async def gone(self) -> None:
        """Returns when the sessions that no server holds have ended, too, after `end_all`."""
        await self._exchanges.finish()

    async def _guarded_session(self, _requests: object, call: Call) -> None:
        try:
            async with self._answering(call):
                await self._converse(await self._enter(call), nearest_peer(call), CallStream(call))
        except grpc.aio.InternalError:
            log.debug("session.broken")  # the stream broke under a write: the agent comes again

    async def _exchange(self, raw: bytes, call: UnaryCall) -> bytes:
        entrant, peer = await self._enter(call), nearest_peer(call)  # its bytes are charged message by message
        responses = await self._exchanges.exchange(
            entrant.agent.id,
            open_exchange(raw),
            converse=lambda stream: self._converse(entrant, peer, stream),
            flush=lambda stream: self._flush(entrant.agent.id, stream),
            welcome=lambda: link.SessionResponse(welcome=self._welcome(peer)).SerializeToString(),
        )
        return link.ExchangeResponse(responses=map(link.SessionResponse.FromString, responses)).SerializeToString()

    async def _flush(self, agent: str, stream: Stream) -> None:
        if (session := self.sessions.get(agent)) is not None and session.stream is stream:
            await session.flush()

    async def _converse(self, entrant: Entrant, peer: str, stream: Stream) -> None:
        """One session, from its Hello to its end, whatever carries it."""
        with self._parts.admission.seat(entrant):
            await self._seated(entrant, peer, stream)

    async def _seated(self, entrant: Entrant, peer: str, stream: Stream) -> None:
        hello = await self._hellos.first(entrant.agent.id, lambda: read_hello(stream, HELLO_PATIENCE_S))
        self._check_lab(lab=hello.network.lab)
        member = member_of(entrant.agent)
        if not member.isp and member.role is Role.PROBE and (isp := self._parts.networks.isp_of(peer)):
            member = Member(agent=member.agent, isp=isp, role=member.role)
        parts = self._parts
        session = Session(
            member=member,
            stream=stream,
            ingest=parts.ingest,
            heartbeat_s=parts.heartbeat_s,
            heard=partial(self._hear, member.agent),
            charge=lambda size, count: parts.admission.charge(entrant, size, count, parts.ingest.load),
            news=parts.standings.teller().news,
        )
        session.plan_version, session.left_out = hello.plan_version, parts.planner.left_out(hello)
        session.welcome(self._welcome(peer))
        await self._stand(session, hello)

    async def _stand(self, session: Session, hello: link.Hello) -> None:
        """From the Hello to the end: the agent is present."""
        agent = session.member.agent
        if (older := self.sessions.get(agent)) is not None:
            older.end(End.REPLACED)
        self.sessions[agent] = session
        self._parts.stats.drops.hear(agent, hello)
        if older is None or self._parts.accounts.shared:  # others may have heard that the older one is over
            self._present(session, connected=True)
        bound = log.bind(agent=agent, isp=session.member.isp)
        version = short_word(hello.agent_version)
        bound.info("session.start", version=version, backlog=hello.backlog, dropped=hello.dropped)
        try:
            await self._parts.accounts.saw(agent, version)
            await self._rotate(session)
            await session.run()
        finally:
            if self.sessions.get(agent) is session:
                del self.sessions[agent]
                self._parts.stats.drops.forget(agent)
                self._present(session, connected=False)
            bound.info("session.end")

    def say_who_is_here(self) -> None:
        """Once more of each agent, for it may have been taken for gone."""
        for session in tuple(self.sessions.values()):
            self._present(session, connected=True)

    def _hear(self, agent: str, heartbeat: link.Heartbeat | None) -> None:
        self._parts.accounts.heard(agent)
        if heartbeat is not None:
            self._parts.stats.drops.hear(agent, heartbeat)

    async def rotate(self) -> None:
        """Gives new secrets to the agents whose own have grown old in long sessions."""
        for session in tuple(self.sessions.values()):
            await self._rotate(session)

    async def _rotate(self, session: Session) -> None:
        after_s = self._parts.admission.limits.secret_days * DAY_S
        if (secret := await self._parts.accounts.next_secret(session.member.agent, after_s)) is not None:
            sent = session.offer_secret(secret)
            log.info("secret.offered", agent=session.member.agent, sent=sent)

    def _present(self, session: Session, *, connected: bool) -> None:
        self._parts.stats.sessions = len(self.sessions)
        self._parts.planner.changed()
        try:
            self._parts.journal.append_presence(session.member, connected=connected, left=session.left)
        except JournalError:
            log.warning("journal.closed", agent=session.member.agent)  # the next start notes that the session has ended

    def _welcome(self, peer: str) -> link.Welcome:
        parts = self._parts
        return make_welcome(parts.networks, peer, now=parts.journal.now(), heartbeat_s=parts.heartbeat_s)
