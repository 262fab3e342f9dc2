"""Credentials, and their end by another process's hand."""

import asyncio
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector.accounts import Accounts
from rabta_collector.admit import Reason, Refused
from rabta_collector.registry import Agent, Invite, Newcomer, Registry, UnreachableRegistryError
from rabta_collector.rotation import DAY_S
from support.waiting import PATIENCE_S, until

NEWCOMER = Newcomer(isp="ptcl", province="", version="0")


@pytest.fixture
async def accounts(tmp_path: Path) -> AsyncIterator[Accounts]:
    opened = Accounts(Registry(tmp_path / "state.sqlite"), clock=lambda: 10.0)
    yield opened
    await opened.close()


def other(tmp_path: Path) -> Registry:
    """The file as another process has it."""
    return Registry(tmp_path / "state.sqlite")


def reason(accounts: Accounts, agent: str, secret: str) -> Reason:
    with pytest.raises(Refused) as refused:
        accounts.verify(agent, secret)
    return refused.value.reason


async def test_a_credential_is_verified(accounts: Accounts, tmp_path: Path) -> None:
    token = other(tmp_path).invite(Invite(expires_at=100), now=0)
    agent, secret = await accounts.enrol(token, NEWCOMER)
    assert agent == accounts.verify(agent.id, secret)
    assert Reason.UNAUTHENTICATED is reason(accounts, agent.id, "wrong")
    assert Reason.UNAUTHENTICATED is reason(accounts, "nobody", secret)
    assert Reason.UNAUTHENTICATED is reason(accounts, "nobody", "")
    with pytest.raises(Refused, match="used up") as refused:
        await accounts.enrol(token, NEWCOMER)
    assert Reason.INVITATION is refused.value.reason


async def test_what_another_process_revokes_is_noticed(accounts: Accounts, tmp_path: Path) -> None:
    agent, secret = await accounts.enrol(other(tmp_path).invite(Invite(expires_at=100), now=0), NEWCOMER)
    await accounts.refresh()
    assert not await accounts.refresh()
    other(tmp_path).revoke(agent.id, now=20)
    assert await accounts.refresh()
    assert accounts.is_revoked(agent.id)
    assert Reason.REVOKED is reason(accounts, agent.id, secret)


async def test_an_agent_outlives_the_process_that_enrolled_it(accounts: Accounts, tmp_path: Path) -> None:
    agent, secret = await accounts.enrol(other(tmp_path).invite(Invite(expires_at=100), now=0), NEWCOMER)
    again = Accounts(other(tmp_path))
    assert agent.id == again.verify(agent.id, secret).id
    await again.close()


async def test_one_may_revoke_oneself(accounts: Accounts, tmp_path: Path) -> None:
    agent, secret = await accounts.enrol(other(tmp_path).invite(Invite(expires_at=100), now=0), NEWCOMER)
    await accounts.leave(agent.id, forget=False)
    assert Reason.REVOKED is reason(accounts, agent.id, secret)
    assert accounts.is_revoked("nobody")


async def test_who_leaves_is_revoked_and_forgotten_also_where_the_call_is_over(
    accounts: Accounts, tmp_path: Path
) -> None:
    agent, secret = await accounts.enrol(other(tmp_path).invite(Invite(expires_at=100), now=0), NEWCOMER)
    forgotten, going_on = threading.Event(), threading.Event()
    forget = accounts._registry.forget

    def slowly(agent: str, *, now: float) -> None:
        forgotten.set()
        assert going_on.wait(PATIENCE_S)
        forget(agent, now=now)

    accounts._registry.forget = slowly  # type: ignore[method-assign]
    call = asyncio.create_task(accounts.leave(agent.id, forget=True))
    await asyncio.to_thread(forgotten.wait, PATIENCE_S)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    going_on.set()
    await until(lambda: accounts.is_revoked(agent.id))
    (kept,) = other(tmp_path).agents()
    assert ("", 0.0, b"") == (kept.province, kept.enrolled_at, kept.digest)
    assert Reason.UNAUTHENTICATED is reason(accounts, agent.id, secret)


async def test_when_an_agent_was_last_heard_is_kept_once_it_is_asked_for(tmp_path: Path) -> None:
    now = 10.0
    accounts = Accounts(Registry(tmp_path / "state.sqlite"), clock=lambda: now)
    agents = [
        (await accounts.enrol(other(tmp_path).invite(Invite(expires_at=100), now=0), NEWCOMER))[0] for _ in range(2)
    ]
    accounts.heard(agents[0].id)
    now = 20.0
    accounts.heard(agents[0].id)
    assert {None} == {agent.last_seen for agent in other(tmp_path).agents()}
    await accounts.keep_heard()
    assert {20.0, None} == {agent.last_seen for agent in other(tmp_path).agents()}
    now = 30.0
    accounts.heard(agents[1].id)
    await accounts.close()
    assert {20.0, 30.0} == {agent.last_seen for agent in other(tmp_path).agents()}


