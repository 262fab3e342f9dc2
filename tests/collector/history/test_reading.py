"""Spans of the past are read where they touch what is asked for."""

from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector.history.file import HistoryFile
from rabta_collector.history.fold import PastSpan
from rabta_collector.history.reading import UnreadableHistoryError, read_past
from rabta_proto.vocabulary import State


def span(since: float, until: float) -> PastSpan:
    return PastSpan(state=State.REACHABLE, mechanism=None, since=since, until=until, findings=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "history.sqlite"
    with closing(HistoryFile(path)) as file, file.transaction():
        file.replace_spans(("ptcl", "x"), [span(100, 200), span(300, 400)])
        file.replace_spans(("jazz", "x"), [span(100, 400)])
        file.replace_spans(("jazz", "news"), [span(500, 600)])
    return path


@pytest.mark.parametrize(
    ("isp", "platform", "since", "until", "expected"),
    [
        (None, None, None, None, [("jazz", 500), ("jazz", 100), ("ptcl", 100), ("ptcl", 300)]),
        ("ptcl", None, None, None, [("ptcl", 100), ("ptcl", 300)]),
        (None, "news", None, None, [("jazz", 500)]),
        ("ptcl", "x", 250, None, [("ptcl", 300)]),
        ("ptcl", "x", None, 250, [("ptcl", 100)]),
        ("ptcl", "x", 200, 300, [("ptcl", 100), ("ptcl", 300)]),
        ("ptcl", "x", 201, 299, []),
        ("nayatel", None, None, None, []),
    ],
)
def test_filters(
    path: Path, isp: str | None, platform: str | None, since: float | None, until: float | None, expected: list[object]
) -> None:
    found = read_past(path, isp=isp, platform=platform, since=since, until=until)
    assert expected == [(one.isp, one.span.since) for one in found]


def test_where_nothing_was_imported_there_is_nothing_and_nothing_is_made(tmp_path: Path) -> None:
    assert () == read_past(tmp_path / "none", isp=None, platform=None, since=None, until=None)
    assert [] == list(tmp_path.iterdir())


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (path := tmp_path / "history.sqlite").write_text("no database " * 100)
    with pytest.raises(UnreadableHistoryError, match=r"history\.sqlite: file is not a database"):
        read_past(path, isp=None, platform=None, since=None, until=None)


def test_a_writer_in_the_middle_of_it_holds_nobody_up(path: Path) -> None:
    with closing(HistoryFile(path)) as file, file.transaction():
        file.replace_spans(("ptcl", "x"), [])
        assert 2 == len(read_past(path, isp="ptcl", platform=None, since=None, until=None))
