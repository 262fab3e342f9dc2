"""What was decided is written down once, in a chain, and is kept whatever a later replay says."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from rabta_collector.backfill import KEPT_S, to_spans
from rabta_collector.datadir import DataDir
from rabta_collector.history.fold import HOUR_S as HOUR
from rabta_collector.history.reading import read_past
from rabta_collector.query import BadParameterError, Cursor, Query
from rabta_collector.record.book import Book
from rabta_collector.record.desk import Desk
from rabta_collector.record.file import RecordFile, UnusableRecordError
from rabta_collector.record.lines import NOTHING_BEFORE
from rabta_collector.record.reading import reading
from rabta_collector.seals import NO_SEALS, Checkpoint
from rabta_collector.state import Event, Witness
from rabta_proto.vocabulary import Mechanism
from support.country import NOW, make_event, make_events
from support.factories import NOON, RESET, tls_trouble
from support.feeds import SETTINGS, Feed, make_engine, measured, play

EVENTS = make_events()
NEW = make_event(12, -10, ("x", "optix"), ("reachable", "blocked", Mechanism.TLS_RESET_SNI))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[RecordFile]:
    with closing(RecordFile(tmp_path / "record.sqlite")) as file:
        yield file


def write(file: RecordFile, *events: Event) -> None:
    for event in events:
        if not file.stands(event):
            with file.transaction():
                file.append(event, {"of": event.id}, NOW)


def test_each_line_names_the_digest_of_the_one_before(file: RecordFile) -> None:
    write(file, *EVENTS)
    lines = list(file.lines(NOW - 1, NOW + 1))
    assert list(range(1, 12)) == [line.id for line in lines]
    digests = [sha256(line.text).hexdigest() for line in lines]
    assert digests == [line.digest for line in lines]
    assert [NOTHING_BEFORE, *digests[:-1]] == [json.loads(line.text)["previous"] for line in lines]


def test_events_are_read_back_as_they_were(file: RecordFile) -> None:
    told = replace(EVENTS[1], witness=(Witness(rule="tls.reset.sni.isolated", count=41),))
    write(file, told, *EVENTS[2:])
    assert (told, *EVENTS[2:]) == file.before(100, platform=None, isp=None)
    assert (told,) == file.before(3, platform=None, isp=None)
    assert {"zong"} == {event.isp for event in file.before(100, platform="x", isp="zong")}


def test_a_window_has_what_stood_before_it_in_each_cell_and_nothing_older(file: RecordFile) -> None:
    cells = (("x", "ptcl"), ("x", "zong"), ("tor", "zong"))
    events = [make_event(n, -n, cells[n % 3], ("reachable", "blocked", None)) for n in range(1, 31)]
    write(file, *events)
    assert tuple(events[16:29]) == file.before(30, platform=None, isp=None, since=events[19].at)
    assert (events[18], *events[21:28:3]) == file.before(30, platform="x", isp="zong", since=events[19].at)
    assert tuple(events[6:9]) == file.before(10, platform=None, isp=None, since=events[19].at), "the rest is in memory"


def test_a_window_takes_as_long_whatever_came_before_it(file: RecordFile) -> None:
    def steps(first: int, last: int) -> int:
        """Of SQLite's machine."""
        change = ("reachable", "blocked", None)
        write(file, *(make_event(n, -n, ("x", f"isp{n % 7}"), change) for n in range(first, last)))
        counted: list[None] = []
        file.connection.set_progress_handler(lambda: counted.append(None), 1)
        file.before(last - 1, platform=None, isp=None, since=NOW + last - 20)
        file.connection.set_progress_handler(None, 0)
        return len(counted)

    few = steps(1, 100)
    assert steps(100, 2000) < 1.2 * few


def test_what_a_replay_comes_to_again_is_not_written_again(tmp_path: Path) -> None:
    for _ in range(2):
        with closing(RecordFile(tmp_path / "record.sqlite")) as file:
            file.begin_anew(0.0)
            write(file, *EVENTS)
            assert 11 == len(list(file.lines(0, NOW + 1)))
            assert EVENTS == file.before(100, platform=None, isp=None)