async def test_what_the_disk_does_not_take_waits(tmp_path: Path) -> None:
    now = 10.0
    accounts = Accounts(Registry(tmp_path / "state.sqlite"), clock=lambda: now)
    agent, _ = await accounts.enrol(other(tmp_path).invite(Invite(expires_at=100), now=0), NEWCOMER)
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as spoiled:
        spoiled.execute("ALTER TABLE agents RENAME TO elsewhere")
        accounts.heard(agent.id)
        await accounts.keep_heard()
        spoiled.execute("ALTER TABLE elsewhere RENAME TO agents")
    await accounts.close()
    assert [10.0] == [one.last_seen for one in other(tmp_path).agents()]


class Fortnights:
    """A clock on which every secret is old and every offer is long ago each time it is looked at."""

    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        self.now += 14 * DAY_S
        return self.now


async def member(tmp_path: Path) -> tuple[Accounts, str, str]:
    """Accounts with one agent, its pseudonym, its secret."""
    accounts = Accounts(other(tmp_path), clock=Fortnights())
    token = other(tmp_path).invite(Invite(expires_at=1e12), now=0)
    agent, secret = await accounts.enrol(token, NEWCOMER)
    return accounts, agent.id, secret


async def new_secret(accounts: Accounts, agent: str) -> str:
    secret = await accounts.next_secret(agent, 0.0)
    assert secret is not None
    return secret


async def test_both_secrets_are_good_until_the_new_one_is_used_and_then_it_alone(tmp_path: Path) -> None:
    accounts, agent, old = await member(tmp_path)
    new = await new_secret(accounts, agent)
    accounts.verify(agent, old)
    accounts.verify(agent, new)
    assert Reason.UNAUTHENTICATED is reason(accounts, agent, old)
    await accounts.saw(agent, "0")
    await accounts.close()
    again = Accounts(other(tmp_path))
    again.verify(agent, new)
    assert Reason.UNAUTHENTICATED is reason(again, agent, old)


async def test_a_collector_that_stops_before_it_has_noted_the_use_knows_both(tmp_path: Path) -> None:
    accounts, agent, old = await member(tmp_path)
    new = await new_secret(accounts, agent)
    accounts.verify(agent, new)
    again = Accounts(other(tmp_path))
    again.verify(agent, old)
    again.verify(agent, new)


async def test_what_was_used_stays_used_when_another_process_changes_the_file(tmp_path: Path) -> None:
    accounts, agent, old = await member(tmp_path)
    new = await new_secret(accounts, agent)
    accounts.verify(agent, new)
    other(tmp_path).invite(Invite(expires_at=100), now=0)
    assert await accounts.refresh()
    assert Reason.UNAUTHENTICATED is reason(accounts, agent, old)
    accounts.verify(agent, new)


async def test_nobody_gets_a_secret_before_it_is_due_or_twice_at_a_time(tmp_path: Path) -> None:
    now = [10.0]
    accounts = Accounts(other(tmp_path), clock=lambda: now[0])
    agent, _ = await accounts.enrol(other(tmp_path).invite(Invite(expires_at=100), now=0), NEWCOMER)
    now[0] += 99
    assert await accounts.next_secret(agent.id, 100.0) is None
    assert await accounts.next_secret("nobody", 0.0) is None
    now[0] += 1
    assert await accounts.next_secret(agent.id, 100.0) is not None
    assert await accounts.next_secret(agent.id, 100.0) is None


async def test_a_disk_that_takes_nothing_leaves_the_old_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts, agent, old = await member(tmp_path)

    def full(self: Registry, agent: str, *, now: float) -> str:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Registry, "offer", full)
    assert await accounts.next_secret(agent, 0.0) is None
    accounts.verify(agent, old)


