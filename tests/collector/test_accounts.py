"""Credentials, and their end by another process's hand."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector.accounts import Accounts
from rabta_collector.admit import Reason, Refused
from rabta_collector.registry import Invite, Newcomer, Registry

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
    await accounts.revoke(agent.id)
    assert Reason.REVOKED is reason(accounts, agent.id, secret)
    assert accounts.is_revoked("nobody")


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