def test_what_other_rules_come_to_stands_beside_what_was_said_and_is_marked_as_revised(tmp_path: Path) -> None:
    with closing(RecordFile(tmp_path / "record.sqlite")) as file:
        write(file, *EVENTS)
    other = replace(EVENTS[1], to_state="disrupted", mechanism=None)
    with closing(RecordFile(tmp_path / "record.sqlite")) as file:
        file.begin_anew(0.0)
        write(file, EVENTS[0], other, NEW)
        assert (EVENTS[0], replace(other, revised=True), NEW) == file.before(100, platform=None, isp=None)
        assert 13 == len(list(file.lines(0, NOW + 1)))
        assert {"of": 2} == file.evidence_of(2)
        assert None is file.evidence_of(3)


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "record.sqlite").write_bytes(b"not a database, and long enough to look like one" * 50)
    with pytest.raises(UnusableRecordError, match=r"record\.sqlite"):
        RecordFile(tmp_path / "record.sqlite")


async def test_what_the_disk_refuses_waits_and_is_written_in_its_order(file: RecordFile) -> None:
    book = Book(file, lambda agent: "", clock=lambda: NOW)
    file.connection.execute("PRAGMA query_only = ON")
    book.write((event, None) for event in EVENTS[:3])
    assert not await book.settled()
    file.connection.execute("PRAGMA query_only = OFF")
    book.write([(EVENTS[3], None)])
    assert await book.settled()
    assert EVENTS[:4] == await book.call(lambda file: file.before(100, platform=None, isp=None))
    assert None is await book.evidence_of(2)


async def test_many_events_that_wait_are_written_in_few_commits(file: RecordFile) -> None:
    events = [replace(EVENTS[0], id=number, at=NOW + number) for number in range(1, 501)]
    statements: list[str] = []
    file.connection.set_trace_callback(statements.append)
    book = Book(file, lambda agent: "", clock=lambda: NOW)
    book.write((event, None) for event in events)
    assert await book.settled()
    assert tuple(events) == await book.call(lambda file: file.before(1000, platform=None, isp=None))
    assert statements.count("COMMIT") <= 3


async def test_events_that_are_no_longer_in_memory_are_read_from_the_record(tmp_path: Path) -> None:
    feed, engine = Feed(agents={"ptcl": 3, "jazz": 3}), make_engine(settings=replace(SETTINGS, events_kept=2))
    desk = Desk(DataDir(tmp_path), engine, lambda agent: "", tmp_path / "archive")
    told = play(engine, [*feed.presence(NOON, True), *feed.rounds(NOON, NOON + 300)], until=NOON + 300)
    desk.hear(told, live=False)
    assert await desk.settled()
    kept = engine.find_events(since=None, until=None, platform=None, isp=None)
    older = desk.testimony.older(platform=None, isp=None, since=None)
    assert 2 == len(kept) < len(told)
    assert [event.id for event in told] == [event.id for event in (*older, *kept)]
    assert {"ptcl"} == {event.isp for event in desk.testimony.older(platform=None, isp="ptcl", since=None)}
    assert [told[0], told[-1], None] == [await desk.testimony.event(one) for one in (told[0].id, told[-1].id, 10**6)]
    await desk.close()


async def test_evidence_that_was_written_down_exactly_is_told_by_the_minute(tmp_path: Path) -> None:
    desk = Desk(DataDir(tmp_path), make_engine(), lambda agent: "", tmp_path / "archive")
    with closing(RecordFile(tmp_path / "record.sqlite")) as other, other.transaction():
        other.append(NEW, {"since": "2024-02-17T17:59:50.500Z"}, NOW)
    assert {"since": "2024-02-17T17:59:00.000Z"} == await desk.testimony.of_event(NEW.id)
    await desk.close()


async def test_what_another_process_seals_is_named_on_no_page(tmp_path: Path) -> None:
    """Its lines are others than those of this record."""
    desk = Desk(DataDir(tmp_path), make_engine(), lambda agent: "", None)
    desk.hear(EVENTS, live=True)
    assert await desk.settled()
    assert desk.testimony.seals(event.id for event in EVENTS) is NO_SEALS
    await desk.close()


