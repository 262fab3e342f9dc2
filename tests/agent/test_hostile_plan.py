"""No plan whatsoever makes an agent go faster, cost more, do other things or speak to others than agreed.

What runs is the agent's own code, from the plan's bytes to its sockets; the collector, every resolver and every site
are the enemy, who knows the volunteer's own public addresses too.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rabta_agent import context, network
from rabta_agent.ceilings import AT_ONCE, MEASUREMENT_MOST_BYTES, STEP_MOST_BYTES, Ceilings
from rabta_agent.home import Home
from rabta_agent.measure import Prober
from rabta_agent.measuring import Bench, Measurer, Measuring
from rabta_agent.network import Vantage
from rabta_agent.plan import CONTEXT
from rabta_agent.plan_keeper import PlanKeeper
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.task import Settings, Task
from rabta_agent.urls import Target, parse_target
from rabta_proto.codec import to_timestamp
from rabta_proto.model import Measurement, NetworkContext
from rabta_proto.v1 import plan_pb2 as wire
from rabta_proto.v1.collector_pb2 import MeasureNow
from rabta_proto.vocabulary import Step, Trigger
from support import hostile
from support.agents import credential
from support.hostile import OWN_V4, OWN_V6, is_harmless
from support.scripted_collector import AGENT, KEY
from support.still import Internet, StillClock, live

LONG = "RABTA_FAULTS_LONG" in os.environ
MANY = 40 if LONG else 8  # targets of one plan
DAY_S = 86_400.0
BUSY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # as in `conftest.py`
RESOLVER = "9.9.9.9"
OWN = {4: OWN_V4, 6: OWN_V6}


@pytest.fixture(autouse=True, scope="module")
def at_home() -> object:
    """A machine with public addresses of its own, and no way to find out about another one's."""
    patch = pytest.MonkeyPatch()
    patch.setattr(network, "source_towards", lambda address: OWN_V6 if ":" in address else OWN_V4)
    patch.setattr(context, "_source_towards", lambda family, vantage: None)
    yield patch
    patch.undo()


