"""What was known is known again."""

from pathlib import Path

import pytest

from rabta_collector import journal_file
from rabta_collector import replay as replaying
from rabta_collector.entries import Entry, Fence, Presence
from rabta_collector.journal import Member
from rabta_collector.journal_file import Kind, Row
from rabta_collector.replay import CHUNK, Known, Progress, replay
from rabta_proto.vocabulary import Role
from support.collector_server import Server, batch

FIRST, SECOND = Member(agent="a", isp="ptcl", role=Role.PROBE), Member(agent="b", isp="", role=Role.CONTROL)


async def written(tmp_path: Path) -> Server:
    """A journal with two agents, the second of which has not ended its session."""
    async with Server(tmp_path).running() as server:
        server.journal.append_presence(FIRST, connected=True)
        server.journal.append_presence(SECOND, connected=True)
        await server.ingest.take(FIRST, batch(1, 2).SerializeToString())
        await server.ingest.take(SECOND, batch(1).SerializeToString())
        await server.journal.append_presence(FIRST, connected=False)
    return server


async def test_a_replay_gives_the_same_entries_in_the_same_order(tmp_path: Path) -> None:
    server = await written(tmp_path)
    again: list[Entry] = []
    found = Known()
    await replay(tmp_path / "journal.sqlite", lambda entry, _: again.append(entry), found, stop=lambda: False)
    assert server.entries == again
    assert (5, 3, {"b": SECOND}, []) == (found.row, found.measurements, found.present, found.unreadable)


async def test_a_replay_remembers_what_is_on_disk(tmp_path: Path) -> None:
    await written(tmp_path)
    again = Server(tmp_path)
    await replay(tmp_path / "journal.sqlite", again.ingest.remember, Known(), stop=lambda: False)
    assert again.ingest.seen.has("a", 7, 2)
    assert not again.ingest.seen.has("b", 7, 2)
    async with again.running():
        assert "2" == str((await again.ingest.take(FIRST, batch(1, 2).SerializeToString())).ranges[0].outcome)


async def test_a_damaged_row_is_left_out_and_named(tmp_path: Path) -> None:
    server = await written(tmp_path)
    connection = journal_file.connect(tmp_path / "journal.sqlite")
    connection.execute("UPDATE entries SET payload = x'00' WHERE id = 3")
    connection.close()
    again: list[Entry] = []
    found = Known()
    await replay(tmp_path / "journal.sqlite", lambda entry, _: again.append(entry), found, stop=lambda: False)
    assert [3] == found.unreadable
    assert [*server.entries[:2], *server.entries[3:]] == again


async def test_a_replay_stops_when_told(tmp_path: Path) -> None:
    await written(tmp_path)
    found = Known()
    await replay(tmp_path / "journal.sqlite", lambda *_: None, found, stop=lambda: True)
    assert 0 == found.row


async def test_a_replay_goes_on_from_the_row_that_is_known(tmp_path: Path) -> None:
    server = await written(tmp_path)
    again: list[Entry] = []
    found = Known()
    for entry in server.entries[:3]:
        found.note(entry)
    await replay(tmp_path / "journal.sqlite", lambda entry, _: again.append(entry), found, stop=lambda: False)
    assert server.entries[3:] == again
    assert (5, 3, {"b": SECOND}) == (found.row, found.measurements, found.present)


def test_progress_says_how_far_and_how_long_yet() -> None:
    now = [100.0]
    progress = Progress(1000, 5000, clock=lambda: now[0])
    assert "1000 of 5000 entries" == str(progress)
    now[0] += 10.0
    progress.come_to(2000)
    assert "2000 of 5000 entries, about 30 s left" == str(progress)


def here(agent: str, at: float, session: int, *, connected: bool = True) -> Presence:
    return Presence(
        at=at, agent=agent, isp="ptcl", role=Role.PROBE, connected=connected, session=session, process=session % 10
    )


def test_where_many_write_no_entry_is_of_a_time_before_the_last_one() -> None:
    known = Known()
    assert [100.0, 100.0, 101.0] == [
        noted.at for at in (100.0, 99.0, 101.0) if (noted := known.note(here("a", at, 11))) is not None
    ]


def test_the_end_of_a_session_that_another_one_replaced_is_not_heard() -> None:
    known = Known()
    known.note(here("a", 100.0, 11))
    known.note(here("a", 101.0, 22))
    assert Fence(at=102.0) == known.note(here("a", 102.0, 11, connected=False))
    assert ["a"] == [*known.present]
    assert isinstance(known.note(here("a", 103.0, 22, connected=False)), Presence)
    assert not known.present
    assert Fence(at=104.0) == known.note(here("a", 104.0, 11))  # it began before, and is told late


def test_where_one_process_holds_all_sessions_each_is_heard() -> None:
    known = Known()
    known.note(here("a", 100.0, 11))
    assert isinstance(known.note(here("a", 101.0, 0, connected=False)), Presence)
    assert not known.present


class Restless:
    """A journal to which a row is added each time that it was read."""

    def __init__(self, count: int) -> None:
        self.count = count

    def read_after(self, id_: int, limit: int) -> list[tuple[Row, bool]]:
        found = range(id_ + 1, min(id_ + limit, self.count) + 1)
        self.count += 1
        return [(Row(number, Kind.FENCE, number * 1_000_000, "", "", ""), True) for number in found]

    def first_position(self) -> tuple[int, int]:
        return 1, 1_000_000

    def last_position(self) -> tuple[int, int]:
        return self.count, self.count * 1_000_000

    def close(self) -> None:
        pass


async def test_a_replay_ends_though_rows_come_as_fast_as_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, known, asked = Restless(3 * CHUNK), Known(), 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 100

    monkeypatch.setattr(replaying, "open_rows", lambda _: rows)
    await replay(Path("nowhere"), lambda *_: None, known, stop=stop)
    assert asked < 10
    assert rows.count - known.row < CHUNK
    assert known.row >= 3 * CHUNK
