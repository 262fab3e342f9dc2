"""Agents and invitations."""

import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector.jetstream.place import parse_place
from rabta_collector.jetstream.registry import BucketRegistry
from rabta_collector.registries import AnyRegistry
from rabta_collector.registry import (
    MAX_PENDING,
    InvitationError,
    Invite,
    Newcomer,
    Registry,
    digest,
    matches,
)
from rabta_collector.registry_file import UnusableRegistryError
from rabta_proto.vocabulary import Role
from support.nats import Nats

NEWCOMER = Newcomer(isp="zong", province="Sindh", version="0.1.0")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry(tmp_path / "state.sqlite")
    yield opened
    opened.close()


@pytest.fixture(params=["file", "bucket"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnyRegistry]:
    """What holds of a registry wherever it is kept."""
    if request.param == "file":
        with closing(Registry(tmp_path / "state.sqlite")) as opened:
            yield opened
        return
    async with Nats(tmp_path).running() as nats:
        with closing(BucketRegistry(parse_place(nats.url()))) as bucket:
            yield bucket


def test_an_invitation_makes_an_agent(either: AnyRegistry) -> None:
    token = either.invite(Invite(isp="ptcl", expires_at=100), now=0)
    agent, secret = either.enrol(token, NEWCOMER, now=50)
    assert (agent,) == either.agents()
    assert ("ptcl", "Sindh", Role.PROBE, 50) == (agent.isp, agent.province, agent.role, agent.enrolled_at)
    assert matches(secret, agent.digest)
    assert not matches("another", agent.digest)


def test_the_volunteers_isp_counts_where_the_invitation_names_none(either: AnyRegistry) -> None:
    agent, _ = either.enrol(either.invite(Invite(expires_at=100), now=0), NEWCOMER, now=50)
    assert "zong" == agent.isp


def test_an_invitation_is_used_as_often_as_it_says(either: AnyRegistry) -> None:
    token = either.invite(Invite(uses=2, expires_at=100), now=0)
    ids = {either.enrol(token, NEWCOMER, now=50)[0].id for _ in range(2)}
    assert 2 == len(ids)
    with pytest.raises(InvitationError, match="used up"):
        either.enrol(token, NEWCOMER, now=50)


def test_an_invitation_expires(either: AnyRegistry) -> None:
    token = either.invite(Invite(expires_at=100), now=0)
    with pytest.raises(InvitationError, match="has expired"):
        either.enrol(token, NEWCOMER, now=100)


def test_a_token_is_known_whole_or_not_at_all(either: AnyRegistry) -> None:
    token = either.invite(Invite(expires_at=100), now=0)
    for wrong in ("", "rabta", token[:-1], token + "x", token.replace("rabta", "other"), token.partition("-")[2]):
        with pytest.raises(InvitationError, match="not known"):
            either.enrol(wrong, NEWCOMER, now=50)
    either.enrol(token, NEWCOMER, now=50)


def test_a_token_can_stand_on_a_command_line(registry: Registry) -> None:
    """Were it to begin with a dash, it would be taken for a flag."""
    tokens = [registry.invite(Invite(expires_at=100), now=0) for _ in range(50)]
    assert all(token.startswith("rabta-") and token.isascii() and not set(token) & set(" '\"$") for token in tokens)


def test_two_that_come_at_once_with_the_last_use_are_one_agent(tmp_path: Path) -> None:
    first = Registry(tmp_path / "state.sqlite")
    token = first.invite(Invite(uses=5, expires_at=100), now=0)
    refused: list[Exception] = []

    def join() -> None:
        own = Registry(tmp_path / "state.sqlite")
        try:
            own.enrol(token, NEWCOMER, now=50)
        except InvitationError as wrong:
            refused.append(wrong)
        own.close()

    threads = [threading.Thread(target=join) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (5, 3) == (len(first.agents()), len(refused))
    first.close()


def test_secrets_are_not_in_the_file(tmp_path: Path, registry: Registry) -> None:
    token = registry.invite(Invite(expires_at=100), now=0)
    _, secret = registry.enrol(token, NEWCOMER, now=50)
    registry.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert secret.encode() not in kept
    assert token.split("-", 2)[2].encode() not in kept  # a secret may end with a dash
    assert digest(secret) in kept


def test_of_who_is_forgotten_only_the_pseudonym_stays(either: AnyRegistry) -> None:
    newcomer = Newcomer(isp="ptcl", province="Sindh", version="0.1.0", export_key=b"k" * 32)
    agent, _ = either.enrol(either.invite(Invite(expires_at=100), now=0), newcomer, now=50)
    either.forget(agent.id, now=60)
    (kept,) = either.agents()
    assert (agent.id, "ptcl", 60.0) == (kept.id, kept.isp, kept.revoked_at)
    assert ("", 0.0, None, "", b"") == (kept.province, kept.enrolled_at, kept.last_seen, kept.version, kept.digest)
    assert b"" == either.export_key(agent.id)
    either.forget(agent.id, now=70)
    assert (kept,) == either.agents()


def test_what_is_forgotten_of_an_agent_does_not_come_back(either: AnyRegistry) -> None:
    """What was noted of it meanwhile comes late."""
    agent, other = enrolled(either), enrolled(either)
    either.saw([(agent, "0.1.0"), (other, "0.1.0")], now=51)
    either.heard({agent: 55, other: 55})
    either.forget(agent, now=60)
    either.heard({agent: 58, other: 65})
    either.saw([(agent, "0.1.0")], now=59)
    either.heard({other: 70})
    found = {one.id: one for one in either.agents()}
    assert (None, "", 70) == (found[agent].last_seen, found[agent].version, found[other].last_seen)


def test_revocation_is_for_ever(either: AnyRegistry) -> None:
    agent, _ = either.enrol(either.invite(Invite(expires_at=100), now=0), NEWCOMER, now=50)
    assert either.revoke(agent.id, now=60)
    assert either.revoke(agent.id, now=70)
    assert 60 == either.agents()[0].revoked_at
    assert not either.revoke("nobody", now=60)


def test_another_process_sees_and_is_seen(tmp_path: Path, registry: Registry) -> None:
    mark = registry.change_mark()
    registry.keep_fact("a", "own changes are no news")
    assert mark == registry.change_mark()
    other = Registry(tmp_path / "state.sqlite")
    other.keep_fact("a", "b")
    other.close()
    assert mark != registry.change_mark()
    assert "b" == registry.fact("a")
    assert registry.fact("c") is None


def test_who_was_seen_is_noted(either: AnyRegistry) -> None:
    agent, _ = either.enrol(either.invite(Invite(expires_at=100), now=0), NEWCOMER, now=50)
    either.saw([(agent.id, "0.2.0")], now=60)
    assert (60, "0.2.0") == (either.agents()[0].last_seen, either.agents()[0].version)


def test_when_agents_were_heard_is_noted_of_each(either: AnyRegistry) -> None:
    token = either.invite(Invite(uses=3, expires_at=100), now=0)
    first, _second, third = (either.enrol(token, NEWCOMER, now=at)[0] for at in (1, 2, 3))
    either.saw([(first.id, "0.2.0")], now=60)
    either.heard({first.id: 70, third.id: 80, "gone": 90})
    assert [70, None, 80] == [agent.last_seen for agent in either.agents()]
    either.heard({first.id: 65, third.id: 90})
    assert [70, None, 90] == [agent.last_seen for agent in either.agents()]
    assert "0.2.0" == either.agents()[0].version


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(UnusableRegistryError, match="file is not a database; restore it from a backup"):
        Registry(file)


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA application_id=1")
    connection.close()
    with pytest.raises(UnusableRegistryError, match="not a registry"):
        Registry(file)


FIRST_FORMAT = """
CREATE TABLE invites (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL, role TEXT NOT NULL, isp TEXT NOT NULL, uses_left INTEGER NOT NULL,
    made_at REAL NOT NULL, expires_at REAL NOT NULL
) STRICT;
CREATE TABLE agents (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL, role TEXT NOT NULL, isp TEXT NOT NULL, province TEXT NOT NULL,
    invite TEXT NOT NULL, enrolled_at REAL NOT NULL, revoked_at REAL, last_seen REAL, version TEXT NOT NULL
) STRICT;
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO facts VALUES ('plan_version', '7');
PRAGMA application_id=1380078129;
PRAGMA user_version=1;
"""


def test_a_file_of_the_first_format_is_taken_over(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as old:
        old.executescript(FIRST_FORMAT)
        old.execute(
            "INSERT INTO agents VALUES ('a', ?, 'probe', 'ptcl', 'Sindh', 'i', 5.0, NULL, 6.0, '0.1.0')",
            (digest("secret"),),
        )
        old.execute("INSERT INTO invites VALUES ('i', ?, 'probe', 'zong', 1, 0.0, 100.0)", (digest("invitation"),))
        old.commit()
    for _ in range(2):  # and then opened as what it is now
        registry = Registry(tmp_path / "state.sqlite")
        (agent,) = registry.agents()
        assert matches("secret", agent.digest)
        assert (5.0, 5.0, None, ()) == (agent.enrolled_at, agent.secret_at, agent.offered_at, agent.pending)
        assert "7" == registry.fact("plan_version")
        registry.close()
    registry = Registry(tmp_path / "state.sqlite")
    newcomer, _ = registry.enrol("rabta-i-invitation", NEWCOMER, now=50)
    assert ("zong", 50) == (newcomer.isp, newcomer.secret_at)
    registry.close()


def test_a_file_of_a_later_format_is_left_alone(tmp_path: Path) -> None:
    Registry(tmp_path / "state.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as newer:
        newer.execute("PRAGMA user_version=99")
    with pytest.raises(UnusableRegistryError, match="not a registry of this version"):
        Registry(tmp_path / "state.sqlite")


def enrolled(registry: AnyRegistry) -> str:
    return registry.enrol(registry.invite(Invite(expires_at=100), now=0), NEWCOMER, now=50)[0].id


def test_a_new_secret_waits_beside_the_old_one_until_it_is_used(either: AnyRegistry) -> None:
    id_ = enrolled(either)
    before = either.agents()[0]
    new = either.offer(id_, now=60)
    (offered,) = either.agents()
    assert (before.digest, (digest(new),), 60) == (offered.digest, offered.pending, offered.offered_at)
    either.promote(id_, digest(new), now=70)
    (rotated,) = either.agents()
    assert (digest(new), (), 70) == (rotated.digest, rotated.pending, rotated.secret_at)


def test_the_newest_offers_are_kept(either: AnyRegistry) -> None:
    id_ = enrolled(either)
    new = [digest(either.offer(id_, now=60)) for _ in range(MAX_PENDING + 2)]
    assert tuple(new[-MAX_PENDING:]) == either.agents()[0].pending


def test_only_what_was_offered_is_promoted(either: AnyRegistry) -> None:
    id_ = enrolled(either)
    before = either.agents()[0].digest
    either.offer(id_, now=60)
    either.promote(id_, digest("another"), now=70)
    assert before == either.agents()[0].digest
