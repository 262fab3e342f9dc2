"""Sealing and checking from the command line, beside nobody."""

from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector import cli, journal_file
from rabta_collector.registry import Registry
from support.factories import NOON
from support.feeds import Feed
from support.written import row_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Of a collector that ran on a day long past."""
    Registry(tmp_path / "state.sqlite").close()
    journal_file.prepare(tmp_path / "journal.sqlite")
    rows = [row_of(entry, number) for number, entry in enumerate(Feed().rounds(NOON, NOON + 60), 1)]
    with closing(journal_file.connect(tmp_path / "journal.sqlite")) as connection:
        journal_file.append(connection, 0, rows)
    return tmp_path


def run(*arguments: str) -> int:
    return cli.run(arguments, {})


def test_what_was_sealed_is_proved_and_what_was_altered_is_named(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == run("archive", "--data", str(data))
    assert capsys.readouterr().out.startswith("2024-02-17: 15 rows, 0 events, ")
    assert 0 == run("archive", "--data", str(data))
    assert "" == capsys.readouterr().out
    assert 0 == run("verify", "--archive", "--data", str(data))
    assert "1 checkpoints, 1 files: nothing was altered\n" == capsys.readouterr().out
    part = next(data.glob("archive/measurements/*/*.parquet"))
    part.write_bytes(part.read_bytes()[:-1] + b"2")
    for place in ([], [str(data / "archive")]):
        assert 1 == run("verify", *([] if place else ["--data", str(data)]), "--archive", *place)
        assert "measurements/day=2024-02-17/part-0001.parquet: altered" in capsys.readouterr().out


def test_another_key_than_the_one_it_was_signed_with_proves_nothing(
    data: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    run("archive", "--data", str(data))
    good, other = data / "archive/chain/key.pem", tmp_path_factory.mktemp("other")
    Registry(other / "state.sqlite").close()
    assert 0 == run("verify", "--archive", str(data / "archive"), "--key", str(good))
    (other / "key.pem").write_text("none")
    assert 1 == run("verify", "--archive", str(data / "archive"), "--key", str(other / "key.pem"))
    assert "no public key" in capsys.readouterr().err


def test_the_journal_is_checked_row_by_row(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run("verify", "--data", str(data))
    assert "15 rows: all as they were written\n" == capsys.readouterr().out
    with closing(journal_file.connect(data / "journal.sqlite")) as connection:
        connection.execute("UPDATE entries SET agent = 'other' WHERE id = 3")
        connection.execute("DELETE FROM entries WHERE id IN (7, 8)")
    assert 1 == run("verify", "--data", str(data))
    assert "row 3: damaged\nrows 7 to 8: missing\n13 rows: 2 problems\n" == capsys.readouterr().out


def test_a_file_is_kept_by_the_collector_that_serves_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run("archive", "--keep", "--data", str(data))
    assert "archive --keep needs nats://" in capsys.readouterr().err
