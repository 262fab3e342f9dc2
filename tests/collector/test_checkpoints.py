"""A start from a checkpoint ends where a start from the beginning ends; a checkpoint that does not fit is not used."""

import asyncio
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
import structlog.testing

from rabta_collector import checkpoints, journal_file
from rabta_collector.checkpoints import MUCH, is_due, read_up_to, rest_of
from rabta_collector.journal_file import Row
from support.factories import NOON, RESET, SILENCE, Story, bad_certificate, tcp_trouble, tls_trouble, works, works_light
from support.feeds import Feed
from support.unplugged import STAMP, Collector
from support.written import write_entries

FEED = Feed(controls=2)
STORIES: Sequence[Story] = (
    works(),
    works(),
    works_light(),
    tls_trouble(RESET),
    tcp_trouble(SILENCE),
    bad_certificate(),
)


@pytest.fixture(autouse=True)
def unhindered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that writes gives way to whoever else is busy, and beside other tests that is for long."""
    monkeypatch.setattr(os, "nice", lambda _: 0)


def written(folder: Path, lasts_s: float = 300.0, seed: int = 1) -> Sequence[Row]:
    """The journal of a country in which everything happens; its rows."""
    dice = Random(seed)
    told = FEED.tell(NOON, NOON + lasts_s, lambda _isp, _agent: dice.choice(STORIES))
    comings = [
        entry
        for turn in range(int(lasts_s / 100))
        for entry in FEED.presence(NOON + 100 * turn, turn % 2 == 0, only=dice.sample(["ptcl", "jazz", "abroad"], 2))
    ]
    entries = sorted([*told, *comings], key=lambda entry: entry.at)
    with closing(journal_file.connect(write_entries(folder, entries))) as connection:
        return [row for row, _ in journal_file.read_after(connection, 0, 10**6)]


async def test_a_start_from_a_checkpoint_ends_where_one_from_the_beginning_ends(tmp_path: Path) -> None:
    rows = written(tmp_path, lasts_s=500.0)
    dice, whole = Random(1), Collector(tmp_path).live(rows).state
    for cut in [1, *sorted(dice.sample(range(2, len(rows)), 3)), len(rows)]:
        folder = tmp_path / str(cut)
        folder.mkdir()
        shutil.copy(tmp_path / "journal.sqlite", folder / "journal.sqlite")
        await Collector(folder).live(rows[:cut], until=rows[cut - 1].at_us / 1_000_000).projections.checkpoints.keep()
        again = Collector(folder)
        assert again.projections.checkpoints.take_up() > 0
        assert whole == again.live(rows[cut:]).state


async def test_killed_and_started_again_it_knows_what_it_knew(tmp_path: Path) -> None:
    """With the sessions that nobody ended, the clock, and what is decided where nothing more is heard."""
    rows = written(tmp_path)
    shutil.copytree(tmp_path, tmp_path / "other")
    await Collector(tmp_path).live(rows[:50]).projections.checkpoints.keep()
    resumed, whole = await Collector(tmp_path).start(), await Collector(tmp_path / "other").start()
    assert whole.engine.snapshot() == resumed.engine.snapshot()
    assert whole.state == resumed.state
    assert whole.engine.snapshot().controls_connected == 0


async def test_no_checkpoint_is_written_over_events_that_the_disk_did_not_take(tmp_path: Path) -> None:
    """A start from it would not come to them again, and the record would lack them for ever."""
    rows = written(tmp_path)
    collector = Collector(tmp_path).live(rows[:50])
    connection = vars(collector.parts.desk)["_book"].file.connection
    connection.execute("PRAGMA query_only = ON")
    collector.live(rows[50:])
    await collector.projections.checkpoints.keep()
    assert not (tmp_path / "checkpoint").exists()
    connection.execute("PRAGMA query_only = OFF")
    await collector.projections.checkpoints.keep()
    assert (tmp_path / "checkpoint").exists()


async def test_only_the_rest_is_read(tmp_path: Path) -> None:
    rows = written(tmp_path)
    await Collector(tmp_path).live(rows[:50]).projections.checkpoints.keep()
    with structlog.testing.capture_logs() as lines:
        await Collector(tmp_path).start()
    (done,) = [line for line in lines if line["event"] == "replay.done"]
    assert len(rows) - 50 == done["rows"]


async def test_the_state_that_is_compared_has_something_of_everything(tmp_path: Path) -> None:
    rows = written(tmp_path)
    state = str(Collector(tmp_path).live(rows).state)
    for word in ("blocked", "tls.reset.sni", "104.244.42.1", "_ballots", "streak", "_looks", "_confirmed", "_sample"):
        assert word in state, word


@pytest.mark.parametrize(
    ("since_s", "measured", "took_s", "written", "due"),
    [
        (299.0, 0, 0.1, True, False),
        (300.0, 0, 0.1, True, True),
        (300.0, 0, 99.0, False, True),
        (10.0, MUCH - 1, 0.1, True, False),
        (10.0, MUCH, 0.1, True, True),
        (10.0, 10 * MUCH, 2.0, True, False),
        (20.0, 10 * MUCH, 2.0, True, True),
        (10.0, 10 * MUCH, 0.0, False, False),
        (30.0, 10 * MUCH, 0.0, False, True),
        (30.0, 10 * MUCH, 4.0, False, False),
    ],
)
def test_much_that_was_measured_is_not_read_again_unless_it_costs_too_much_to_write(
    since_s: float, measured: int, took_s: float, written: bool, due: bool
) -> None:
    rest_s = rest_of(took_s, written=written)
    assert due == is_due(since_s=since_s, measured=measured, rest_s=rest_s, pause_s=300.0)


async def test_one_that_cannot_be_written_is_not_tried_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though much waits for it, as after a start that read much."""
    monkeypatch.setattr(checkpoints, "MUCH", 10)
    monkeypatch.setattr(checkpoints, "LOOK_S", 0.01)
    rows, tries = written(tmp_path), 0
    collector = Collector(tmp_path).live(rows)

    async def unsettled() -> bool:
        nonlocal tries
        tries += 1
        return False

    collector.projections.checkpoints.settled = unsettled
    began, pause_s = time.perf_counter(), 0.5
    keeping = asyncio.create_task(collector.projections.checkpoints.keep_for_ever(pause_s))
    try:
        async with asyncio.timeout(60):
            while tries < 3:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        assert tries <= 2 + (time.perf_counter() - began) / pause_s
        assert 0 == collector.projections.checkpoints.kept
        collector.projections.checkpoints.settled = None
        async with asyncio.timeout(60):
            while not collector.projections.checkpoints.kept:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
    finally:
        keeping.cancel()