@dataclass(slots=True)
class Purse:
    """Of a spool, what measuring uses: bytes of the UTC day."""

    clock: StillClock
    days: dict[int, int] = field(default_factory=dict)
    kept: int = 0

    def _day(self) -> int:
        return int(self.clock.now().timestamp() // DAY_S)

    @property
    def bytes_today(self) -> int:
        return self.days.get(self._day(), 0)

    async def append(self, measurement: Measurement) -> int:
        cost = measurement.bytes_sent + measurement.bytes_received
        self.days[self._day()] = self.bytes_today + cost
        self.kept += 1
        return self.kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A measurement, as it began."""

    at: float
    target: Target
    errand: bool
    running: int


@dataclass(slots=True)
class Watched:
    """A measurer that is watched; within is the agent's own, or one that says what it would have cost."""

    within: Measurer
    clock: StillClock
    begun: list[Begun] = field(default_factory=list)
    steps: set[Step] = field(default_factory=set)
    running: int = 0

    async def measure(self, task: Task, settings: Settings, network: NetworkContext) -> Measurement:
        self.running += 1
        errand = task.trigger is Trigger.REQUESTED
        target = parse_target(task.target)
        self.begun.append(Begun(at=self.clock.loop.time(), target=target, errand=errand, running=self.running))
        try:
            measurement = await self.within.measure(task, settings, network)
        finally:
            self.running -= 1
        self.steps |= {observation.step for observation in measurement.observations}
        return measurement

    async def close(self) -> None:
        await self.within.close()


@dataclass(slots=True)
class Priced:
    """A measurer that costs as much as the agent's may, and takes its time."""

    draw: Random
    clock: StillClock
    dearest: int

    async def measure(self, task: Task, settings: Settings, network: NetworkContext) -> Measurement:
        await asyncio.sleep(self.draw.choice((0.0, 1.0, 90.0)))
        cost = self.draw.randint(self.dearest // 2, self.dearest)
        return Measurement(
            target=task.target,
            platform=task.platform,
            started_at=self.clock.now(),
            duration_us=1,
            agent_version="0",
            trigger=task.trigger,
            depth=task.depth,
            network=network,
            bytes_received=min(cost, task.byte_limit + STEP_MOST_BYTES),
        )

    async def close(self) -> None:
        pass


def prober(clock: StillClock, rng: Random) -> Prober:
    return Prober(Vantage(system_resolvers=(RESOLVER,)), clock, rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent's measuring with its keeper of plans."""

    clock: StillClock
    purse: Purse
    watched: Watched
    plans: PlanKeeper
    measuring: Measuring

    async def told(self, plan: wire.Plan) -> None:
        """Is given a plan, signed by the collector that it joined."""
        text = plan.SerializeToString()
        await self.plans.offer(wire.SignedPlan(plan=text, signature=KEY.sign(CONTEXT + text)))


def make_agent(
    clock: StillClock, home: Path, make: Callable[[StillClock, Random], Measurer], *, allowance: int, seed: int
) -> Agent:
    rng, purse = Random(seed), Purse(clock)
    plans = PlanKeeper(Home(path=home), credential(), limits=Ceilings(), clock=clock)
    watched = Watched(make(clock, rng), clock)
    bench = Bench(
        measurer=watched,
        network=lambda: NetworkContext(isp="ptcl", ipv4=True, ipv6=True),
        plans=plans,
        spool=cast(SpoolThread, purse),
        limits=Ceilings(),
        day_allowance=allowance,
        clock=clock,
        rng=rng,
        on_done=lambda: None,
    )
    return Agent(clock=clock, purse=purse, watched=watched, plans=plans, measuring=Measuring(bench))


def assert_patient(begun: list[Begun]) -> None:
    """The limits on time held, whatever was asked for."""
    limits, slack = Ceilings(), 1e-6
    assert all(later.at - former.at >= limits.between_s - slack for former, later in pairwise(begun))
    assert all(one.running <= AT_ONCE for one in begun)
    by_target: dict[Target, list[Begun]] = {}
    by_host: dict[str, list[Begun]] = {}
    for one in begun:
        by_target.setdefault(one.target, []).append(one)
        by_host.setdefault(one.target.host, []).append(one)
    for row in by_target.values():
        for former, later in pairwise(row):
            least = limits.errand_target_s if later.errand else limits.same_target_s
            assert later.at - former.at >= least - slack, (former, later)
    for row in by_host.values():
        assert all(later.at - former.at >= limits.same_host_s - slack for former, later in pairwise(row))
    errands = [one.at for one in begun if one.errand]
    assert all(sum(at <= other < at + 3600 for other in errands) <= 60 for at in errands)
    assert len(errands) <= 200 * (1 + int((errands[-1] if errands else 0) // DAY_S))


def assert_cheap(purse: Purse, allowance: int) -> None:
    """No day cost more than its bytes and what the steps of one measurement may add that began within them."""
    assert all(spent <= allowance + STEP_MOST_BYTES for spent in purse.days.values()), purse.days


def a_plan(version: int, *entries: wire.Assignment, **fields: object) -> wire.Plan:
    expires = to_timestamp(datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=1))
    return wire.Plan(version=version, agent_id=AGENT, expires_at=expires, assignments=entries, **fields)


assignments = st.builds(
    wire.Assignment,
    target=hostile.urls | hostile.hosts.map(lambda host: f"dns:{host}"),
    platform=st.sampled_from(["", "x"]),
    interval_ms=st.sampled_from([0, 1, 60_000, 2**32 - 1]),
    phase_ms=st.sampled_from([0, 7, 2**32 - 1]),
    full_every=st.sampled_from([0, 1, 5, 2**32 - 1]),
    priority=st.sampled_from([0, 1, 3, 2**32 - 1]),
    control_addresses=st.lists(hostile.addresses | hostile.odd | hostile.zoned, max_size=3),
)
plans = st.builds(
    wire.Plan,
    assignments=st.lists(assignments, min_size=1, max_size=3),
    portal_check=st.just("") | hostile.urls,
    resolvers=st.builds(
        wire.Resolvers,
        doh=st.lists(hostile.urls, max_size=2),
        udp=st.lists(hostile.addresses | hostile.hosts | hostile.odd, max_size=2),
    ),
    innocuous_names=st.lists(hostile.hosts, max_size=2),
)


@contextmanager
def new_home(home: Path) -> Iterator[None]:
    """Each example is a new agent in the same directory."""
    yield
    for name in ("plan.bin", "plan_floor.json"):
        (home / name).unlink(missing_ok=True)


@settings(max_examples=2000 if LONG else 40, suppress_health_check=BUSY)
@given(plan=plans, names=st.lists(hostile.addresses, max_size=5), redirect=hostile.locations, seed=st.integers(0, 9))
def test_no_plan_resolver_or_redirect_leads_to_a_special_address_or_home(
    tmp_path: Path, plan: wire.Plan, names: list[str], redirect: str, seed: int
) -> None:
    internet = Internet(names=tuple(names), redirect=redirect)

    async def life(clock: StillClock) -> Agent:
        agent = make_agent(clock, tmp_path, prober, allowance=15_000_000, seed=seed)
        head = a_plan(1)
        offered = wire.Plan.FromString(plan.SerializeToString())
        offered.version, offered.agent_id = head.version, head.agent_id
        offered.expires_at.CopyFrom(head.expires_at)
        await agent.told(offered)
        await agent.measuring.once()
        await agent.watched.close()
        return agent

    with new_home(tmp_path):
        agent = live(internet, life)
    touched = {dial.address for dial in internet.dials} - {RESOLVER}
    assert [] == sorted(address for address in touched if not is_harmless(address))
    assert agent.watched.steps <= set(Step)
    assert_patient(agent.watched.begun)


def measured_once(tmp_path: Path, internet: Internet, plan: wire.Plan) -> set[str]:
    """Whom an agent dials that measures a plan once."""

    async def life(clock: StillClock) -> None:
        agent = make_agent(clock, tmp_path, prober, allowance=15_000_000, seed=1)
        await agent.told(plan)
        await agent.measuring.once()
        await agent.watched.close()

    live(internet, life)
    return {dial.address for dial in internet.dials}


def test_what_is_harmless_is_dialled_by_each_of_the_ways(tmp_path: Path) -> None:
    """Or the test above would pass with an agent that dials nobody."""
    plan = a_plan(
        1,
        wire.Assignment(target="tcp://104.244.42.1:443", interval_ms=1),
        wire.Assignment(target="https://x.com/", interval_ms=1, control_addresses=["104.244.42.3"]),
        wire.Assignment(target="http://y.com/", interval_ms=1),
        wire.Assignment(target="quic://z.com/", interval_ms=1),
        resolvers=wire.Resolvers(udp=["104.244.42.4"], doh=["https://104.244.42.5/"]),
        portal_check="http://104.244.42.6/204",
    )
    internet = Internet(names=("104.244.42.2", "2606:4700::6810:84e5"), redirect="http://104.244.42.7/")
    assert measured_once(tmp_path, internet, plan) == {
        RESOLVER,
        *(f"104.244.42.{number}" for number in range(1, 8)),
        "2606:4700::6810:84e5",
    }


@pytest.mark.parametrize("address", [OWN_V4, "39.32.10.200", OWN_V6, "2400:adc0:1:2:ffff::1"])
def test_the_volunteers_own_network_is_home_although_it_is_public(tmp_path: Path, address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    plan = a_plan(
        1,
        wire.Assignment(target=f"tcp://{host}:22", interval_ms=1),
        wire.Assignment(target="https://x.com/", interval_ms=1, control_addresses=[address]),
        wire.Assignment(target="http://y.com/", interval_ms=1),
        resolvers=wire.Resolvers(udp=[host], doh=[f"https://{host}/"]),
        portal_check=f"http://{host}/",
    )
    internet = Internet(names=(address, "104.244.42.2"), redirect=f"http://{host}/admin")
    assert address not in measured_once(tmp_path, internet, plan)
    assert is_harmless("104.244.42.2")


SPELLINGS = ("https://x{n}.com/", "https://X{n}.com:443", "https://x{n}.com/a", "quic://x{n}.com/", "dns:x{n}.com")


async def pester(agent: Agent, rng: Random, *, hosts: int, every_s: float) -> None:
    """A collector that renews its plan all the time, and asks for everything at once besides."""
    for version in range(1, 1_000_000):
        chosen = [
            wire.Assignment(
                target=rng.choice(SPELLINGS).format(n=rng.randrange(hosts)),
                platform=f"p{rng.randrange(3)}",
                interval_ms=rng.choice((1, 60_000)),
                phase_ms=rng.randrange(60_000),
                priority=rng.choice((1, 3)),
                control_addresses=["10.0.0.1", "104.244.42.3"],
            )
            for _ in range(rng.choice((1, MANY)))
        ]
        deadlines = wire.Deadlines(tcp_ms=1, dns_ms=2**32 - 1, repeat_pause_ms=1)
        await agent.told(a_plan(version, *chosen, deadlines=deadlines, portal_check="http://192.168.1.1/"))
        for entry in chosen:
            agent.measuring.ask(
                MeasureNow(request=version, platform=entry.platform, target=entry.target, within_ms=2**32 - 1)
            )
        await asyncio.sleep(every_s * rng.uniform(0.5, 1.5))


async def pestered_day(agent: Agent, rng: Random, *, hosts: int, every_s: float) -> None:
    work = asyncio.create_task(agent.measuring.forever())
    pestering = asyncio.create_task(pester(agent, rng, hosts=hosts, every_s=every_s))
    await asyncio.sleep(DAY_S + 3600)
    pestering.cancel()
    agent.measuring.stop()
    await work


@settings(max_examples=100 if LONG else 5, suppress_health_check=BUSY)
@given(
    seed=st.integers(0, 2**32),
    hosts=st.sampled_from([1, 3, 200]),
    every_s=st.sampled_from([97.0, 1800.0] if LONG else [900.0, 3600.0]),
    dearest=st.sampled_from([20_000, MEASUREMENT_MOST_BYTES + STEP_MOST_BYTES]),
    allowance=st.sampled_from([100_000, 2_000_000, 15_000_000]),
)
def test_in_a_day_of_ever_new_plans_and_requests_no_limit_is_passed(
    tmp_path: Path, seed: int, hosts: int, every_s: float, dearest: int, allowance: int
) -> None:
    async def life(clock: StillClock) -> Agent:
        make = lambda clock, rng: Priced(rng, clock, dearest)  # noqa: E731 - too short for a name
        agent = make_agent(clock, tmp_path, make, allowance=allowance, seed=seed)
        await pestered_day(agent, Random(seed), hosts=hosts, every_s=every_s)
        return agent

    with new_home(tmp_path):
        agent = live(Internet(), life)
    assert agent.watched.begun
    assert_patient(agent.watched.begun)
    assert_cheap(agent.purse, allowance)


def test_in_a_day_of_the_agents_own_measurements_no_limit_is_passed(tmp_path: Path) -> None:
    """As above, with every step really made: resolvers, redirects without end, controls, portal checks."""
    allowance = 15_000_000 if LONG else 400_000
    internet = Internet(names=("104.244.42.2", "10.0.0.1", "fd00::1"), redirect="http://x1.com/?again=1")

    async def life(clock: StillClock) -> Agent:
        agent = make_agent(clock, tmp_path, prober, allowance=allowance, seed=7)
        await pestered_day(agent, Random(7), hosts=30, every_s=1800.0)
        await agent.watched.close()
        return agent

    agent = live(internet, life)
    assert len(agent.watched.begun) > 50
    assert agent.purse.days
    assert_patient(agent.watched.begun)
    assert_cheap(agent.purse, allowance)
    touched = {dial.address for dial in internet.dials} - {RESOLVER}
    assert "104.244.42.2" in touched
    assert all(map(is_harmless, touched))
    assert {Step.DNS, Step.TCP} <= agent.watched.steps <= set(Step)