@pytest.mark.parametrize("cursor", [("ptcl",), ("ptcl", "x", "soon"), ("a", "b", "c", 4)])
async def test_a_cursor_of_another_list_is_none_of_the_counts(tmp_path: Path, cursor: Cursor) -> None:
    desk = Desk(DataDir(tmp_path), make_engine(), lambda agent: "", tmp_path / "archive")
    with pytest.raises(BadParameterError, match="cursor"):
        desk.find_counts(Query(cursor=cursor))
    await desk.close()


async def test_of_what_was_before_a_moment_each_cell_s_last_change_is_read(file: RecordFile) -> None:
    book = Book(file, lambda agent: "", clock=lambda: NOW)
    cells = (("x", "ptcl"), ("x", "ptcl"), ("x", "jazz"), ("y", "ptcl"), ("x", "ptcl"))
    events = [
        replace(EVENTS[0], id=number, at=NOON + number, platform=platform, isp=isp)
        for number, (platform, isp) in enumerate(cells, 1)
    ]
    book.write((event, None) for event in events)
    assert await book.settled()

    async def read(since: float, platform: str | None = None) -> list[int]:
        found = await book.call(lambda file: file.before(100, platform=platform, isp=None, since=since))
        return [event.id for event in found]

    assert [2, 3, 4, 5] == await read(NOON + 4)
    assert [3, 4, 5] == await read(NOON + 5.5)
    assert [2, 3, 5] == await read(NOON + 5, "x")
    assert [1, 2, 3, 4, 5] == await read(NOON)


async def test_it_is_told_which_line_an_event_is(tmp_path: Path) -> None:
    feed, engine = Feed(agents={"ptcl": 3}), make_engine()
    desk = Desk(DataDir(tmp_path), engine, lambda agent: "", tmp_path / "archive")
    told = play(engine, [*feed.presence(NOON, True), *feed.rounds(NOON, NOON + 300)], until=NOON + 300)
    desk.hear(told, live=False)
    assert await desk.settled()
    seals = desk.testimony.seals([told[0].id, 10**6])
    with reading(tmp_path / "record.sqlite") as record:
        text = record.text_of(seals.marks[told[0].id].record)
    assert text
    assert {told[0].id: sha256(text).hexdigest()} == {number: mark.sha256 for number, mark in seals.marks.items()}
    assert seals.checkpoint is None
    (tmp_path / "archive/chain").mkdir(parents=True)
    for day in ("2024-02-16", "2024-02-17"):
        (tmp_path / f"archive/chain/{day}.txt").write_text(day)
    newest = desk.testimony.seals([]).checkpoint
    assert Checkpoint(day="2024-02-17", sha256=sha256(b"2024-02-17").hexdigest()) == newest
    await desk.close()


async def test_what_came_late_is_kept_as_spans_once_nothing_can_correct_it(tmp_path: Path) -> None:
    feed, engine = Feed(), make_engine()
    desk = Desk(DataDir(tmp_path), engine, lambda agent: "", tmp_path / "archive")
    late = [
        measured(f"ptcl-{n}", "ptcl", tls_trouble(RESET).measurement(at=NOON - 5 * HOUR), delay_s=5 * HOUR + 121 + n)
        for n in range(3)
    ]
    play(engine, [*feed.presence(NOON, True), *feed.rounds(NOON, NOON + 120), *late], until=NOON + 140)
    desk.count(1)
    assert await desk.settled()
    path = tmp_path / "record.sqlite"
    asked: dict[str, Any] = {"isp": None, "platform": None, "since": None, "until": None}
    assert () == read_past(path, **asked)
    expected = to_spans(engine.backfill.voices(isp=None, platform=None), {})
    play(engine, [], until=NOON + KEPT_S + HOUR)
    desk.count(1, least=0)
    assert await desk.settled()
    kept = read_past(path, **asked)
    assert [(one.isp, one.platform, one.state, one.since, one.until) for one in expected] == [
        (one.isp, one.platform, str(one.span.state), one.span.since, one.span.until) for one in kept
    ]
    assert {} == engine.backfill.voices(isp=None, platform=None)
    await desk.begin_anew()
    assert () == read_past(path, **asked)
    await desk.close()
