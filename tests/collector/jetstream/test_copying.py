"""A journal moves to a stream and back, and every row is what it was, under its own number."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector import journal_file
from rabta_collector.jetstream import link
from rabta_collector.jetstream.copying import COPYING, KEEPING, READING, to_file, to_stream
from rabta_collector.jetstream.holdings import read_holding
from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.jetstream.reading import StreamReader
from rabta_collector.journal_file import Kind, Row, UnusableJournalError
from rabta_collector.rows import Where, open_rows
from rabta_collector.sequences import Seen
from support.collector_server import batch
from support.journaling import Kept
from support.nats import Nats


@pytest.fixture(params=[1, 3])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with Nats(tmp_path, nodes=request.param).running() as nats:
        yield parse_place(nats.url())


def row(number: int) -> Row:
    payload = batch(number).SerializeToString()
    if number % 10 == 0:
        return Row(0, Kind.CONNECTED, number, "a", "ptcl", "probe")
    return Row(0, Kind.MEASURED, number, f"a{number % 3}", "ptcl", "probe", 7, number, number, 1, payload)


def write(path: Path, first: int, last: int) -> Path:
    journal_file.prepare(path)
    with closing(journal_file.connect(path)) as connection:
        journal_file.append(connection, first - 1, [row(number) for number in range(first, last + 1)])
    return path


def damage(path: Path, number: int) -> None:
    with closing(journal_file.connect(path)) as connection:
        connection.execute("UPDATE entries SET payload = x'00' WHERE id = ?", (number,))


def all_of(where: Where) -> list[tuple[Row, bool]]:
    with closing(open_rows(where)) as rows:
        found, after = [], 0
        while chunk := rows.read_after(after, 100):
            found += chunk
            after = chunk[-1][0].id
    return found


def nothing(what: str, done: int, last: int) -> None:
    assert what
    assert 0 < done <= last


async def test_every_row_comes_through_and_back_again(place: Place, tmp_path: Path) -> None:
    there, back = write(tmp_path / "journal.sqlite", 1, 450), tmp_path / "back.sqlite"
    damage(there, 77)
    assert 450 == await to_stream(there, tmp_path / "archive", place, nothing)
    assert all_of(there) == all_of(place)
    assert [77] == [one.id for one, sound in all_of(place) if not sound]
    assert 451 == to_file(place, back, tmp_path / "archive", nothing)
    *rows, (fence, _) = all_of(back)
    assert all_of(there) == rows
    assert Kind.FENCE == fence.kind


async def test_a_copy_goes_on_where_it_ended(place: Place, tmp_path: Path) -> None:
    there = write(tmp_path / "journal.sqlite", 1, 250)
    assert 250 == await to_stream(there, tmp_path / "archive", place, nothing)
    assert 0 == await to_stream(there, tmp_path / "archive", place, nothing)
    write(there, 251, 300)
    assert 50 == await to_stream(there, tmp_path / "archive", place, nothing)
    assert all_of(there) == all_of(place)


async def test_rows_that_the_file_gave_up_leave_their_numbers_and_their_marks(place: Place, tmp_path: Path) -> None:
    there = write(tmp_path / "journal.sqlite", 41, 60)
    await to_stream(there, tmp_path / "archive", place, nothing)
    assert all_of(there) == all_of(place)
    with closing(open_rows(place)) as rows:
        assert 41 == rows.first_position()[0]
        seen = Seen()
        for agent, packed in rows.marks():
            seen.unpack(agent, packed)
    assert seen.has("a1", 7, 43)
    with pytest.raises(UnusableJournalError, match="before 41 are neither here nor in the stream"):
        to_file(place, tmp_path / "elsewhere.sqlite", tmp_path / "none", nothing)


async def test_after_a_copy_no_row_has_to_be_read_for_what_an_agent_sent(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = write(tmp_path / "journal.sqlite", 1, 250)
    await to_stream(there, tmp_path / "archive", place, nothing)
    write(there, 251, 300)
    await to_stream(there, tmp_path / "archive", place, nothing)
    client, seen = await link.connect(place, name="test"), Seen()
    monkeypatch.delattr(StreamReader, "read_after")
    seen.unpack("a1", (await read_holding(client, place, "a1", "ptcl")).packed)
    await client.close()
    assert all(seen.has("a1", 7, number) for number in (1, 124, 247, 298))
    assert not seen.has("a1", 7, 3)


async def test_a_copy_says_how_far_it_is_with_all_it_does(place: Place, tmp_path: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = {}
    there = write(tmp_path / "journal.sqlite", 1, 450)
    await to_stream(there, tmp_path / "archive", place, lambda what, *done: told.setdefault(what, []).append(done))
    in_rows = [(200, 450), (400, 450), (450, 450)]
    assert {COPYING: in_rows, READING: in_rows, KEEPING: [(3, 3)]} == told


async def test_another_journal_is_not_written_over(place: Place, tmp_path: Path) -> None:
    await to_stream(write(tmp_path / "journal.sqlite", 1, 20), tmp_path / "archive", place, nothing)
    other = write(tmp_path / "other.sqlite", 1, 19)
    with pytest.raises(UnusableJournalError, match="holds another journal"):
        await to_stream(other, tmp_path / "archive", place, nothing)


async def test_a_copy_back_ends_whoever_writes(place: Place, tmp_path: Path) -> None:
    async with Kept(place).running() as kept:
        await kept.deliver(1, 2)
        to_file(place, tmp_path / "back.sqlite", tmp_path / "archive", nothing)
        with pytest.raises(Exception, match="another collector"):
            await kept.deliver(3)
    async with Kept(tmp_path / "back.sqlite").running() as again:
        assert [("a", 1), ("a", 2)] == again.measured()
        assert kept.entries == again.entries
