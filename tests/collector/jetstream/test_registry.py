"""The registry for many processes: what one changes the others find, and no use of an invitation counts twice."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector.chosen import open_journal
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.jetstream.registry import BucketRegistry, is_shared
from rabta_collector.journal_file import UnusableJournalError
from rabta_collector.journals import Owner
from rabta_collector.registries import move_in, move_out
from rabta_collector.registry import InvitationError, Invite, Newcomer, Registry, UnreachableRegistryError, matches
from rabta_collector.state import IngestStats
from support.nats import Nats

NEWCOMER = Newcomer(isp="zong", province="Sindh", version="0.1.0", export_key=b"k" * 32)


@pytest.fixture(params=[1, 3])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with Nats(tmp_path, nodes=request.param).running() as nats:
        yield parse_place(nats.url())


def test_of_many_that_come_at_once_an_invitation_takes_as_many_as_it_says(place: Place) -> None:
    registries = [BucketRegistry(place) for _ in range(6)]
    token = registries[0].invite(Invite(uses=2, expires_at=100), now=0)

    def enrol(registry: BucketRegistry) -> str:
        try:
            return registry.enrol(token, NEWCOMER, now=1)[0].id
        except InvitationError as wrong:
            return str(wrong)

    with ThreadPoolExecutor(len(registries)) as threads:
        said = list(threads.map(enrol, registries))
    assert 4 == said.count("the invitation is used up")
    joined = {agent.id for agent in registries[-1].agents()}
    assert joined == set(said) - {"the invitation is used up"}
    for registry in registries:
        registry.close()


def test_what_one_process_changes_another_one_finds(place: Place) -> None:
    with closing(BucketRegistry(place)) as one, closing(BucketRegistry(place)) as other:
        token = one.invite(Invite(expires_at=100), now=0)
        mark = other.change_mark()
        agent, secret = other.enrol(token, NEWCOMER, now=1)
        assert other.change_mark() > mark
        one.heard({agent.id: 7.0})
        other.heard({agent.id: 9.0})
        assert other.revoke(agent.id, now=10)
        (found,) = one.agents()
        assert (9.0, 10) == (found.last_seen, found.revoked_at)
        assert matches(secret, found.digest)
        assert NEWCOMER.export_key == one.export_key(agent.id)


def test_what_was_asked_is_remembered_for_its_time(place: Place) -> None:
    with closing(BucketRegistry(place)) as registry:
        assert {("x", "a"), ("x", "b")} == registry.keep_asked([("x", "a"), ("x", "b")], now=0, kept_s=10)
        assert {("x", "a"), ("x", "b")} == registry.keep_asked([("x", "b")], now=5, kept_s=10)
        assert {("x", "b")} == registry.keep_asked([("x", "b")], now=16, kept_s=10)


def test_the_first_process_brings_what_its_data_directory_knows(place: Place, tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    with closing(Registry(data.state)) as own:
        token = own.invite(Invite(uses=2, expires_at=100), now=0)
        agent, _ = own.enrol(token, NEWCOMER, now=1)
        own.keep_fact("plan_version", "7")
        own.keep_asked([("x", "a")], now=1, kept_s=10)
    assert not is_shared(place)
    with closing(move_in(place, data)) as moved:
        (found,) = moved.agents()
        assert agent == found
        assert ("7", NEWCOMER.export_key) == (moved.fact("plan_version"), moved.export_key(agent.id))
        assert {("x", "a")} == moved.asked()
        moved.enrol(token, NEWCOMER, now=2)
        with pytest.raises(InvitationError, match="used up"):
            moved.enrol(token, NEWCOMER, now=2)
        moved.revoke(agent.id, now=3)
    with closing(move_in(place, data)) as again:
        assert 2 == len(again.agents())
        assert [3] == [one.revoked_at for one in again.agents() if one.id == agent.id]


def test_what_is_known_can_be_taken_back_into_a_file(place: Place, tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    assert 0 == move_out(place, data)
    with closing(BucketRegistry(place)) as registry:
        token = registry.invite(Invite(uses=2, expires_at=100), now=0)
        agent, _ = registry.enrol(token, NEWCOMER, now=1)
        registry.offer(agent.id, now=2)
        registry.heard({agent.id: 7.0})
        registry.keep_fact("plan_version", "7")
        registry.keep_asked([("x", "a")], now=1, kept_s=10)
        known = registry.agents()
    assert 1 == move_out(place, data)
    with closing(Registry(data.state)) as own:
        assert known == own.agents()
        assert ("7", NEWCOMER.export_key, {("x", "a")}) == (
            own.fact("plan_version"),
            own.export_key(agent.id),
            own.asked(),
        )
        own.enrol(token, NEWCOMER, now=2)
        with pytest.raises(InvitationError, match="used up"):
            own.enrol(token, NEWCOMER, now=2)


def test_where_nobody_answers_it_is_one_line() -> None:
    with pytest.raises(UnreachableRegistryError, match="the registry on NATS"):
        is_shared(parse_place("nats://127.0.0.1:9/rabta"))


def test_serve_leaves_a_stream_alone_that_is_served_in_parts(place: Place, tmp_path: Path) -> None:
    with closing(BucketRegistry(place)), pytest.raises(UnusableJournalError, match="serve this stream"):
        open_journal(
            Config(data=tmp_path, journal=str(place)),
            DataDir(tmp_path),
            stamp={},
            stats=IngestStats(),
            owner=Owner(committed=lambda entry, epoch: None),
        )