async def test_where_much_is_measured_a_checkpoint_is_written_before_the_pause_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "MUCH", 10)
    monkeypatch.setattr(checkpoints, "rest_of", lambda took_s, *, written: 0.0)  # however long writing took here
    rows = written(tmp_path)
    collector = Collector(tmp_path)
    keeping = asyncio.create_task(collector.projections.checkpoints.keep_for_ever(3600.0))
    try:
        for part in (rows[:20], rows[20:50]):
            collector.live(part)
            async with asyncio.timeout(60):
                while collector.projections.checkpoints.kept != part[-1].id:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.05)
    finally:
        keeping.cancel()


async def test_nothing_new_is_not_written_again(tmp_path: Path) -> None:
    rows = written(tmp_path)
    collector = Collector(tmp_path).live(rows[:10])
    await collector.projections.checkpoints.keep()
    (tmp_path / "checkpoint").unlink()
    await collector.projections.checkpoints.keep()
    assert not (tmp_path / "checkpoint").exists()


async def ignored(folder: Path, stamp: dict[str, str] = STAMP) -> str:
    """Why a checkpoint was not used, of a start that comes to what it should all the same."""
    with structlog.testing.capture_logs() as lines:
        collector = await Collector(folder, stamp).start()
    (folder / "checkpoint").unlink(missing_ok=True)
    again = await Collector(folder, stamp).start()
    assert again.engine.snapshot().tallies == collector.engine.snapshot().tallies
    return next((str(line["reason"]) for line in lines if line["event"] == "checkpoint.ignored"), "")


