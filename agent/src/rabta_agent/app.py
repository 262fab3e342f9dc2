"""The agent as a whole: measuring and the uplink beside one another, and how they end.

On the first signal no new measurement begins, those that run get MEASURING_GRACE_S, what waits gets the rest of DRAIN_S
to reach the collector, and what did not stays in the spool for the next run.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from random import Random

import structlog

from rabta_agent.board import Board
from rabta_agent.budget import is_used_up
from rabta_agent.categories import tell_left_out
from rabta_agent.ceilings import LINK_BYTES, Ceilings
from rabta_agent.clock import Clock
from rabta_agent.config import Config
from rabta_agent.contacts import Contact
from rabta_agent.dial import Dialler
from rabta_agent.diary import Diary
from rabta_agent.endpoint import Endpoint, InvalidEndpointError, parse_endpoint, ways
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.home import Credential, Home, Link
from rabta_agent.inflight import Settled
from rabta_agent.keyring import Keyring
from rabta_agent.line import Road
from rabta_agent.linkmeter import LinkMeter
from rabta_agent.measuring import Bench, Measurer, Measuring
from rabta_agent.network import probe_sockets
from rabta_agent.plan_keeper import PlanKeeper
from rabta_agent.probes import quic
from rabta_agent.session import COLLECTOR, Caller, Pace
from rabta_agent.spool import SpoolError
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.surroundings import Seen, Surroundings
from rabta_agent.tracer import Tracer
from rabta_agent.uplink import Uplink
from rabta_agent.version import agent_version
from rabta_agent.words import tr
from rabta_proto.codec import network_to_message, to_timestamp
from rabta_proto.model import Measurement, NetworkContext
from rabta_proto.v1 import collector_pb2 as wire

DRAIN_S = 4.5  # and half a second for the farewell
ACCOUNT_S = 300.0
PATIENCE_S, LAB_PATIENCE_S = 30.0, 10.0  # of `run --once`, for a plan and then for acknowledgements
MEASURING_GRACE_S = 2.0
logger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an agent is made of."""

    home: Home
    config: Config
    credential: Credential
    spool: SpoolThread
    measurer: Measurer
    network: Callable[[], NetworkContext]
    clock: Clock
    rng: Random
    pace: Pace
    surroundings: Surroundings | None = None
    diary: Diary | None = None
    tracer: Tracer | None = None


