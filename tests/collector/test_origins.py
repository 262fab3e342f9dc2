"""Where agents come from is read from the registry, and their prefix from the session they have."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from rabta_collector.accounts import Accounts
from rabta_collector.admission import Admission
from rabta_collector.limits import Limits
from rabta_collector.origins import Origins
from rabta_collector.prefixes import Prefixes
from rabta_collector.registry import Invite, Newcomer, Registry
from rabta_collector.verdict.hands import UNKNOWN

NEWCOMER = Newcomer(isp="ptcl", province="", version="0.1.0")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry(tmp_path / "state.sqlite")
    yield opened
    opened.close()


def test_agents_of_one_invitation_and_one_prefix_are_known_for_it(registry: Registry) -> None:
    token = registry.invite(Invite(uses=2, expires_at=100), now=0)
    joined = [registry.enrol(token, NEWCOMER, now=50 + n) for n in range(2)]
    other = registry.enrol(registry.invite(Invite(expires_at=100), now=0), NEWCOMER, now=60)
    accounts = Accounts(registry)
    admission = Admission(accounts, Limits(), Prefixes(lambda count: bytes(count)))
    origins = Origins(accounts, admission.prefix_of)
    first, second, third = (origins.of(agent.id) for agent, _ in (*joined, other))
    assert first.invite == second.invite != third.invite
    assert (50, 51, 60) == (first.joined, second.joined, third.joined)
    assert None is first.prefix
    entrants = [
        admission.enter(f"Bearer {agent.id}.{secret}", admission.knock(address, b""))
        for (agent, secret), address in zip(joined, ("203.0.113.7", "203.0.113.9"), strict=True)
    ]
    with admission.seat(entrants[0]), admission.seat(entrants[1]):
        prefixes = {origins.of(agent.id).prefix for agent, _ in joined}
        assert 1 == len(prefixes)
        assert {hashlib.sha256(bytes(32) + b"203.0.113.0/24").digest()} == prefixes
    assert None is origins.of(joined[0][0].id).prefix


def test_of_a_stranger_nothing_is_known(registry: Registry) -> None:
    accounts = Accounts(registry)
    assert UNKNOWN == Origins(accounts, Admission(accounts, Limits(), Prefixes(bytes)).prefix_of).of("nobody")