async def checkpointed(folder: Path) -> Path:
    rows = written(folder)
    await Collector(folder).live(rows[:50]).projections.checkpoints.keep()
    return folder / "checkpoint"


async def test_none_is_no_news(tmp_path: Path) -> None:
    written(tmp_path)
    assert "" == await ignored(tmp_path)


async def test_a_start_knows_beforehand_what_it_will_read(tmp_path: Path) -> None:
    path, journal = tmp_path / "checkpoint", tmp_path / "journal.sqlite"
    assert 0 == read_up_to(path, journal, STAMP)
    assert not journal.exists()
    await checkpointed(tmp_path)
    assert 50 == read_up_to(path, journal, STAMP)
    assert 0 == read_up_to(path, journal, {**STAMP, "program": "another"})
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert 0 == read_up_to(path, journal, STAMP)
    path.write_bytes(content)
    journal.write_bytes(b"no journal at all")
    assert 0 == read_up_to(path, journal, STAMP)


@pytest.mark.parametrize("key", ["program", "rules version", "catalogue", "isps", "settings", "AS database", "lab"])
async def test_one_that_hangs_on_other_things_is_not_used(tmp_path: Path, key: str) -> None:
    await checkpointed(tmp_path)
    assert f"made with another {key}" == await ignored(tmp_path, {**STAMP, key: "another"})


@pytest.mark.parametrize("at", [0, 3, 20, 60, -1])
async def test_a_damaged_one_is_not_used(tmp_path: Path, at: int) -> None:
    path = await checkpointed(tmp_path)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    assert "damaged, or of another version" == await ignored(tmp_path)


async def test_one_of_another_journal_is_not_used(tmp_path: Path) -> None:
    """The journal's tail was lost with the power, and what came since has taken the numbers of those rows."""
    await checkpointed(tmp_path)
    with closing(journal_file.connect(tmp_path / "journal.sqlite")) as connection:
        connection.execute("UPDATE entries SET at_us = at_us + 1, crc = crc + 1 WHERE id = 50")
    assert "not of this journal" == await ignored(tmp_path)


async def test_one_of_rows_that_the_journal_has_lost_is_not_used(tmp_path: Path) -> None:
    await checkpointed(tmp_path)
    with closing(journal_file.connect(tmp_path / "journal.sqlite")) as connection:
        connection.execute("DELETE FROM entries WHERE id >= 50")
    assert "not of this journal" == await ignored(tmp_path)


async def test_what_a_disk_refuses_is_a_line_in_the_log(tmp_path: Path) -> None:
    rows = written(tmp_path)
    collector = Collector(tmp_path).live(rows[:50])
    (tmp_path / "checkpoint.new").mkdir()
    with structlog.testing.capture_logs() as lines:
        await collector.projections.checkpoints.keep()
    assert ["checkpoint.not_written"] == [line["event"] for line in lines]
    assert {"written": 0, "failed": 1} == collector.stats.checkpoints
    (tmp_path / "checkpoint.new").rmdir()
    await collector.projections.checkpoints.keep()
    assert {"written": 1, "failed": 1} == collector.stats.checkpoints


async def test_a_clock_that_was_set_back_does_not_lead_behind_what_was_decided(tmp_path: Path) -> None:
    rows = written(tmp_path)
    late = NOON + 90_000
    await Collector(tmp_path).live(rows, until=late).projections.checkpoints.keep()
    again = await Collector(tmp_path).start()
    assert late <= again.journal.now()