class Agent:
    """One run of the agent. `stop` is set by the first signal."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        limits = Ceilings.of(lab=parts.config.lab, left_out=parts.config.left_out)
        self._around, self._standing = parts.surroundings, Board(parts.home)
        diary = parts.diary or Diary(parts.home.diary_file)
        self._diary = diary
        self._plans = PlanKeeper(parts.home, parts.credential, limits=limits, clock=parts.clock, noted=diary.keep_plan)
        former = parts.home.link()
        self._worked = former.worked if former else ""
        self._uplink = Uplink(
            self._caller(),
            parts.spool,
            dial=Dialler(Road(proxy=parts.config.proxy, pin=parts.credential.pin)),
            pace=parts.pace,
            clock=parts.clock,
            draw=parts.rng.random,
            worked=self._worked,
        )
        self._measuring = Measuring(
            Bench(
                measurer=parts.measurer,
                network=self._network,
                plans=self._plans,
                spool=parts.spool,
                limits=limits,
                day_allowance=parts.config.day_allowance,
                clock=parts.clock,
                rng=parts.rng,
                on_done=self._uplink.wake,
                owed=self._owed,
                hold=lambda: self._around.hold if self._around else None,
                keep=self._keep,
                tracer=parts.tracer,
            )
        )
        meter = LinkMeter(probe_sockets)
        if meter.works:
            self._uplink.traffic.counted = lambda: astuple(meter.total())
        if self._around:
            self._around.used_up = self._used_up
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`. Raises `CommandError` when the agent cannot go on."""
        await self._beside_the_uplink(self._measuring.forever())

    async def once(self) -> None:
        """Every target of the plan once, acknowledged, or until `stop`. Raises `CommandError` when that failed."""
        await self._beside_the_uplink(self._through_the_plan())

    async def _beside_the_uplink(self, work: Coroutine[None, None, None]) -> None:
        endings: list[Exception] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                link = tasks.create_task(self._link())
                around = tasks.create_task(self._around.watch() if self._around else asyncio.sleep(0))
                working = tasks.create_task(work)
                account = tasks.create_task(self._account())
                asked = tasks.create_task(self._asked_to_stop())
                await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
                if not working.done():
                    await self._drain(working)
                await self._uplink.farewell()
                for task in (link, asked, around, account):
                    task.cancel()
                await asyncio.wait({link})
                await self._write_down()
        except* (CommandError, SpoolError) as group:
            endings += group.exceptions
        for ending in endings:
            raise CommandError(str(ending), getattr(ending, "code", ExitCode.FAILED))

    async def _link(self) -> None:
        if self._around is None:
            await self._uplink.run()
        else:
            await self._around.heard(self._uplink.run, self._uplink.farewell)

    def _keep(self, measurement: Measurement) -> None:
        """For the volunteer to look at."""
        self._diary.keep(measurement)
        if self._around:
            self._around.meet(measurement.network)

    def _owed(self) -> int:
        """Bytes of the line to the collector that the spool does not know of yet."""
        return sum(self._uplink.traffic.owed())

    def _used_up(self) -> bool:
        return is_used_up(self._parts.config.day_allowance, self._parts.spool.bytes_today + self._owed())

    async def _account(self) -> None:
        """Writes down what the line costs, which deliveries alone would not tell: signs of life, and vain attempts."""
        while True:
            await asyncio.sleep(ACCOUNT_S)
            await self._write_down()

    async def _write_down(self) -> None:
        sent, received = self._uplink.traffic.take()
        if sent + received:
            at, peers = self._parts.clock.now(), (self._worked,) if self._worked else ()
            contact = Contact(at=at, purpose=COLLECTOR, peers=peers, bytes_sent=sent, bytes_received=received)
            with suppress(SpoolError):
                await self._parts.spool.settle(Settled(accepted=(), rejected=(), reasons=frozenset()), contact)

    async def _asked_to_stop(self) -> None:
        await self.stop.wait()

    async def _drain(self, working: "asyncio.Task[None]") -> None:
        """Ends what runs and sends what can be sent, within DRAIN_S."""
        logger.info("agent.stopping", waiting=self._parts.spool.counts.waiting)
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                self._measuring.stop()
                if self._measuring.busy:
                    await asyncio.wait({working}, timeout=MEASURING_GRACE_S)
                working.cancel()
                await asyncio.wait({working})
                if self._uplink.connected:
                    await self._uplink.drained(self._uplink.mark)

    async def _through_the_plan(self) -> None:
        patience_s = LAB_PATIENCE_S if self._parts.config.lab else PATIENCE_S
        if not await self._plan_comes(patience_s):
            raise self._failed(tr("the collector has given this agent no plan yet"), patience_s)
        before = await self._parts.spool.last_row()
        left_out = await self._measuring.once()
        try:
            async with asyncio.timeout(patience_s):
                await self._uplink.drained(before)  # what waited before goes at its own rate
        except TimeoutError:
            waiting = self._parts.spool.counts.waiting
            problem = tr("{count} measurements were not acknowledged and wait in the spool", count=waiting)
            raise self._failed(problem, patience_s) from None
        if left_out:
            raise CommandError(tr("{count} targets were left out: the bytes of the day are used up", count=left_out))

    async def _plan_comes(self, patience_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self._plans.usable is None:
                    self._plans.changed.clear()
                    await self._plans.changed.wait()
        return self._plans.usable is not None

    def _failed(self, problem: str, patience_s: float) -> CommandError:
        """The end of a run that did not reach its aim, by whether the collector can be reached."""
        if self._uplink.connected:
            return CommandError(tr("{problem} after {seconds:g} s", problem=problem, seconds=patience_s))
        reason = self._uplink.trouble or tr("no answer")
        whole = tr("the collector cannot be reached ({reason}); {problem}", reason=reason, problem=problem)
        return CommandError(whole, ExitCode.UNREACHABLE)

    def _caller(self) -> Caller:
        credential = self._parts.credential
        keyring = Keyring(self._parts.home, credential)
        return Caller(
            authorization=keyring.authorization,
            on_rotation=keyring.rotate,
            endpoints=_endpoints(credential, lab=self._parts.config.lab),
            hello=self._hello,
            on_plan=self._plans.offer,
            on_request=lambda request: self._measuring.ask(request),
            on_link=self._on_link,
            on_welcome=self._on_welcome,
            on_standing=self._standing.hear,
            most_bytes=max(LINK_BYTES, self._parts.config.day_allowance),
        )

    def _hello(self) -> wire.Hello:
        counts = self._parts.spool.counts
        return wire.Hello(
            agent_version=agent_version(),
            capabilities=_capabilities(traces=self._parts.tracer is not None),
            network=network_to_message(self._network()),
            backlog=counts.waiting,
            epoch=counts.epoch,
            plan_version=self._plans.current.version if self._plans.current else 0,
            now=to_timestamp(self._parts.clock.now()),
            left_out=tell_left_out(self._parts.config.left_out),
            **counts.drops,
        )

    def _network(self) -> NetworkContext:
        network = self._around.network() if self._around else self._parts.network()
        return replace(network, lab=self._parts.config.lab)

    def _on_welcome(self, welcome: wire.Welcome) -> None:
        road, credential = Road(proxy=self._parts.config.proxy), self._parts.credential
        proxied = any(map(road.proxy_for, _endpoints(credential, lab=self._parts.config.lab)))
        if self._around and not proxied:  # else the collector sees the proxy's network
            self._around.hear(Seen(isp=welcome.seen_isp, asn=welcome.seen_asn))

    def _on_link(self, connected: bool, endpoint: Endpoint, trouble: str) -> None:
        since = self._parts.clock.now().timestamp()
        self._worked = str(endpoint) if connected else self._worked
        link = Link(connected=connected, endpoint=str(endpoint), since=since, trouble=trouble, worked=self._worked)
        self._parts.home.save_link(link)


def _capabilities(*, traces: bool) -> tuple[str, ...]:
    """The steps that this installation can make, and its volunteer lets it."""
    more = ["quic"] * quic.available() + ["trace"] * traces
    return ("dns", "tcp", "tls", "http", "vpn", *more)


def _endpoints(credential: Credential, *, lab: bool) -> tuple[Endpoint, ...]:
    """Every way that this agent may use, in order. Raises `CommandError` when there is none."""
    usable: list[Endpoint] = []
    for url in credential.endpoints:
        try:
            usable.append(parse_endpoint(url, lab=lab))
        except InvalidEndpointError as wrong:
            problem = str(wrong)
            logger.warning("endpoint.refused", reason=problem)
    if not usable:
        raise CommandError(problem)
    return ways(usable)
