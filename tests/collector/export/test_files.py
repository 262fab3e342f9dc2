"""A file that is there as a whole, or not at all."""

import gzip
from pathlib import Path

import pytest

from rabta_collector.export.files import UnwritableError, writing


def test_what_was_written_is_there_in_the_end_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with writing(str(path)) as write:
        write("one\r\n")
        assert not path.exists()
        write("رابطہ\n")
    assert "one\r\nرابطہ\n".encode() == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_a_name_that_ends_in_gz_is_gzip_without_a_name_or_a_time(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        with writing(str(tmp_path / name)) as write:
            write("text\n")
    assert b"text\n" == gzip.decompress((tmp_path / "a.gz").read_bytes())
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


@pytest.mark.parametrize("name", ["out", "out.gz"])
def test_a_failure_halfway_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("before")
    with pytest.raises(KeyError):
        _stop_halfway(path)
    assert "before" == path.read_text()
    assert [path] == list(tmp_path.iterdir())


def _stop_halfway(path: Path) -> None:
    with writing(str(path)) as write:
        write("half\n")
        raise KeyError


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(UnwritableError, match=r"none/out: No such file or directory"),
        writing(str(tmp_path / "none/out")),
    ):
        pass


def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with writing("-") as write:
        write("text\n")
    assert "text\n" == capsys.readouterr().out
