"""One collector at a time, in a directory that it can write."""

from pathlib import Path

import pytest

from rabta_collector.datadir import DataDir, DataDirError


def test_the_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "a" / "b")
    assert 0o700 == data.path.stat().st_mode & 0o777


def test_a_second_collector_is_refused_while_the_first_serves(tmp_path: Path) -> None:
    first, second = DataDir(tmp_path), DataDir(tmp_path)
    with first.locked():
        assert second.is_served()
        with pytest.raises(DataDirError, match="another collector serves from this data directory"), second.locked():
            pass
    assert not second.is_served()
    with second.locked():
        pass


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A file in its place, because root may write anywhere."""
    (tmp_path / "file").touch()
    with pytest.raises(DataDirError, match="file/data: the data directory cannot be written: Not a directory"):
        DataDir(tmp_path / "file" / "data")
