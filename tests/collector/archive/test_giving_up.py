"""What the journal gave up is known again from the archive; what is nowhere is told, and nothing is lost in silence."""

import asyncio
import shutil
from contextlib import closing
from pathlib import Path

import pytest
import structlog.testing

from lab.waiting import until
from rabta_collector import app, journal_file
from rabta_collector.archive import child, tending
from rabta_collector.archive.keeping import Keeping
from rabta_collector.config import Config, Endpoint
from rabta_collector.datadir import DataDir
from rabta_collector.entries import Entry
from rabta_collector.export.rows import JournalReader
from rabta_collector.journal_file import Row
from rabta_collector.replay import Known, replay
from support.factories import NOON
from support.feeds import Feed
from support.written import give_up, seal, write_entries

DAY_S = 86_400.0
OVER = NOON + 3 * DAY_S
FEED = Feed(agents={"ptcl": 2}, controls=1)


def measured(folder: Path, days: int = 3) -> int:
    """A journal of some days; how many rows it has."""
    noons = [NOON + number * DAY_S for number in range(days)]
    entries = [entry for noon in noons for entry in (*FEED.presence(noon, True), *FEED.rounds(noon, noon + 60))]
    write_entries(folder, entries)
    return len(entries)


async def known_of(folder: Path, known: Known | None = None) -> list[tuple[Entry, int]]:
    entries: list[tuple[Entry, int]] = []

    def take(entry: Entry, epoch: int) -> None:
        entries.append((entry, epoch))

    await replay(folder / "journal.sqlite", take, known or Known(), stop=lambda: False)
    return entries


async def test_a_replay_reads_what_the_journal_gave_up_from_the_archive(tmp_path: Path) -> None:
    rows = measured(tmp_path)
    seal(tmp_path, OVER)
    whole = await known_of(tmp_path)
    assert rows == len(whole)
    for last in (1, rows // 3, rows - 1):
        give_up(tmp_path, last)
        with closing(journal_file.connect(tmp_path / "journal.sqlite")) as connection:
            assert last + 1 == journal_file.first_position(connection)[0]
        known = Known()
        assert whole == await known_of(tmp_path, known)
        assert rows == known.row


async def test_the_newest_row_is_never_given_up(tmp_path: Path) -> None:
    """Its id is where the next one goes on."""
    rows = measured(tmp_path)
    give_up(tmp_path, rows + 5)
    with closing(journal_file.connect(tmp_path / "journal.sqlite")) as connection:
        assert rows == journal_file.first_position(connection)[0] == journal_file.last_position(connection)[0]


async def test_rows_that_are_nowhere_are_told(tmp_path: Path) -> None:
    rows = measured(tmp_path)
    seal(tmp_path, OVER)
    give_up(tmp_path, rows - 2)
    shutil.rmtree(tmp_path / "archive/measurements/day=2024-02-18")
    with structlog.testing.capture_logs() as lines:
        entries = await known_of(tmp_path)
    (gap,) = [line for line in lines if line["event"] == "journal.gap"]
    assert rows == len(entries) + gap["rows"]
    assert gap["rows"] > 5


async def test_a_start_from_a_checkpoint_asks_the_archive_for_nothing(tmp_path: Path) -> None:
    rows = measured(tmp_path)
    give_up(tmp_path, rows // 2)
    known = Known()
    known.row = rows - 3
    with structlog.testing.capture_logs() as lines:
        assert 3 == len(await known_of(tmp_path, known))
    assert [] == lines


def test_an_export_reads_what_the_journal_gave_up(tmp_path: Path) -> None:
    rows = measured(tmp_path)
    seal(tmp_path, OVER)
    reader = JournalReader(path=tmp_path / "journal.sqlite", archive=tmp_path / "archive")
    whole = list(reader.deliveries())
    give_up(tmp_path, rows // 2)
    assert whole == list(reader.deliveries())
    late = list(reader.deliveries(since=NOON + DAY_S))
    assert [one.at for one in whole if one.at >= NOON + DAY_S] == [one.at for one in late if one.at >= NOON + DAY_S]


def test_rows_are_found_by_time_where_damage_left_gaps(tmp_path: Path) -> None:
    measured(tmp_path)
    with closing(journal_file.connect(tmp_path / "journal.sqlite")) as connection:
        rows = [row for row, _ in journal_file.read_after(connection, 0, 1000)]
        connection.execute("DELETE FROM entries WHERE id % 3 = 0 OR id BETWEEN 8 AND 14")
        left = [row for row, _ in journal_file.read_after(connection, 0, 1000)]
        for row in rows:
            expected = next((one.id for one in left if one.at_us >= row.at_us), None)
            found = journal_file.row_at(connection, row.at_us)
            assert expected == next((one.id for one in left if one.id >= found), None)


def test_what_can_be_read_of_a_damaged_journal_keeps_its_numbers(tmp_path: Path) -> None:
    """The archive names rows by them."""
    rows = measured(tmp_path, days=30)
    give_up(tmp_path, 20)
    path = tmp_path / "journal.sqlite"
    with closing(journal_file.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = {row.id: row for row, _ in journal_file.read_after(connection, 0, 10_000)}
    content = bytearray(path.read_bytes())
    page = len(content) // 4096 * 2048 // 4096 * 4096
    content[page : page + 4096] = b"\xaa" * 4096
    path.write_bytes(content)
    salvage = journal_file.prepare(path)
    assert salvage is not None
    assert salvage.kept + salvage.lost == rows - 20
    with closing(journal_file.connect(path)) as connection:
        after: dict[int, Row] = {row.id: row for row, _ in journal_file.read_after(connection, 0, 10_000)}
    assert 0 < len(after) < len(before)
    assert after == {id_: before[id_] for id_ in after}


@pytest.mark.timeout(240)
async def test_a_collector_that_serves_seals_days_and_gives_up_what_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tending, "WAKE_S", 0.1)
    monkeypatch.setattr(child, "NICENESS", 0)
    rows, anywhere = measured(tmp_path), Endpoint(host="127.0.0.1", port=0)
    config = Config(data=tmp_path, grpc=anywhere, http=anywhere, checkpoint=0.1, archive=Keeping(journal_days=1))
    collector = app.Collector(config, DataDir(tmp_path))
    serving = asyncio.create_task(collector.serve())

    async def given_up() -> bool:
        assert not serving.done()
        with closing(journal_file.connect(tmp_path / "journal.sqlite")) as connection:
            return journal_file.first_position(connection)[0] > rows

    try:
        await until(given_up, within=200, beat=0.2)
        assert 3 == len(list((tmp_path / "archive/chain").glob("*.txt")))
    finally:
        collector.stop()
        await serving
    (tmp_path / "checkpoint").unlink()
    known = Known()
    await known_of(tmp_path, known)
    assert known.row > rows
