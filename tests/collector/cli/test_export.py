"""`export`, as an operator types it, over a journal that a collector wrote."""

import csv
import gzip
import json
from contextlib import closing
from pathlib import Path

import pytest

from rabta_collector import journal_file
from rabta_collector.archive.table import open_duck
from rabta_collector.cli import run
from support.journals import make_data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path / "data")


def export(data: Path, form: str, out: Path | str, *more: str) -> int:
    return run(["export", "--data", str(data), "--format", form, "--out", str(out), *more], {})


def test_measurements_become_ooni_s_and_are_judged_as_before(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = data / "all.jsonl"
    assert 0 == export(data, "ooni", out)
    told = capsys.readouterr().err
    assert f"rabta-collector: 2 measurements to {out} in " in told
    assert "skipped 1 measurements of targets that OONI has no form for (1 of openvpn:)" in told
    assert 0 == run(["ooni", "classify", str(out)], {})
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [("blocked", "tls.reset.sni"), ("ok", None)] == [(one["state"], one["mechanism"]) for one in found]


def test_nothing_in_it_tells_one_agent_from_another(data: Path) -> None:
    for form in ("ooni", "jsonl", "csv"):
        out = data / f"all.{form}"
        export(data, form, out)
        assert not any(word in out.read_text() for word in ('"agent":"a"', "epoch", "sequence", "ptcl-0"))


def test_parquet_has_a_row_a_measurement_with_every_step_and_no_second(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = data / "all.parquet"
    assert 0 == export(data, "parquet", out, "--platform", "x")
    with open_duck() as duck:
        rows = duck.execute(
            "SELECT isp, state, mechanism, strftime(time, '%S'), json_array_length(measurement, '$.observations') > 2"
            " FROM read_parquet(?) ORDER BY isp",
            [str(out)],
        ).fetchall()
        text = str(duck.execute("SELECT * FROM read_parquet(?)", [str(out)]).fetchall())
    assert ("jazz", "ok", "", "00", True) in rows
    assert [("ptcl", "blocked", "tls.reset.sni", "00", True)] == rows[-1:]
    assert not any(word in text for word in ("epoch", "sequence", "ptcl-0"))
    assert [] == list(data.glob(".*"))
    assert 1 == export(data, "parquet", "-")
    assert "--out" in capsys.readouterr().err


def test_gzip_by_name_and_standard_output_by_a_dash(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == export(data, "csv", data / "all.csv.gz")
    assert 0 == export(data, "csv", "-")
    plain = gzip.decompress((data / "all.csv.gz").read_bytes()).decode()
    told = capsys.readouterr()
    assert plain == told.out
    assert "3 measurements to standard output" in told.err


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], ["ptcl", "jazz", "jazz"]),
        (["--isp", "ptcl"], ["ptcl"]),
        (["--platform", "x", "--isp", "jazz"], ["jazz", "jazz"]),
        (["--platform", "y"], []),
        (["--since", "2024-02-17T12:00:10Z"], ["jazz", "jazz"]),
        (["--since", "2024-02-17", "--until", "2024-02-17T12:00:10Z"], ["ptcl"]),
    ],
)
def test_only_what_is_asked_for_is_written(data: Path, filters: list[str], expected: list[str]) -> None:
    out = data / "some.csv"
    assert 0 == export(data, "csv", out, *filters)
    assert expected == [row["isp"] for row in csv.DictReader(out.read_text().splitlines())]


def test_a_directory_where_no_collector_ran_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == export(tmp_path / "none", "csv", tmp_path / "out")
    assert 1 == len(capsys.readouterr().err.splitlines())
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_one_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == export(data, "csv", data / "no" / "where.csv")
    assert [f"rabta-collector: {data}/no/where.csv: No such file or directory"] == capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("wrong", [["--since", "yesterday"], ["--format", "xml"], ["--until", "2024-02-30"]])
def test_wrong_usage_names_the_flag(data: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        export(data, "csv", "-", *wrong)
    assert 2 == stopped.value.code
    assert wrong[0] in capsys.readouterr().err


def test_it_works_beside_a_writer_and_counts_what_is_damaged(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(journal_file.connect(data / "journal.sqlite")) as writer:
        writer.execute("UPDATE entries SET crc = 0 WHERE id = 2")
        writer.execute("BEGIN IMMEDIATE")
        assert 0 == export(data, "csv", data / "all.csv")
        writer.execute("ROLLBACK")
    assert "skipped 1 damaged rows of the journal" in capsys.readouterr().err
