"""While NATS is away, what waits to be said of who came and went is bounded, and right once it is back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector.jetstream import chain
from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.jetstream.rows import StreamRows
from rabta_collector.jetstream.shared import SharedJournal
from rabta_collector.journal import JournalError, Member
from rabta_collector.journals import AnyJournal, Owner
from rabta_collector.replay import Known, replay
from rabta_collector.state import IngestStats
from rabta_proto.vocabulary import Role
from support.journaling import Kept, batch
from support.nats import Nats
from support.waiting import PATIENCE_S, until

SESSIONS = 100
GONE, FLEETING, STAYS, NEW = (Member(agent=name, isp="ptcl", role=Role.PROBE) for name in ("g", "f", "s", "n"))


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[Nats]:
    async with Nats(tmp_path).running() as running:
        yield running


@pytest.fixture
async def shared(nats: Nats) -> AsyncIterator[SharedJournal]:
    place = parse_place(nats.url())
    with closing(StreamRows(place, make=True)):
        pass
    journal = SharedJournal(place, stats=IngestStats(), owner=Owner(committed=lambda _, __: None), patience_s=0.3)
    journal.start()
    await journal.follow(0, lambda: False)
    yield journal
    await journal.close()


async def present(place: Place) -> set[str]:
    """Agents that whoever reads the stream takes for connected."""
    known = Known()
    await replay(place, lambda _, __: None, known, stop=lambda: False)
    return set(known.present)


async def come_and_go(journal: AnyJournal) -> None:
    """What agents do while NATS is away, time and again."""
    journal.append_presence(GONE, connected=False)
    for _ in range(SESSIONS):
        for member in (FLEETING, STAYS, NEW):
            journal.append_presence(member, connected=False)
            journal.append_presence(member, connected=True)
        await asyncio.sleep(0)
    journal.append_presence(FLEETING, connected=False)
    journal.append_presence(NEW, connected=False, left=True)


async def test_of_many_writers_each_keeps_little_and_says_in_the_end_who_is_there(
    nats: Nats, shared: SharedJournal
) -> None:
    (node,), tasks = nats.nodes, len(asyncio.all_tasks())
    for member in (GONE, FLEETING, STAYS):
        await shared.append_presence(member, connected=True)
    node.kill()
    lost = shared.append_presence(STAYS, connected=False)  # it is tried, and is never given up
    await until(lambda: shared.trouble)
    await until(lambda: len(asyncio.all_tasks()) <= tasks + 2)  # nobody asks for a word by itself
    await come_and_go(shared)
    with pytest.raises(JournalError):
        shared.append_batch(STAYS, batch(1))
    assert len(asyncio.all_tasks()) <= tasks + 2
    assert len(shared._presences.waiting) <= 5
    shared._patience_s = PATIENCE_S
    node.start()
    await until(lambda: not shared._presences.waiting)
    await lost
    assert {STAYS.agent} == await present(parse_place(nats.url()))
    await until(lambda: not shared.trouble)
    await shared.recall(STAYS)
    await shared.append_batch(STAYS, batch(1))


async def test_the_one_writer_keeps_little_and_says_in_the_end_who_is_there(
    nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    (node,), where = nats.nodes, parse_place(nats.url())
    async with Kept(where).running() as kept:
        for member in (GONE, FLEETING, STAYS):
            await kept.journal.append_presence(member, connected=True)
        monkeypatch.setattr(chain.link, "ANSWER_S", 0.3)
        kept.journal._chain._patience_s = 0.5  # type: ignore[attr-defined] # ten seconds otherwise
        node.kill()
        lost = kept.journal.append_presence(STAYS, connected=False)
        await until(lambda: kept.journal._chain._since)  # type: ignore[attr-defined] # nothing is sent any more
        await come_and_go(kept.journal)
        await until(lambda: kept.journal.trouble)
        await come_and_go(kept.journal)
        assert len(kept.journal._chain.pending) <= 5  # type: ignore[attr-defined]
        monkeypatch.undo()
        node.start()
        await until(lambda: not kept.journal._chain.pending)  # type: ignore[attr-defined]
        await lost
        assert {STAYS.agent} == set(kept.known.present)
        assert kept.known.row == kept.journal.rows
    assert {STAYS.agent} == await present(where)
