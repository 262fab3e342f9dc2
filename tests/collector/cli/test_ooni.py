"""`ooni classify`, as an operator types it, over measurements as OONI publishes them."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from rabta_collector.cli import run
from support.ooni_builder import BLOCK_BODY, PLAIN, Keys, built, fetch, measurement

MEASUREMENTS = Path(__file__).parents[1] / "ooni" / "measurements"


class Terminal:
    """Runs the command and keeps what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path, code: int = 0) -> tuple[list[Keys], list[str]]:
        """Findings, and lines on standard error."""
        assert code == run(["ooni", "classify", *map(str, arguments)], {})
        output = self._capsys.readouterr()
        return [json.loads(line) for line in output.out.splitlines()], output.err.splitlines()


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("x-reset-0.4.json", [("blocked", "tls.reset.other", "tls.reset.control_valid")]),
        (
            "wikipedia-0.5.jsonl",
            [
                ("blocked", "tls.timeout.other", "tls.timeout.control_valid"),
                ("blocked", "tls.reset.other", "tls.reset.control_valid"),
                ("ok", None, "ok.https"),
            ],
        ),
        ("blockpage-0.4.json", [("blocked", "http.blockpage", "http.blockpage.known")]),
        ("closed-for-all-0.5.json", [("down", None, "site.down")]),
    ],
)
def test_a_file_is_judged(terminal: Terminal, file: str, expected: list[tuple[str, ...]]) -> None:
    found, errors = terminal(MEASUREMENTS / file)
    assert (expected, []) == ([(one["state"], one["mechanism"], one["rule"]) for one in found], errors)


def test_a_directory_and_several_files_are_judged(terminal: Terminal, tmp_path: Path) -> None:
    shutil.copytree(MEASUREMENTS, tmp_path / "all")
    packed = tmp_path / "x.json.gz"
    packed.write_bytes(gzip.compress((MEASUREMENTS / "x-reset-0.4.json").read_bytes()))
    found, _ = terminal(tmp_path / "all", packed)
    assert 7 == len(found)


def test_what_is_no_measurement_is_told_by_line_and_costs_nothing(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    lines = [measurement({}, test_name="telegram"), 17, {"a": 1}, built(), measurement(None)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"cut', encoding="utf-8")
    found, errors = terminal(path)
    assert ["ok", "inconclusive"] == [one["state"] for one in found]
    assert [
        f'rabta-collector: {path}:1: a measurement of "telegram", and not of web_connectivity',
        f"rabta-collector: {path}:2: a JSON value, and not a measurement",
        f"rabta-collector: {path}:3: a JSON object, and not a measurement",
        f"rabta-collector: {path}:6: not a JSON document",
    ] == errors


def test_a_file_that_cannot_be_read_is_the_only_failure(terminal: Terminal, tmp_path: Path) -> None:
    found, errors = terminal(tmp_path / "none.json", MEASUREMENTS / "x-reset-0.4.json", code=1)
    assert (1, [f"rabta-collector: {tmp_path}/none.json: No such file or directory"]) == (len(found), errors)


def test_fingerprints_are_read_from_files(terminal: Terminal, tmp_path: Path) -> None:
    prints, page = tmp_path / "prints.csv", tmp_path / "page.json"
    prints.write_text(
        "name,scope,location_found,pattern_type,pattern,confidence_no_fp,expected_countries\n"
        "a.notice,nat,body,contains,Notice 12,5,PK\n"
        "a.false,fp,body,contains,is prohibited,5,PK\n",
        encoding="utf-8",
    )
    page.write_text(json.dumps(built(url=PLAIN, requests=[fetch(PLAIN, body="Notice 12")], helper=None)))
    assert "inconclusive" == terminal(page)[0][0]["state"]
    assert "http.blockpage.known" == terminal(page, "--fingerprints", prints)[0][0]["rule"]


def test_our_own_marks_need_no_file(terminal: Terminal, tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    page.write_text(json.dumps(built(url=PLAIN, requests=[fetch(PLAIN, body=BLOCK_BODY)], helper=None)))
    assert "http.blockpage.known" == terminal(page)[0][0]["rule"]


def test_a_wrong_file_of_fingerprints_is_one_line(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "prints.csv"
    _, errors = terminal(MEASUREMENTS, "--fingerprints", path, code=1)
    assert [f"rabta-collector: {path}: No such file or directory"] == errors