class Pair:
    """Both ends as they are between any two steps of a rotation: what is on disk, in memory, and on its way."""

    def __init__(self, accounts: Accounts, agent: str, secret: str) -> None:
        self.accounts, self.agent = accounts, agent
        self.disk = self.memory = secret
        self.on_its_way: list[str] = []
        self.connected = False

    async def connect(self, *, noted: bool) -> None:
        """The agent opens a session; the collector may stop before it has noted with which secret."""
        self.hang_up()
        self.accounts.verify(self.agent, self.memory)
        if noted:
            await self.accounts.saw(self.agent, "0")
        self.connected = noted

    async def offer(self) -> None:
        if self.connected:
            self.on_its_way.append(await new_secret(self.accounts, self.agent))

    def write_down(self) -> None:
        """The agent has the next secret on disk, and may be killed before it takes it into use."""
        if self.on_its_way:
            self.disk = self.on_its_way.pop(0)

    def take_into_use(self) -> None:
        """At once, or because the agent begins again from its disk."""
        self.memory = self.disk

    def hang_up(self) -> None:
        """Either end is killed, or the line is cut."""
        self.connected = False
        self.on_its_way.clear()


@pytest.mark.parametrize("seed", range(20))
async def test_no_order_of_stops_on_either_end_locks_an_agent_out(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    pair = Pair(*await member(tmp_path))
    for _ in range(80):
        match dice.randrange(7):
            case 0 | 1:
                await pair.connect(noted=dice.random() < 0.7)
            case 2:
                await pair.offer()
            case 3:
                pair.write_down()
            case 4:
                pair.take_into_use()
            case 5:
                pair.hang_up()
            case _:  # the collector begins again from its disk
                pair.hang_up()
                pair.accounts = Accounts(other(tmp_path), clock=pair.accounts._clock)
        if pair.memory != pair.disk and dice.random() < 0.5:
            pair.take_into_use()  # there is nothing between the two but an instant
    for secret in (pair.memory, pair.disk):
        pair.accounts.verify(pair.agent, secret)


async def test_who_comes_back_together_is_noted_together(accounts: Accounts, tmp_path: Path) -> None:
    token = other(tmp_path).invite(Invite(uses=50, expires_at=100), now=0)
    joined = [(await accounts.enrol(token, NEWCOMER))[0].id for _ in range(50)]
    commits: list[int] = []
    saw = accounts._registry.saw

    def counted(agents: Sequence[tuple[str, str]], *, now: float) -> None:
        commits.append(len(agents))
        saw(agents, now=now)

    accounts._registry.saw = counted  # type: ignore[method-assign]
    await asyncio.gather(*(accounts.saw(agent, "7") for agent in joined))
    assert {(10.0, "7")} == {(one.last_seen, one.version) for one in other(tmp_path).agents()}
    assert 50 == sum(commits)
    assert len(commits) < 50


class Slow(Registry):
    """One that takes its time to be read, or cannot be."""

    def __init__(self, path: Path) -> None:
        self.read, self.fails = threading.Event(), False
        self.read.set()
        super().__init__(path)

    def agents(self) -> tuple[Agent, ...]:
        assert self.read.wait(PATIENCE_S)
        if self.fails:
            raise UnreachableRegistryError("no answer")
        return super().agents()


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[tuple[Accounts, Slow]]:
    registry = Slow(tmp_path / "state.sqlite")
    opened = Accounts(registry, shared=True)
    yield opened, registry
    await opened.close()


def joined_elsewhere(tmp_path: Path) -> tuple[Agent, str]:
    """At another process."""
    process = other(tmp_path)
    return process.enrol(process.invite(Invite(expires_at=1e12), now=0), NEWCOMER, now=1)


async def test_who_joined_elsewhere_is_known_while_that_is_being_read(
    shared: tuple[Accounts, Slow], tmp_path: Path
) -> None:
    """Whoever looks meanwhile waits for what is read, too."""
    accounts, registry = shared
    agent, secret = joined_elsewhere(tmp_path)
    registry.read.clear()
    watch = asyncio.create_task(accounts.refresh())
    meet = asyncio.create_task(accounts.meet(f"Bearer {agent.id}.{secret}"))
    await asyncio.sleep(0.1)  # in which a look that waits for nothing would be over
    assert not meet.done()
    registry.read.set()
    await meet
    assert agent.id == accounts.verify(agent.id, secret).id
    await watch


async def test_where_the_registry_cannot_be_read_nobody_is_called_unknown(
    shared: tuple[Accounts, Slow], tmp_path: Path
) -> None:
    accounts, registry = shared
    agent, secret = joined_elsewhere(tmp_path)
    registry.fails = True
    with pytest.raises(Refused) as refused:
        await accounts.meet(f"Bearer {agent.id}.{secret}")
    assert Reason.JOURNAL is refused.value.reason
    registry.fails = False
    await accounts.meet(f"Bearer {agent.id}.{secret}")
    assert agent.id == accounts.verify(agent.id, secret).id
