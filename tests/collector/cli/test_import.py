"""`import` of what `export` wrote, as an operator types both."""

import gzip
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector.cli import run
from rabta_collector.datadir import DataDir
from rabta_collector.history.reading import read_past
from rabta_collector.registry import Registry
from support.journals import make_data

FORMS = ("ooni", "jsonl", "csv", "parquet")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The data directory of a collector that has measured."""
    return make_data(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """That of another one, which knows nothing yet."""
    directory = DataDir(tmp_path / "there")
    with closing(Registry(directory.state)):
        pass
    return directory.path


def export(data: Path, form: str, out: Path) -> Path:
    assert 0 == run(["export", "--data", str(data), "--format", form, "--out", str(out)], {})
    return out


def take(data: Path, *files: Path, code: int = 0) -> None:
    assert code == run(["import", "--data", str(data), *map(str, files)], {})


def spans(data: Path) -> set[tuple[str, str, str, str | None]]:
    found = read_past(DataDir(data).history, isp=None, platform=None, since=None, until=None)
    return {(one.isp, one.platform, str(one.span.state), one.span.mechanism) for one in found}


@pytest.mark.parametrize("name", [*FORMS, "jsonl.gz", "csv.gz", "ooni.gz"])
def test_what_was_exported_comes_in_again_with_the_same_findings(
    here: Path, there: Path, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = export(here, name.partition(".")[0], tmp_path / f"all.{name}")
    capsys.readouterr()
    take(there, file)
    said = capsys.readouterr().out
    assert (
        "2 measurements read: 2 imported, 0 duplicates, 0 skipped"
        if "ooni" in name
        else "3 measurements read: 2 imported, 0 duplicates, 1 skipped (1 of targets that no platform needs)"
    ) in said
    blocked = "tls.reset.sni"
    assert {("ptcl", "x", "blocked", blocked), ("jazz", "x", "reachable", None)} == spans(there)
    take(there, file)
    assert "0 imported, 2 duplicates" in capsys.readouterr().out
    assert {("ptcl", "x", "blocked", blocked), ("jazz", "x", "reachable", None)} == spans(there)


def test_json_lines_and_parquet_of_one_export_are_the_same_measurements(
    here: Path, there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [export(here, form, tmp_path / f"all.{form}") for form in ("jsonl", "parquet")]
    take(there, *files)
    assert "6 measurements read: 2 imported, 2 duplicates" in capsys.readouterr().out


def test_equal_rows_of_a_file_are_as_many_measurements(
    here: Path, there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two agents that measured in one minute: nothing else tells their rows apart."""
    header, row, *rest = export(here, "csv", tmp_path / "all.csv").read_bytes().splitlines(keepends=True)
    twice, thrice = tmp_path / "twice.csv", tmp_path / "thrice.csv"
    twice.write_bytes(b"".join([header, row, row, *rest]))
    thrice.write_bytes(b"".join([header, row, row, row, *rest]))
    for file, expected in ((twice, "3 imported, 0 duplicates"), (thrice, "1 imported, 3 duplicates")):
        take(there, file)
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_damaged_line_is_named_and_costs_no_other(
    here: Path, there: Path, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = export(here, form, tmp_path / f"all.{form}")
    lines = file.read_bytes().splitlines(keepends=True)
    lines.insert(len(lines) - 2, lines[-1][:40] + b"\n")
    file.write_bytes(b"".join([*lines, lines[-1][:60]]))
    capsys.readouterr()
    take(there, file, code=1)
    said = capsys.readouterr()
    assert "2 imported, 0 duplicates, 1 skipped" in said.out
    assert "2 unreadable" in said.out
    assert [f"rabta-collector: {file}:{n}" for n in (len(lines) - 2, len(lines) + 1)] == [
        line.rpartition(": ")[0][: len(f"rabta-collector: {file}:{n}")]
        for n, line in zip((len(lines) - 2, len(lines) + 1), said.err.splitlines(), strict=True)
    ]


def test_of_a_file_that_was_cut_off_the_beginning_is_taken(
    here: Path, there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = export(here, "jsonl", tmp_path / "all.jsonl").read_bytes() * 400
    file = tmp_path / "cut.jsonl.gz"
    file.write_bytes(gzip.compress(lines)[:-200])
    take(there, file, code=1)
    said = capsys.readouterr()
    assert "1 unreadable" in said.out
    assert f"{file}:" in said.err
    assert spans(there)


@pytest.mark.parametrize("content", [b"PAR1 and no more", b"PAR1" + bytes(2000) + b"PAR1"])
def test_a_file_of_parquet_that_is_none_is_named(
    there: Path, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.parquet"
    file.write_bytes(content)
    take(there, file, code=1)
    said = capsys.readouterr()
    assert "0 imported" in said.out
    assert said.err.startswith(f"rabta-collector: {file}: ")


def test_what_is_no_export_is_refused_as_no_sealed_file_either(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odd"
    file.write_bytes(b"hello\n")
    take(there, file, tmp_path / "none", code=1)
    assert [f"rabta-collector: {file}", f"rabta-collector: {tmp_path / 'none'}"] == [
        ":".join(line.split(":")[:2]) for line in capsys.readouterr().err.splitlines()
    ]
    assert not DataDir(there).history.exists()
