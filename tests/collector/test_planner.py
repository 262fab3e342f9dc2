"""Who gets a plan, and when."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rabta_collector.authority import MARGIN_S, ends_at
from rabta_collector.catalogue import Catalogue, Platform, Target
from rabta_collector.journal import Member
from rabta_collector.plan import LIFETIME_S, NO_BOUND, Frame
from rabta_collector.planner import REISSUE_S, Planner
from rabta_collector.share import Terms
from rabta_collector.signing import load_signer
from rabta_collector.whereabouts import GOOD_S, Whereabouts
from rabta_proto.v1 import collector_pb2 as link
from rabta_proto.v1 import plan_pb2 as wire
from rabta_proto.vocabulary import Role
from support.authorities import make_root
from support.collector_server import CATALOGUE
from support.factories import FAR, NEAR, story
from support.feeds import ABROAD, measured
from support.waiting import PATIENCE_S


class Session:
    """Takes plans, unless it is full."""

    def __init__(self, agent: str, isp: str = "ptcl", role: Role = Role.PROBE) -> None:
        self.member = Member(agent=agent, isp=isp, role=role)
        self.plans: list[wire.Plan] = []
        self.left_out: frozenset[str] = frozenset()
        self.plan_version = 0
        self.full = False

    def offer_plan(self, plan: wire.SignedPlan, version: int) -> bool:
        if not self.full:
            self.plans.append(wire.Plan.FromString(plan.plan))
            self.plan_version = version
        return not self.full


class Country:
    """A planner and its sessions."""

    def __init__(self, path: Path, last_version: int = 0, catalogue: Catalogue = CATALOGUE) -> None:
        self.now = 1_800_000_000.0
        self.sessions: dict[str, Session] = {}
        self.whereabouts = Whereabouts(catalogue, lab=False)
        self.planner = Planner(
            frame=Frame(catalogue=catalogue, marks=()),
            signer=load_signer(path / "key"),
            terms=Terms(floor_s=0, bytes_per_day=15_000_000),
            whereabouts=self.whereabouts,
            last_version=last_version,
            clock=lambda: self.now,
        )

    def connect(self, agent: str, isp: str = "ptcl", role: Role = Role.PROBE) -> Session:
        self.sessions[agent] = Session(agent, isp, role)
        return self.sessions[agent]

    def control_reaches(self, address: str) -> None:
        """A control has just found the one target at this address."""
        told = story().names(address).connects(address).handshakes(address)
        entry = measured("c", ABROAD, told.measurement(at=self.now))
        self.whereabouts.hear(replace(entry, at=self.now))

    def share_out(self) -> int:
        return sum(self.planner.offers(self.sessions))  # type: ignore[arg-type] # what a planner needs of sessions

    def first_plan(self) -> wire.Plan:
        """A newcomer's."""
        newcomer, there = Member(agent="n", isp="ptcl", role=Role.PROBE), self.sessions.values()
        return wire.Plan.FromString(self.planner.first_plan(newcomer, there).plan)  # type: ignore[arg-type] # as above


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return Country(tmp_path)


def addresses(session: Session) -> list[str]:
    return list(session.plans[-1].assignments[0].control_addresses)


def interval(session: Session) -> int:
    return session.plans[-1].assignments[0].interval_ms


def test_agents_of_one_isp_share_and_others_do_not_matter(country: Country) -> None:
    first, second, other = country.connect("a"), country.connect("b"), country.connect("c", "zong")
    assert 3 == country.share_out()
    assert (600_000, 600_000, 300_000) == (interval(first), interval(second), interval(other))


def test_who_went_meanwhile_is_offered_nothing_and_who_came_is_at_the_next_time(country: Country) -> None:
    for agent in "abc":
        country.connect(agent)
    offers = country.planner.offers(country.sessions)  # type: ignore[arg-type] # as above
    assert next(offers)
    gone = country.sessions.pop("b")
    other = country.connect("c", isp="zong")
    assert [] == list(offers)
    assert [] == gone.plans == other.plans
    assert 2 == country.share_out()


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
    assert session.plans[0].version == 1_800_000_000_000
    assert session.plans[1].version > 1_800_000_000_000


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
    country.connect("a")
    country.connect("b", "zong")
    plan = country.first_plan()
    assert ("n", 600_000) == (plan.agent_id, plan.assignments[0].interval_ms)
    country.sessions["a"].left_out = frozenset({"x"})
    assert 300_000 == country.first_plan().assignments[0].interval_ms


