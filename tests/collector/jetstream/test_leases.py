"""Of several processes one has the lease, and another one gets it when that ends, with a word or without."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client

from rabta_collector.ending import end
from rabta_collector.jetstream import leases, link
from rabta_collector.jetstream.leases import Lease
from rabta_collector.jetstream.place import parse_place
from support.nats import Nats
from support.waiting import PATIENCE_S


@pytest.fixture(params=[1, 3])
async def nats(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nats]:
    async with Nats(tmp_path, nodes=request.param).running() as running:
        yield running


class Process:
    """One that wants the lease."""

    def __init__(self, nats: Nats) -> None:
        self.lease = Lease(parse_place(nats.url()), "one", changed=self._changed, may=lambda: self.may)
        self.has, self.may = False, True
        self.got, self.gave_up = asyncio.Event(), asyncio.Event()

    def _changed(self, has: bool) -> None:
        self.has = has
        (self.got if has else self.gave_up).set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Process"]:
        task = asyncio.create_task(self.lease.run())
        try:
            yield self
        finally:
            await end(task)


async def test_who_cannot_do_what_it_is_for_leaves_it_to_another_one(nats: Nats) -> None:
    first, second = Process(nats), Process(nats)
    async with asyncio.timeout(PATIENCE_S), first.running():
        await first.got.wait()
        async with second.running():
            first.may = False
            await first.gave_up.wait()
            await second.got.wait()
            assert [False, True] == [first.has, second.has]
    await first.lease.close()
    await second.lease.close()


async def test_of_many_that_want_it_one_has_it_and_who_gives_it_up_is_followed_at_once(
    nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting(monkeypatch)
    first, *others = (Process(nats) for _ in range(4))
    async with asyncio.timeout(PATIENCE_S):
        async with first.running():
            await first.got.wait()
            async with others[0].running(), others[1].running(), others[2].running():
                await asyncio.sleep(3 * leases.BEAT_S)
                assert [True, False, False, False] == [one.has for one in (first, *others)]
        await first.lease.close()
        assert not first.has
        async with others[0].running(), others[1].running(), others[2].running():
            waits = [asyncio.create_task(one.got.wait()) for one in others]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            assert 1 == sum(one.has for one in others)
    for one in others:
        await one.lease.close()


def lasting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that outlast a server that is slow for a moment."""
    monkeypatch.setattr(leases, "HELD_S", 10.0)
    monkeypatch.setattr(leases, "TAKEN_S", 14.0)


async def test_who_ends_without_a_word_is_followed_when_it_cannot_have_it_any_more(nats: Nats) -> None:
    loop = asyncio.get_running_loop()
    first, second = Process(nats), Process(nats)
    async with asyncio.timeout(PATIENCE_S):
        async with first.running():
            await first.got.wait()
        ended = loop.time()
        async with second.running():
            await second.got.wait()
    assert loop.time() - ended > leases.HELD_S - 2 * leases.BEAT_S
    await second.lease.close()
    await first.lease._wire.close()


async def test_who_cannot_reach_the_servers_gives_it_up_by_itself(tmp_path: Path) -> None:
    async with Nats(tmp_path).running() as nats, asyncio.timeout(PATIENCE_S):
        one = Process(nats)
        async with one.running():
            await one.got.wait()
            nats.nodes[0].stand_still()
            await one.gave_up.wait()
            nats.nodes[0].go_on()
            one.got.clear()
            await one.got.wait()
        await one.lease.close()


async def write(nats: Nats, name: str) -> None:
    """As another process beats that has another lease."""
    place = parse_place(nats.url())
    async with nats.client() as client:
        await link.publish(client, f"{place.stream}.lease.{name}", b'{"holder": "other"}', {})


async def holder(nats: Nats, name: str) -> str:
    place = parse_place(nats.url())
    async with nats.client() as client:
        found = await link.last_of(client, f"{place.stream}_LEASES", f"{place.stream}.lease.{name}")
    assert found is not None
    return str(json.loads(found[2])["holder"])


async def test_it_is_given_up_whatever_was_written_of_other_leases(nats: Nats) -> None:
    one = Process(nats)
    async with asyncio.timeout(PATIENCE_S):
        async with one.running():
            await one.got.wait()
        await write(nats, "another")
        assert await holder(nats, "one")
        await one.lease.close()
        assert not await holder(nats, "one")


async def test_who_has_it_keeps_it_while_others_write_of_theirs(nats: Nats, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between what it reads and what it writes, each time but one of five."""
    lasting(monkeypatch)
    last_of, looks = link.last_of, itertools.count(1)

    async def overtaken(client: Client, stream: str, subject: str) -> tuple[int, str, bytes] | None:
        found = await last_of(client, stream, subject)
        if next(looks) % 5:
            await write(nats, "another")
        return found

    monkeypatch.setattr(link, "last_of", overtaken)
    one = Process(nats)
    async with asyncio.timeout(PATIENCE_S), one.running():
        await one.got.wait()
        await asyncio.sleep(leases.HELD_S + leases.BEAT_S)  # for which it is to be kept: no wait
        assert one.has
        assert not one.gave_up.is_set()
    monkeypatch.undo()
    await one.lease.close()
