"""A start on a journal whose beginning is nowhere: what was decided of that time stands, and so does since when."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from rabta_collector import journal_file
from rabta_collector.query import Query
from rabta_collector.record import seam
from rabta_collector.record.file import RecordFile
from rabta_collector.record.seam import WARM_S, goes_on_from
from rabta_collector.rfc3339 import parse_time
from rabta_collector.state import Event
from support import written
from support.factories import NOON, RESET, Story, tls_trouble, works
from support.feeds import ISPS, Feed
from support.unplugged import STAMP, Collector
from support.written import seal, write_entries

FEED = Feed(controls=2)
BLOCKED, FREE, LASTS, FIRST, WARM = NOON + 100, NOON + 1500, 1990.0, NOON + 600, 200.0
"""At PTCL blocked all along from one moment on, at Jazz until another; the journal begins in between."""

DAY_S = 86_400.0
OTHER = {**STAMP, "program": "another"}


@pytest.fixture(autouse=True)
def warm_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seam, "WARM_S", WARM)


def story_at(isp: str, moment: float) -> Story:
    walled = {"ptcl": moment >= BLOCKED, "jazz": BLOCKED <= moment < FREE}
    return tls_trouble(RESET) if walled.get(isp) else works()


def write(folder: Path) -> list[float]:
    """A journal; the times of its rows."""
    entries = FEED.presence(NOON - 1, True)
    for moment in range(int(NOON), int(NOON + LASTS), 20):
        entries += FEED.rounds(moment, moment + 20, {isp.id: story_at(isp.id, moment) for isp in ISPS})
    entries.sort(key=lambda entry: entry.at)
    write_entries(folder, entries)
    return [entry.at for entry in entries]


def give_up(folder: Path, rows: Sequence[float], until: float = FIRST) -> None:
    written.give_up(folder, sum(at < until for at in rows))


def keep_an_archives_record(folder: Path, events: Sequence[Event]) -> None:
    for path in folder.glob("record.sqlite*"):
        path.unlink()
    record = RecordFile(folder / "record.sqlite")
    for event in events:
        record.take(event, None, event.at)
    record.close()


async def start(folder: Path, stamp: dict[str, str] = STAMP) -> Collector:
    collector = await Collector(folder, stamp).start()
    collector.parts.desk.count(collector.projections.known.row, least=0)
    assert await collector.parts.desk.settled()
    return collector


def events(collector: Collector) -> list[Event]:
    """All that readers find, be they in memory or not."""
    older = collector.parts.desk.testimony.older(platform=None, isp=None, since=None)
    return [*older, *collector.engine.find_events(since=None, until=None, platform=None, isp=None)]


def shown(collector: Collector) -> dict[str, Any]:
    """What there is of it for readers."""
    snapshot = collector.engine.snapshot()
    return {
        "verdicts": {(one.platform, one.isp): (one.state, one.mechanism, one.since) for one in snapshot.verdicts},
        "isps": {one.isp: (one.state, one.since) for one in snapshot.isps},
        "events": events(collector),
        "counts": collector.parts.desk.find_counts(Query(by="hour")),
    }


async def test_what_was_decided_of_rows_that_are_gone_stands(tmp_path: Path) -> None:
    rows = write(tmp_path)
    before = shown(await start(tmp_path))
    assert BLOCKED < before["verdicts"]["x", "ptcl"][2] < FIRST
    assert before["counts"]
    give_up(tmp_path, rows)
    for stamp in (OTHER, STAMP):  # as after an upgrade, and another one
        with structlog.testing.capture_logs() as lines:
            again = await start(tmp_path, stamp)
        (told,) = [line for line in lines if line["event"] == "record.stands"]
        assert pytest.approx(FIRST + WARM, abs=20) == parse_time(told["until"])
        assert before == shown(again)


async def test_a_start_after_that_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    rows = write(tmp_path)
    before = shown(await start(tmp_path))
    give_up(tmp_path, rows)
    await (await start(tmp_path, OTHER)).projections.checkpoints.keep()
    with structlog.testing.capture_logs() as lines:
        again = await start(tmp_path, OTHER)
    assert ["checkpoint.taken_up"] == [line["event"] for line in lines if line["event"].startswith("checkpoint")]
    assert before == shown(again)


async def test_the_archives_record_will_do(tmp_path: Path) -> None:
    """It has what all shares decided, and has counted nothing."""
    rows = write(tmp_path)
    before = shown(await start(tmp_path))
    give_up(tmp_path, rows)
    keep_an_archives_record(tmp_path, before["events"])
    again = shown(await start(tmp_path, OTHER))
    assert before["counts"] != again.pop("counts")
    assert again == {name: what for name, what in before.items() if name != "counts"}


async def test_where_the_archive_has_what_is_gone_all_is_decided_anew(tmp_path: Path) -> None:
    rows = write(tmp_path)
    before = shown(await start(tmp_path))
    seal(tmp_path, NOON + 2 * DAY_S)
    give_up(tmp_path, rows)
    with closing(journal_file.connect(tmp_path / "record.sqlite")) as connection:
        connection.execute("DELETE FROM counts")
    with structlog.testing.capture_logs() as lines:
        again = await start(tmp_path, OTHER)
    assert not {"record.stands", "journal.gap"} & {line["event"] for line in lines}
    assert before == shown(again)


async def test_a_new_record_begins_with_the_rows_there_are(tmp_path: Path) -> None:
    rows = write(tmp_path)
    give_up(tmp_path, rows)
    found = shown(await start(tmp_path))
    assert FIRST <= found["verdicts"]["x", "ptcl"][2] < FIRST + 100
    assert ("inconclusive", "blocked") in {(one.from_state, one.to_state) for one in found["events"]}


async def test_what_has_changed_since_is_told_as_of_the_moment_from_which_it_is_known(tmp_path: Path) -> None:
    """Rules of another version, say: the record says of PTCL what rows that are gone said."""
    rows = write(tmp_path)
    before = await start(tmp_path)
    wrong = next(one for one in events(before) if one.isp == "ptcl" and one.to_state == "blocked")
    with closing(journal_file.connect(tmp_path / "record.sqlite")) as connection:
        connection.execute("UPDATE events SET to_state = 'down', mechanism = '' WHERE number = ?", (wrong.id,))
    give_up(tmp_path, rows)
    again = await start(tmp_path, OTHER)
    told = [one for one in events(again) if one.isp == "ptcl" and one.platform == "x"]
    assert [wrong.at, pytest.approx(FIRST + WARM, abs=20)] == [one.at for one in told][-2:]
    assert ("down", "blocked", "tls.reset.sni") == (told[-1].from_state, told[-1].to_state, told[-1].mechanism)
    (verdict,) = [one for one in again.engine.snapshot().verdicts if one.isp == "ptcl"]
    assert ("blocked", told[-1].at) == (verdict.state, verdict.since)


async def test_a_record_that_ended_before_the_first_row_leaves_a_gap(tmp_path: Path) -> None:
    """Nobody knows what was between: what the rows say is told as news."""
    rows, begins = write(tmp_path), NOON + 800
    with closing(journal_file.connect(tmp_path / "journal.sqlite")) as connection:
        read = [row for row, _ in journal_file.read_after(connection, 0, sum(at < BLOCKED + 100 for at in rows))]
    early = Collector(tmp_path).live(read, until=BLOCKED + 100)
    assert await early.parts.desk.settled()
    stood = events(early)
    give_up(tmp_path, rows, until=begins)
    found = events(await start(tmp_path))
    assert stood == found[: len(stood)]
    fresh = [one for one in found[len(stood) :] if one.isp == "ptcl" and one.platform]
    assert [("inconclusive", "blocked")] == [(one.from_state, one.to_state) for one in fresh]
    assert all(one.at >= begins for one in fresh)


@pytest.mark.parametrize(
    ("begins", "known_to", "since"),
    [
        (0.0, 5e8, 0.0),
        (5e8, 0.0, 0.0),
        (5e8, 4e8, 5e8),
        (5e8, 5e8 + 10.3, 5e8 + 10.0),
        (5e8, 5e8 + 2 * WARM_S, 5e8 + WARM_S),
    ],
)
def test_the_record_stands_as_far_as_it_knows_more(
    begins: float, known_to: float, since: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seam, "WARM_S", WARM_S)
    assert since == goes_on_from(begins, known_to)
