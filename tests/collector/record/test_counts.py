"""Counts by minute, hour and day: revised by what comes late, and the same after any stop and start."""

import shutil
from collections import Counter
from contextlib import closing
from pathlib import Path

from rabta_collector.record.counts import Counted, add_counts, counted_to, forget_minutes, read_counts
from rabta_collector.record.file import RecordFile
from rabta_collector.record.rollup import Rollup
from rabta_proto.vocabulary import Judgement
from support.factories import NOON

ANY = {"isp": None, "platform": None, "window": (None, None), "after": None, "most": 1000}


def read(file: RecordFile, width: int, **asked: object) -> tuple[Counted, ...]:
    return read_counts(file.path, width=width, **{**ANY, **asked})  # type: ignore[arg-type]


def add(file: RecordFile, rollup: Rollup, row: int) -> None:
    with file.transaction():
        add_counts(file.connection, rollup.take(), row)


def told(*heard: tuple[str, float, Judgement]) -> Rollup:
    rollup = Rollup()
    for agent, at, judgement in heard:
        rollup.hear("ptcl", "x", agent, NOON + at, judgement)
    return rollup


def test_measurements_are_counted_by_minute_hour_and_day(tmp_path: Path) -> None:
    with closing(RecordFile(tmp_path / "r")) as file:
        add(file, told(("a", 1, Judgement.OK), ("b", 59.9, Judgement.BLOCKED), ("a", 60, Judgement.OK)), 3)
        assert [(NOON, 2, 2), (NOON + 60, 1, 1)] == [(c.at, sum(c.found.values()), c.agents) for c in read(file, 60)]
        (hour,) = read(file, 3600)
        assert {"ok": 2, "blocked": 1} == +Counter(hour.found)
        assert 2 == hour.agents == read(file, 86_400)[0].agents
        assert 3 == counted_to(file.connection)


def test_what_comes_late_or_is_found_otherwise_revises_its_own_minute(tmp_path: Path) -> None:
    with closing(RecordFile(tmp_path / "r")) as file:
        add(file, told(("a", 1, Judgement.INCONCLUSIVE), ("a", 7200, Judgement.OK)), 2)
        late = told(("b", 2, Judgement.BLOCKED))
        late.revise("ptcl", "x", NOON + 1, Judgement.INCONCLUSIVE, Judgement.BLOCKED)
        add(file, late, 9)
        first, _ = read(file, 3600)
        assert ({"blocked": 2}, 2) == (dict(+Counter(first.found)), first.agents)


def test_counts_are_found_by_place_and_window_and_in_parts(tmp_path: Path) -> None:
    with closing(RecordFile(tmp_path / "r")) as file:
        rollup = Rollup()
        for isp in ("jazz", "ptcl"):
            for platform in ("dw", "x"):
                for minute in range(3):
                    rollup.hear(isp, platform, "a", NOON + 60 * minute, Judgement.OK)
        add(file, rollup, 1)
        whole = read(file, 60)
        assert 12 == len(whole)
        assert whole[5:7] == read(file, 60, after=(whole[4].isp, whole[4].platform, whole[4].at), most=2)
        assert {("ptcl", "dw")} == {(c.isp, c.platform) for c in read(file, 60, isp="ptcl", platform="dw")}
        assert {NOON + 60} == {c.at for c in read(file, 60, window=(NOON + 60, NOON + 120))}
        forget_minutes(file.connection, NOON + 120)
        assert 4 == len(read(file, 60))
        assert 12 == sum(sum(c.found.values()) for c in read(file, 3600))


def test_references_count_for_nothing() -> None:
    rollup = Rollup()
    rollup.hear("ptcl", "", "a", NOON, Judgement.OK)
    rollup.revise("ptcl", "", NOON, Judgement.OK, Judgement.BLOCKED)
    assert {} == rollup.take()


async def test_a_stop_at_any_moment_counts_nothing_twice_and_nothing_never(tmp_path: Path) -> None:
    """Counted before and after the last checkpoint, with and without one: the counts are those of the whole journal."""
    from collector.test_checkpoints import Collector, written

    rows = written(tmp_path)
    for name, counted, kept in (("whole", (), 0), ("later", (70,), 50), ("before", (30,), 50), ("none", (40,), 0)):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(tmp_path / "journal.sqlite", folder / "journal.sqlite")
        first = Collector(folder)
        for number, row in enumerate(rows[:80], 1):
            first.live([row])
            if number in counted:
                first.parts.desk.count(number)
            if number == kept:
                await first.projections.checkpoints.keep()
        await first.parts.desk.settled()
        again = Collector(folder)
        await again.start()
        again.parts.desk.count(len(rows))
        await again.parts.desk.settled()
    found = [_counts(tmp_path / name) for name in ("whole", "later", "before", "none")]
    assert sum(sum(one.found.values()) for one in found[0]) > 40
    assert [found[0]] * 3 == found[1:]


def _counts(folder: Path) -> tuple[Counted, ...]:
    return read_counts(folder / "record.sqlite", width=60, **ANY)  # type: ignore[arg-type]
