"""The registry for many processes: what one changes the others find, and no use of an invitation counts twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import nats
import pytest

from lab.system import free_port
from rabta_collector.chosen import open_journal
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.jetstream import link
from rabta_collector.jetstream.buckets import Bucket
from rabta_collector.jetstream.link import NoAnswerError
from rabta_collector.jetstream.moving import is_shared
from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.jetstream.registry import OLD_S, BucketRegistry
from rabta_collector.journal_file import UnusableJournalError
from rabta_collector.journals import Owner
from rabta_collector.registries import move_in, move_out, open_registry
from rabta_collector.registry import (
    InvitationError,
    Invite,
    Newcomer,
    Registry,
    UnreachableRegistryError,
    matches,
)
from rabta_collector.registry_file import UnusableRegistryError
from rabta_collector.state import IngestStats
from support.nats import Nats, Node
from support.waiting import PATIENCE_S

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


async def kept(place: Place) -> dict[str, bytes]:
    """All that stands in the bucket."""
    bucket = Bucket(place, "registry")
    await bucket.refresh()
    await bucket.close()
    return bucket.entries


async def test_who_is_forgotten_at_one_process_is_at_all_that_had_heard_of_it(place: Place) -> None:
    def forget() -> tuple[str, str]:
        token = one.invite(Invite(uses=2, expires_at=100), now=0)
        agent, stays = (one.enrol(token, NEWCOMER, now=1)[0].id for _ in range(2))
        for registry, at in ((other, 6.0), (one, 7.0)):
            registry.heard({agent: at, stays: at})
        one.forget(agent, now=8)
        assert {agent: None, stays: 7.0} == {agent.id: agent.last_seen for agent in other.agents()}
        for registry in (other, one, third):
            registry.heard({stays: 9.0})
        third.heard({stays: 9.0 + OLD_S * 2})  # which takes over what the others had heard
        return agent, stays

    one, other, third = (BucketRegistry(place) for _ in range(3))
    with closing(one), closing(other), closing(third):
        agent, stays = await asyncio.to_thread(forget)
        found = {agent.id: agent.last_seen for agent in third.agents()}
    assert {agent: None, stays: 9.0 + OLD_S * 2} == found
    seen = {key: value for key, value in (await kept(place)).items() if key.startswith("seen.")}
    assert 1 == len(seen)
    assert agent.encode() not in b"".join(seen.values())


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


def joined(data: DataDir, agents: int) -> set[str]:
    with closing(Registry(data.state)) as own:
        token = own.invite(Invite(uses=agents, expires_at=100), now=0)
        return {own.enrol(token, NEWCOMER, now=1)[0].id for _ in range(agents)}


def break_off(monkeypatch: pytest.MonkeyPatch, after: int) -> list[str]:
    """From so many agents on nothing that is put has an answer; the keys of those that had."""
    put, keys = Bucket.put, list[str]()

    async def puts(bucket: Bucket, key: str, value: bytes) -> None:
        if sum(one.startswith("agent.") for one in keys) >= after:
            raise NoAnswerError("no answer from JetStream")
        await put(bucket, key, value)
        keys.append(key)

    monkeypatch.setattr(Bucket, "put", puts)
    monkeypatch.setattr(link, "START_S", 0.0)
    return keys


def test_what_was_brought_in_part_is_no_registry_and_is_brought_again(place: Place, tmp_path: Path) -> None:
    data, other = DataDir(tmp_path / "data"), DataDir(tmp_path / "other")
    agents = joined(data, 3)
    joined(other, 2)
    with pytest.MonkeyPatch.context() as patched:
        keys = break_off(patched, after=1)
        with pytest.raises(UnreachableRegistryError):
            move_in(place, data)
    assert "agent" in keys[-1]
    assert not is_shared(place)
    for attempt in (
        lambda: open_registry(Config(data=data.path, journal=str(place))).close(),
        lambda: move_out(place, other),
    ):
        with pytest.raises(UnreachableRegistryError, match="not whole"):
            attempt()
    with ThreadPoolExecutor(2) as threads:
        waits = threads.submit(move_in, place, other)
        with pytest.raises(TimeoutError):
            waits.result(0.5)  # in which one that waits for nothing would be over
        with closing(move_in(place, data)) as again, closing(waits.result(PATIENCE_S)) as waited:
            assert agents == {agent.id for agent in again.agents()} == {agent.id for agent in waited.agents()}
    assert is_shared(place)
    assert 3 == move_out(place, other)


def test_of_two_that_bring_theirs_at_once_one_does(place: Place, tmp_path: Path) -> None:
    sources = [DataDir(tmp_path / name) for name in ("one", "two", "three", "four")]
    theirs = [joined(data, 5) for data in sources]
    with ThreadPoolExecutor(len(sources)) as threads:
        found = list(threads.map(lambda data: move_in(place, data), sources))
    known = [{agent.id for agent in registry.agents()} for registry in found]
    assert known[0] in theirs
    assert [known[0]] * len(sources) == known
    for registry in found:
        registry.close()


def test_a_registry_of_before_such_moves_were_noted_is_whole(place: Place, tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    joined(data, 2)
    with closing(BucketRegistry(place)) as older:
        agent, _ = older.enrol(older.invite(Invite(expires_at=100), now=0), NEWCOMER, now=1)
    assert is_shared(place)
    with closing(move_in(place, data)) as registry:
        assert [agent.id] == [one.id for one in registry.agents()]


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


def test_where_agents_have_sent_rows_nobody_begins_without_a_registry_that_knows_them(
    place: Place, tmp_path: Path
) -> None:
    with pytest.raises(UnusableRegistryError, match=r"state\.sqlite: the journal has rows, and no registry knows"):
        move_in(place, DataDir(tmp_path / "second"), rows=True)
    assert not is_shared(place)
    first = DataDir(tmp_path / "first")
    with closing(Registry(first.state)) as own:
        agent, _ = own.enrol(own.invite(Invite(uses=1, expires_at=100), now=0), NEWCOMER, now=1)
    with closing(move_in(place, first, rows=True)) as brought:
        assert [agent.id] == [one.id for one in brought.agents()]
    with closing(move_in(place, DataDir(tmp_path / "second"), rows=True)) as found:
        assert [agent.id] == [one.id for one in found.agents()]


def test_where_nobody_answers_it_is_one_line() -> None:
    with pytest.raises(UnreachableRegistryError, match="the registry on NATS"):
        is_shared(parse_place("nats://127.0.0.1:9/rabta"))


async def test_a_cluster_that_is_not_ready_yet_is_asked_again(tmp_path: Path) -> None:
    """A node that has come back takes connections before it takes part: the first question is in vain."""
    node = Node(tmp_path, "alone", free_port(), "# without JetStream")
    node.start()
    try:
        place, asked = parse_place(f"nats://127.0.0.1:{node.port}/rabta"), []
        client = await nats.connect(f"nats://127.0.0.1:{node.port}", reconnect_time_wait=0.1)

        async def answer(message: Any) -> None:
            asked.append(message)
            if len(asked) > 1:
                await message.respond(json.dumps({"error": {"err_code": 10059, "description": "no stream"}}).encode())

        await client.subscribe(f"$JS.API.STREAM.INFO.KV_{place.bucket('registry')}", cb=answer)
        assert not await asyncio.to_thread(is_shared, place)
        assert len(asked) >= 2
        await client.close()
    finally:
        node.kill()


def test_serve_leaves_a_stream_alone_that_is_served_in_parts(place: Place, tmp_path: Path) -> None:
    with closing(BucketRegistry(place)) as registry:
        registry.keep_fact("plan_version", "7")
    with pytest.raises(UnusableJournalError, match="serve this stream"):
        open_journal(
            Config(data=tmp_path, journal=str(place)),
            DataDir(tmp_path),
            stamp={},
            stats=IngestStats(),
            owner=Owner(committed=lambda entry, epoch: None),
        )