def test_what_an_agent_leaves_out_is_asked_of_the_others_of_its_isp(country: Country) -> None:
    shy, first, second = country.connect("a"), country.connect("b"), country.connect("c")
    shy.left_out = frozenset({"x"})
    country.share_out()
    assert [] == list(shy.plans[-1].assignments)
    assert (600_000, 600_000) == (interval(first), interval(second))


@pytest.mark.parametrize(
    ("said", "platforms"),
    [([], set()), (["SOCIAL"], {"x"}), (["social"], {"x"}), (["NEWS", ""], set()), (["A"] * 64 + ["SOCIAL"], set())],
)
def test_what_is_left_out_is_said_by_category(country: Country, said: list[str], platforms: set[str]) -> None:
    assert platforms == country.planner.left_out(link.Hello(left_out=said))


def test_a_control_measures_everything_and_pays_for_itself(country: Country) -> None:
    first, _ = country.connect("a", "", Role.CONTROL), country.connect("b", "", Role.CONTROL)
    country.share_out()
    assert (300_000, NO_BOUND) == (interval(first), first.plans[0].bytes_per_day)


def test_what_controls_know_of_addresses_goes_into_the_plans_of_agents_alone(country: Country) -> None:
    country.control_reaches(NEAR)
    agent, control = country.connect("a"), country.connect("c", "", Role.CONTROL)
    country.share_out()
    assert ([NEAR], []) == (addresses(agent), addresses(control))
    assert [NEAR] == country.first_plan().assignments[0].control_addresses


def test_a_plan_without_addresses_is_made_anew_once_there_are_some(country: Country) -> None:
    agents = [country.connect("a"), country.connect("b"), country.connect("c", "", Role.CONTROL)]
    country.share_out()
    country.control_reaches(NEAR)
    assert 2 == country.share_out()
    assert [[NEAR], [NEAR], []] == [addresses(agent) for agent in agents]
    assert 0 == country.share_out()


def test_another_address_alone_makes_no_new_plan_but_goes_into_one_that_is_made(country: Country) -> None:
    agent = country.connect("a")
    country.control_reaches(NEAR)
    country.share_out()
    country.now += 60
    country.control_reaches(FAR)
    assert 0 == country.share_out()
    country.connect("b")
    assert 2 == country.share_out()
    assert [FAR, NEAR] == addresses(agent)


def test_a_plan_whose_addresses_nobody_confirms_any_more_is_made_anew(country: Country) -> None:
    agent = country.connect("a")
    country.control_reaches(NEAR)
    country.share_out()
    country.now += GOOD_S
    assert 0 == country.share_out()
    country.control_reaches(FAR)
    assert 1 == country.share_out()
    assert [FAR, NEAR] == addresses(agent)


async def test_a_plan_that_is_outdated_is_noticed_though_nobody_came_or_went(country: Country) -> None:
    country.connect("a")
    country.connect("c", "", Role.CONTROL)
    country.share_out()
    waiting = asyncio.create_task(country.planner.wait(0.001))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done
    country.control_reaches(NEAR)
    async with asyncio.timeout(PATIENCE_S):
        await waiting


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


def test_no_plan_outlives_the_authority_of_a_target_in_it(tmp_path: Path) -> None:
    """Or every handshake there would look as if somebody had put himself in between."""
    root = make_root(ends_in=timedelta(days=3650))
    targets = (Target(url="https://x.com/", platform="x"), Target(url="tls://x.com", platform="x", authority=root))
    platform = Platform(id="x", name="X", category="", targets=targets)
    country = Country(tmp_path, catalogue=Catalogue(platforms=(platform,)))
    country.now = ends_at(root) - MARGIN_S - LIFETIME_S
    country.connect("a")
    country.share_out()
    country.now += 1
    country.share_out()
    first, second = country.sessions["a"].plans
    assert ["https://x.com/", "tls://x.com"] == [one.target for one in first.assignments]
    assert ["https://x.com/"] == [one.target for one in second.assignments]
