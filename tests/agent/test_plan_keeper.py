"""The plan that is followed is on disk, checked, and only ever replaced by a newer one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from rabta_agent.ceilings import Ceilings
from rabta_agent.diary import PlanChange
from rabta_agent.home import Credential, Home
from rabta_agent.plan_keeper import PlanKeeper
from rabta_proto.v1.plan_pb2 import SignedPlan
from support.scripted_collector import AGENT, PUBLIC_KEY, signed_plan

LIMITS = Ceilings()
X, Y = "https://x.com/", "https://y.com/"


class Clock:
    """A wall clock that the test sets."""

    moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(path=tmp_path)


def credential(*, agent_id: str = AGENT) -> Credential:
    return Credential(
        agent_id=agent_id,
        secret="s",
        role="probe",
        isp="",
        plan_public_key=PUBLIC_KEY.hex(),
        endpoints=("http://[::1]",),
    )


def keeper(home: Home, clock: Clock | None = None) -> PlanKeeper:
    return PlanKeeper(home, credential(), limits=LIMITS, clock=clock or Clock())


async def offer(plans: PlanKeeper, signed: SignedPlan) -> list[str]:
    """Events of the log."""
    with structlog.testing.capture_logs() as events:
        await plans.offer(signed)
    return [str(event["event"]) for event in events]


async def test_a_new_plan_is_followed_kept_and_announced(home: Home) -> None:
    plans = keeper(home)
    assert plans.usable is None
    assert ["plan.new"] == await offer(plans, signed_plan(X, version=3))
    assert plans.changed.is_set()
    assert (3, X) == (plans.usable and plans.usable.version, plans.usable and plans.usable.assignments[0].target)
    assert plans.current == keeper(home).current  # as after a restart without the network


async def test_what_a_new_plan_changes_is_told(home: Home) -> None:
    told: list[PlanChange] = []
    keeper = PlanKeeper(home, credential(), limits=LIMITS, clock=Clock(), noted=told.append)
    await keeper.offer(signed_plan(X, version=1))
    await keeper.offer(signed_plan(Y, version=2))
    await keeper.offer(signed_plan(Y, version=1))
    assert [((X,), ()), ((Y,), (X,))] == [(change.added, change.removed) for change in told]


async def test_a_category_that_the_volunteer_leaves_out_is_not_measured(home: Home) -> None:
    keeper = PlanKeeper(home, credential(), limits=Ceilings.of(lab=False), clock=Clock())
    await keeper.offer(signed_plan(X, category="lgbt"))
    assert (keeper.usable, 1) == (None, keeper.current.refused if keeper.current else 0)
    await keeper.offer(signed_plan(X, version=2, category="SOCIAL", newest="9.9"))
    assert keeper.usable is not None
    assert "9.9" == keeper.usable.newest_agent


@pytest.mark.parametrize("version", [2, 3])
async def test_an_older_plan_changes_nothing_neither_in_memory_nor_on_disk(home: Home, version: int) -> None:
    plans = keeper(home)
    await offer(plans, signed_plan(X, version=3))
    plans.changed.clear()
    assert ["plan.refused"] == await offer(plans, signed_plan(Y, version=version))
    assert not plans.changed.is_set()
    assert plans.current == keeper(home).current
    assert plans.current is not None
    assert 3 == plans.current.version


async def test_a_plan_that_nobody_signed_changes_nothing(home: Home) -> None:
    plans = keeper(home)
    assert ["plan.refused"] == await offer(plans, SignedPlan(plan=signed_plan(X).plan, signature=b"x" * 64))
    assert (None, None) == (plans.current, home.plan())


async def test_a_plan_ends(home: Home) -> None:
    clock = Clock()
    plans = keeper(home, clock)
    await offer(plans, signed_plan(X))
    clock.moment += timedelta(days=15)
    assert plans.usable is None


async def test_a_plan_that_asks_for_nothing_is_kept_but_not_usable(home: Home) -> None:
    plans = keeper(home)
    await offer(plans, signed_plan(version=9))
    assert plans.usable is None
    assert plans.current is not None


async def test_a_plan_that_cannot_be_kept_is_not_followed(home: Home) -> None:
    plans = PlanKeeper(Home(path=home.path / "gone"), credential(), limits=LIMITS, clock=Clock())
    assert ["plan.refused"] == await offer(plans, signed_plan(X))
    assert plans.current is None


def test_a_plan_on_disk_from_another_agents_days_is_not_followed(home: Home) -> None:
    home.save_plan(signed_plan(X).SerializeToString())
    assert keeper(home).current is not None
    assert PlanKeeper(home, credential(agent_id="else"), limits=LIMITS, clock=Clock()).current is None


@pytest.mark.parametrize("damage", [b"", b"\x00" * 40, None])
async def test_an_older_plan_is_refused_after_a_restart_even_where_the_current_one_was_lost(
    home: Home, damage: bytes | None
) -> None:
    await offer(keeper(home), signed_plan(X, version=5))
    file = home.path / "plan.bin"
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    plans = keeper(home)
    assert plans.current is None
    assert ["plan.refused"] == await offer(plans, signed_plan(Y, version=4))
    assert ["plan.new"] == await offer(plans, signed_plan(X, version=5))  # the one that was lost


async def test_an_older_plan_that_was_put_back_on_disk_is_not_followed(home: Home) -> None:
    plans = keeper(home)
    await offer(plans, signed_plan(X, version=4))
    old = home.plan()
    await offer(plans, signed_plan(X, version=5))
    assert old is not None
    home.save_plan(old)
    assert keeper(home).current is None


async def test_the_plan_that_came_with_joining_is_a_floor_too(home: Home) -> None:
    home.save_plan(signed_plan(X, version=5).SerializeToString())
    assert ["plan.refused"] == await offer(keeper(home), signed_plan(Y, version=4))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "x", "agent_id": "agent-1"}', '{"agent_id": "else"}'])
async def test_a_floor_that_cannot_be_read_leaves_the_plans_own_version(home: Home, text: str) -> None:
    await offer(keeper(home), signed_plan(X, version=5))
    (home.path / "plan_floor.json").write_text(text, encoding="utf-8")
    plans = keeper(home)
    assert plans.current is not None
    assert ["plan.refused"] == await offer(plans, signed_plan(Y, version=5))


async def test_another_agent_in_the_same_home_begins_anew(home: Home) -> None:
    await offer(keeper(home), signed_plan(X, version=5))
    other = PlanKeeper(home, credential(agent_id="else"), limits=LIMITS, clock=Clock())
    assert ["plan.new"] == await offer(other, signed_plan(X, version=1, agent_id="else"))
