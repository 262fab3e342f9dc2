"""Who gets a plan, and when."""

import asyncio
from pathlib import Path

import pytest

from rabta_collector.journal import Member
from rabta_collector.plan import NO_BOUND, Frame
from rabta_collector.planner import REISSUE_S, Planner
from rabta_collector.share import Terms
from rabta_collector.signing import load_signer
from rabta_proto.v1 import plan_pb2 as wire
from rabta_proto.vocabulary import Role
from support.collector_server import CATALOGUE


class Session:
    """Takes plans, unless it is full."""

    def __init__(self, agent: str, isp: str = "ptcl", role: Role = Role.PROBE) -> None:
        self.member = Member(agent=agent, isp=isp, role=role)
        self.plans: list[wire.Plan] = []
        self.plan_version = 0
        self.full = False

    def offer_plan(self, plan: wire.SignedPlan, version: int) -> bool:
        if not self.full:
            self.plans.append(wire.Plan.FromString(plan.plan))
            self.plan_version = version
        return not self.full


class Country:
    """A planner and its sessions."""

    def __init__(self, path: Path, last_version: int = 0) -> None:
        self.now = 1_000.0
        self.sessions: dict[str, Session] = {}
        self.planner = Planner(
            frame=Frame(catalogue=CATALOGUE, marks=()),
            signer=load_signer(path / "key"),
            terms=Terms(floor_s=0, bytes_per_day=15_000_000),
            last_version=last_version,
            clock=lambda: self.now,
        )

    def connect(self, agent: str, isp: str = "ptcl", role: Role = Role.PROBE) -> Session:
        self.sessions[agent] = Session(agent, isp, role)
        return self.sessions[agent]

    def share_out(self) -> int:
        return self.planner.share_out(self.sessions)  # type: ignore[arg-type] # what a planner needs of sessions


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return Country(tmp_path)


def interval(session: Session) -> int:
    return session.plans[-1].assignments[0].interval_ms


def test_agents_of_one_isp_share_and_others_do_not_matter(country: Country) -> None:
    first, second, other = country.connect("a"), country.connect("b"), country.connect("c", "zong")
    assert 3 == country.share_out()
    assert (600_000, 600_000, 300_000) == (interval(first), interval(second), interval(other))


def test_only_those_whose_part_has_changed_are_told(country: Country) -> None:
    country.connect("a")
    country.connect("b", "zong")
    country.share_out()
    country.connect("c")
    assert 2 == country.share_out()
    assert 0 == country.share_out()
    assert 1 == len(country.sessions["b"].plans)


def test_one_that_goes_leaves_its_part_to_the_others(country: Country) -> None:
    stays = country.connect("a")
    country.connect("b")
    country.share_out()
    del country.sessions["b"]
    country.share_out()
    assert [600_000, 300_000] == [plan.assignments[0].interval_ms for plan in stays.plans]


def test_versions_only_grow_whatever_the_clock_does(country: Country) -> None:
    session = country.connect("a")
    country.share_out()
    country.now = 0.0
    country.connect("b")
    country.share_out()
    assert session.plans[0].version == 1_000_000
    assert session.plans[1].version > 1_000_000


def test_versions_grow_over_a_restart(tmp_path: Path) -> None:
    country = Country(tmp_path, last_version=10**15)
    session = country.connect("a")
    country.share_out()
    assert session.plans[0].version == 10**15 + 1


def test_an_agent_that_returns_with_its_plan_is_left_in_peace(country: Country) -> None:
    version = (country.connect("a"), country.share_out())[0].plan_version
    country.connect("a").plan_version = version
    assert 0 == country.share_out()
    country.connect("a").plan_version = 0
    assert 1 == country.share_out()


def test_a_plan_that_grows_old_is_made_anew(country: Country) -> None:
    country.connect("a")
    country.share_out()
    country.now += REISSUE_S - 1
    assert 0 == country.share_out()
    country.now += 2
    assert 1 == country.share_out()


def test_one_that_takes_nothing_is_offered_it_again(country: Country) -> None:
    session = country.connect("a")
    session.full = True
    assert 0 == country.share_out()
    session.full = False
    assert 1 == country.share_out()


def test_a_newcomers_first_plan_counts_those_that_are_there(country: Country) -> None:
    members = [country.connect("a").member, country.connect("b", "zong").member]
    signed = country.planner.first_plan(Member(agent="n", isp="ptcl", role=Role.PROBE), members)
    plan = wire.Plan.FromString(signed.plan)
    assert ("n", 600_000) == (plan.agent_id, plan.assignments[0].interval_ms)


def test_a_control_measures_everything_and_pays_for_itself(country: Country) -> None:
    first, _ = country.connect("a", "", Role.CONTROL), country.connect("b", "", Role.CONTROL)
    country.share_out()
    assert (300_000, NO_BOUND) == (interval(first), first.plans[0].bytes_per_day)


async def test_changes_are_gathered_for_a_moment(country: Country) -> None:
    waiting = asyncio.create_task(country.planner.wait(0.01))
    await asyncio.sleep(0)
    assert not waiting.done()
    country.planner.changed()
    country.planner.changed()
    await waiting
    again = asyncio.create_task(country.planner.wait(0.01))
    await asyncio.sleep(0.02)
    assert not again.done()
    again.cancel()
