"""The journal's file survives what disks do to files."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rabta_collector.journal_file import (
    FORMAT,
    Kind,
    Row,
    UnusableJournalError,
    append,
    connect,
    last_position,
    prepare,
    read_after,
)


def row(id_: int, payload: bytes = b"x" * 300) -> Row:
    return Row(id_, Kind.MEASURED, id_ * 1000, "agent", "ptcl", "probe", 2**62, id_, id_, 1, payload)


def filled(path: Path, rows: int = 200) -> None:
    prepare(path)
    with closing(connect(path)) as connection:
        append(connection, 0, [row(number) for number in range(1, rows + 1)])
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def ids(path: Path) -> list[int]:
    with closing(connect(path)) as connection:
        return [entry.first_sequence for entry, sound in read_after(connection, 0, 10_000) if sound]


def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path, 5)
    with closing(connect(path)) as connection:
        assert tuple((row(number), True) for number in (3, 4)) == read_after(connection, 2, 2)
        assert (5, 5000) == last_position(connection)


def test_an_empty_journal_has_no_position(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    assert prepare(path) is None
    with closing(connect(path)) as connection:
        assert (0, 0) == last_position(connection)


def test_a_group_is_appended_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path, 1)
    with closing(connect(path)) as connection:
        with pytest.raises(sqlite3.IntegrityError):
            append(connection, 0, [row(2), row(3)])
        append(connection, 1, [row(2)])
    assert [1, 2] == ids(path)


def test_commits_are_synced() -> None:
    """synchronous=FULL (2): a lesser value would let an acknowledged commit be lost with the power."""
    with closing(connect(Path(":memory:"))) as connection:
        assert 2 == connection.execute("PRAGMA synchronous").fetchone()[0]


def test_a_good_file_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path)
    assert prepare(path) is None
    assert list(range(1, 201)) == ids(path)


def test_a_truncated_file_is_moved_aside_and_its_readable_rows_kept(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    salvage = prepare(path)
    assert salvage is not None
    kept = ids(path)
    assert salvage.kept == len(kept)
    assert kept == sorted(kept)
    assert 100 < len(kept) < 200
    assert whole[: len(whole) * 3 // 4] == salvage.moved_to.read_bytes()
    assert prepare(path) is None


def test_rows_behind_the_damage_are_kept_too(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path)
    content = bytearray(path.read_bytes())
    content[4096 * 8 : 4096 * 9] = bytes(4096)
    path.write_bytes(content)
    salvage = prepare(path)
    assert salvage is not None
    kept = ids(path)
    assert {1, 200} <= set(kept)
    assert salvage.kept + salvage.lost == 200
    assert 0 < salvage.lost < 20


def test_only_what_will_be_read_is_checked_where_somebody_says_what_that_is(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path)
    content = bytearray(path.read_bytes())
    content[4096 * 8 : 4096 * 9] = bytes(4096)
    path.write_bytes(content)
    assert prepare(path, after=180) is None
    with closing(connect(path)) as connection:
        assert list(range(181, 201)) == [row.id for row, _ in read_after(connection, 180, 100)]
    salvage = prepare(path, after=1)
    assert salvage is not None
    assert 0 < salvage.lost < 20


def test_damage_behind_the_row_is_found(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 4096])
    assert prepare(path, after=180) is not None


def test_a_word_that_is_no_text_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path, 3)
    path.write_bytes(path.read_bytes().replace(b"agentptcl", b"agent\xff\xfecl", 1))
    assert prepare(path) is None
    assert 2 == len(ids(path))


@settings(max_examples=15)
@given(cut=st.floats(0, 1), noise=st.binary(max_size=40))
def test_no_damage_is_a_traceback_and_none_invents_rows(
    tmp_path_factory: pytest.TempPathFactory, cut: float, noise: bytes
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.sqlite"
    filled(path, 60)
    content = path.read_bytes()
    at = int(len(content) * cut)
    path.write_bytes(content[:at] + noise)
    try:
        prepare(path)
    except UnusableJournalError:
        return  # the noise made it another program's file: left alone
    assert set(ids(path)) <= set(range(1, 61))


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path, 3)
    content = path.read_bytes()
    at = content.rindex(b"x" * 300) + 100
    path.write_bytes(content[:at] + b"y" + content[at + 1 :])
    assert prepare(path) is None  # SQLite sees nothing wrong
    assert 2 == len(ids(path))


def test_a_torn_write_ahead_log_costs_only_what_was_not_whole(tmp_path: Path) -> None:
    path, copy = tmp_path / "j.sqlite", tmp_path / "copy.sqlite"
    prepare(path)
    with closing(connect(path)) as connection:
        for number in range(1, 11):
            append(connection, number - 1, [row(number)])
        log = path.with_name("j.sqlite-wal").read_bytes()
        copy.write_bytes(path.read_bytes())
        copy.with_name("copy.sqlite-wal").write_bytes(log[: len(log) - 2000])
    assert prepare(copy) is None
    assert list(range(1, 10)) == ids(copy)


def test_a_salvage_that_was_stopped_between_its_renames_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    filled(path, 3)
    path.replace(path.with_name("j.sqlite.salvage"))
    assert prepare(path) is None
    assert [1, 2, 3] == ids(path)


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (a)")
        connection.commit()
    with pytest.raises(UnusableJournalError, match="not a journal of Rabta"):
        prepare(path)


def test_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    prepare(path)
    with closing(connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={FORMAT + 1}")
    with pytest.raises(UnusableJournalError, match="written by a newer Rabta"):
        prepare(path)


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    path.mkdir()
    with pytest.raises(UnusableJournalError, match="unable to open database file"):
        prepare(path)
