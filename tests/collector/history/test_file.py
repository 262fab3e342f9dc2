"""The history's file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector.history.file import HistoryFile, Placed, Published, UnusableHistoryError, naming
from rabta_collector.history.fold import Found, PastSpan
from rabta_collector.history.reading import read_past
from rabta_collector.state import Witness
from rabta_proto.vocabulary import Judgement, Mechanism, State

X = ("ptcl", "x")


def published(number: int, *, uid: int | None = None, **facts: object) -> Published:
    content = f"content {number}".encode()
    own = None if uid is None else f"uid {uid}".encode()
    return Published(
        **{  # type: ignore[arg-type] # as the test says
            "began_us": number * 1_000_000,
            "asn": 17557,
            "uid": own,
            "content": content,
            "controls": 0,
            "payload": b"p",
            **facts,
        }
    )


def placed(number: int, *, isp: str = "ptcl", judgement: Judgement = Judgement.OK) -> Placed:
    found = Found(started=float(number), site="https://x.com", judgement=judgement, rule="ok.https")
    return Placed(isp=isp, platform="x", found=found)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def test_what_was_appended_is_there_with_its_finding(path: Path) -> None:
    with closing(HistoryFile(path)) as file:
        assert 2 == file.append([(published(1, uid=1), placed(1)), (published(2), placed(2))])
    with closing(HistoryFile(path)) as file:
        assert [(1, published(1, uid=1), True), (2, published(2), True)] == file.published_after(0)
        assert [2] == [id_ for id_, _, _ in file.published_after(1)]
        assert [1.0, 2.0] == [one.started for one in file.findings(X)]
        assert ([X], 2) == (file.changed(), file.last_id())


def test_a_measurement_is_kept_once_by_its_identifier_and_by_its_content(path: Path) -> None:
    with closing(HistoryFile(path)) as file:
        assert 1 == file.append([(published(1, uid=1), placed(1)), (published(1, uid=1), placed(1))])
        same_uid, same_content, other = published(2, uid=1), published(1, uid=7), published(3, uid=3)
        assert 1 == file.append([(one, placed(9)) for one in (same_uid, same_content, other)])
        assert 2 == len(list(file.findings(X)))
        assert [True, True, False] == [
            file.holds(one.uid, one.content) for one in (published(9, uid=1), published(1), published(9))
        ]


def test_a_batch_that_fails_leaves_nothing(path: Path) -> None:
    with closing(HistoryFile(path)) as file:
        with pytest.raises(RuntimeError):
            file.append(_failing())
        assert 0 == file.last_id()
        assert 1 == file.append([(published(1), placed(1))])


def _failing() -> list[tuple[Published, Placed]]:
    def pairs():  # type: ignore[no-untyped-def]
        yield published(1), placed(1)
        raise RuntimeError

    return pairs()  # type: ignore[no-any-return]


def test_a_changed_byte_shows(path: Path) -> None:
    with closing(HistoryFile(path)) as file:
        file.append([(published(1), placed(1)), (published(2), placed(2))])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE measurements SET payload = x'00' WHERE id = 1")
        connection.commit()
    with closing(HistoryFile(path)) as file:
        assert [False, True] == [sound for _, _, sound in file.published_after(0)]


def test_a_finding_takes_the_place_of_the_one_before_or_goes(path: Path) -> None:
    with closing(HistoryFile(path)) as file:
        file.append([(published(1), placed(1)), (published(2), placed(2))])
        file.place([(1, placed(1, judgement=Judgement.DOWN)), (2, None)])
        assert [Judgement.DOWN] == [one.judgement for one in file.findings(X)]


def test_findings_come_by_time_whatever_came_first(path: Path) -> None:
    with closing(HistoryFile(path)) as file:
        judgements = {1: Judgement.OK, 2: Judgement.DOWN, 3: Judgement.BLOCKED}
        file.append([(published(n), placed(n, judgement=judgements[n])) for n in (3, 1, 2)])
        assert [1.0, 2.0, 3.0] == [one.started for one in file.findings(X)]


SPAN = PastSpan(
    state=State.BLOCKED,
    mechanism=Mechanism.TLS_RESET_OTHER,
    since=3600.0,
    until=7200.0,
    findings=4,
    witness=(Witness(rule="tls.reset.control_valid", count=4),),
)


def test_spans_take_the_place_of_a_cell_s_and_of_no_other_s(path: Path) -> None:
    with closing(HistoryFile(path)) as file:
        file.append([(published(1), placed(1)), (published(2), placed(2, isp="jazz"))])
        for cell in (X, ("jazz", "x")):
            with file.transaction():
                file.replace_spans(cell, [SPAN])
        assert [] == file.changed()
        with file.transaction():
            file.replace_spans(X, [])
    found = read_past(path, isp=None, platform=None, since=None, until=None)
    assert [("jazz", "x", SPAN)] == [(one.isp, one.platform, one.span) for one in found]


def test_all_cells_can_be_marked_and_those_of_no_platform_forgotten(path: Path) -> None:
    with closing(HistoryFile(path)) as file:
        file.append([(published(1), placed(1))])
        with file.transaction():
            file.replace_spans(X, [SPAN])
        file.mark_all_changed()
        assert [X] == file.changed()
        file.forget_cells({"x": 1})
        assert [X] == file.changed()
        file.forget_cells({})
        assert [] == file.changed()
    assert () == read_past(path, isp=None, platform=None, since=None, until=None)


def test_facts_are_kept(path: Path) -> None:
    with closing(HistoryFile(path)) as file:
        assert file.fact("a") is None
        file.keep_fact("a", "1")
        file.keep_fact("a", "2")
        assert "2" == file.fact("a")


def test_another_program_s_file_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    with pytest.raises(UnusableHistoryError, match="not a history of Rabta"):
        HistoryFile(path)


def test_a_newer_format_is_left_alone(path: Path) -> None:
    with closing(HistoryFile(path)):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(UnusableHistoryError, match=r"written by a newer Rabta \(format 9, this one reads 1\)"):
        HistoryFile(path)


def test_sqlite_s_own_words_come_with_the_name_of_the_file(path: Path) -> None:
    path.write_text("no database " * 100)
    with pytest.raises(UnusableHistoryError, match=r"history\.sqlite: file is not a database"):
        HistoryFile(path)
    with pytest.raises(UnusableHistoryError, match=r"history\.sqlite: disk full"), naming(path):
        raise sqlite3.OperationalError("disk full")
