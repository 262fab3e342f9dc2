"""`ooni classify` and `ooni import`, as an operator types them, over measurements as OONI publishes them."""

import gzip
import json
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from rabta_collector.cli import run
from rabta_collector.datadir import DataDir
from rabta_collector.history.places import PLACES, make_places
from rabta_collector.history.reading import read_past
from rabta_collector.isps import default_isps
from rabta_collector.ooni.document import Exhibit, write_document
from rabta_collector.registry import Registry
from rabta_collector.targets import load_catalogue
from rabta_collector.verdict.classify import classify
from support.factories import NOON, tls_trouble
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
        ("short-link-reset-0.5.json", [("blocked", "tls.reset.other", "tls.reset.control_valid")]),
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
    assert 8 == len(found)


def test_what_is_no_measurement_is_told_by_line_and_costs_no_other(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    lines = [measurement({}, test_name="telegram"), 17, {"a": 1}, built(), measurement(None)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"cut', encoding="utf-8")
    found, errors = terminal(path, code=1)
    assert ["ok", "inconclusive"] == [one["state"] for one in found]
    assert [
        f'rabta-collector: {path}:1: a measurement of "telegram", and not of web_connectivity',
        f"rabta-collector: {path}:2: a JSON value, and not a measurement",
        f"rabta-collector: {path}:3: a JSON object, and not a measurement",
        f"rabta-collector: {path}:6: not a JSON document",
    ] == errors


def test_a_file_that_cannot_be_read_costs_no_other(terminal: Terminal, tmp_path: Path) -> None:
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


@dataclass(slots=True)
class Import:
    """Runs the command over one data directory."""

    data: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path, code: int = 0) -> tuple[str, list[str]]:
        """What it printed, and lines on standard error."""
        assert code == run(["ooni", "import", *map(str, arguments), "--data", str(self.data)], {})
        output = self.capsys.readouterr()
        (line,) = output.out.splitlines()
        return line, output.err.splitlines()

    def spans(self) -> list[tuple[str, str, str, str | None]]:
        found = read_past(self.data / "history.sqlite", isp=None, platform=None, since=None, until=None)
        return [(one.isp, one.platform, one.span.state, one.span.mechanism) for one in found]


@pytest.fixture
def importing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    return Import(data=tmp_path / "data", capsys=capsys)


def test_measurements_go_into_history_and_only_once(importing: Import) -> None:
    line, errors = importing(MEASUREMENTS)
    assert [] == errors
    assert line.startswith(
        "7 measurements read: 4 imported, 0 duplicates, 3 skipped (3 of hosts that no platform has); 0 unreadable; "
    )
    expected = [("ptcl", "wikipedia", "blocked", "tls.reset.other"), ("ptcl", "x", "blocked", "tls.reset.other")]
    assert expected == importing.spans()
    line, _ = importing(MEASUREMENTS / "x-reset-0.4.json", MEASUREMENTS)
    assert line.startswith("8 measurements read: 0 imported, 5 duplicates, 3 skipped")
    assert expected == importing.spans()


def test_what_cannot_be_read_is_named_and_costs_nothing_else(importing: Import, tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    lines = [json.dumps(measurement({}, test_name="telegram")), "17", json.dumps(built()), '{"cut']
    path.write_text("\n".join(lines), encoding="utf-8")
    line, errors = importing(tmp_path / "none.json", path, code=1)
    assert [
        f"rabta-collector: {tmp_path}/none.json: No such file or directory",
        f"rabta-collector: {path}:2: a JSON value, and not a measurement",
        f"rabta-collector: {path}:4: not a JSON document",
    ] == errors
    assert "2 measurements read: 1 imported, 0 duplicates, 1 skipped (1 of other tests than web_connectivity)" in line
    assert "3 unreadable" in line


def test_one_broken_line_is_enough_to_fail_and_costs_no_other(importing: Import, tmp_path: Path) -> None:
    (path := tmp_path / "cut.jsonl").write_text(f'{{"cut\n{json.dumps(built())}\n', encoding="utf-8")
    line, errors = importing(path, code=1)
    assert [f"rabta-collector: {path}:1: not a JSON document"] == errors
    assert "1 imported" in line


def test_an_export_of_ours_can_be_imported(importing: Import, tmp_path: Path) -> None:
    told = [tls_trouble("connection_reset").measurement(at=NOON + 60 * number) for number in range(3)]
    exhibits = [
        Exhibit(measurement=one, controls=(), references=(), finding=classify(one), isp=default_isps()[0])
        for one in told
    ]
    path = tmp_path / "ours.jsonl"
    path.write_text("".join(json.dumps(write_document(one)) + "\n" for one in exhibits))
    assert "3 imported" in importing(path)[0]
    assert [("ptcl", "x", "blocked", "tls.reset.sni")] == importing.spans()


def test_the_catalogue_is_that_of_the_collector_that_serves_unless_another_is_given(
    importing: Import, tmp_path: Path
) -> None:
    (targets := tmp_path / "targets.toml").write_text(
        '[[platform]]\nid = "twitter"\nname = "T"\ncategory = "GRP"\n[[platform.target]]\nurl = "https://x.com/"\n'
    )
    data = DataDir(importing.data)
    with closing(Registry(data.state)) as registry:
        registry.keep_fact(PLACES, make_places(load_catalogue(targets), default_isps()).to_json())
    importing(MEASUREMENTS)
    assert [("ptcl", "twitter", "blocked", "tls.reset.other")] == importing.spans()
    (other := tmp_path / "other.toml").write_text(targets.read_text().replace("twitter", "ex"))
    importing(MEASUREMENTS, "--targets", other)
    assert [("ptcl", "ex", "blocked", "tls.reset.other")] == importing.spans()


def test_fingerprints_count_for_history_too(importing: Import, tmp_path: Path) -> None:
    prints, page = tmp_path / "prints.csv", tmp_path / "page.json"
    prints.write_text("name,scope,location_found,pattern_type,pattern\na.notice,nat,body,contains,Notice 12\n")
    page.write_text(json.dumps(built(url=PLAIN, requests=[fetch(PLAIN, body="Notice 12")], helper=None)))
    importing(page, "--fingerprints", prints)
    assert [("ptcl", "x", "blocked", "http.blockpage")] == importing.spans()


def test_a_history_that_cannot_be_used_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data := tmp_path / "data").mkdir()
    (data / "history.sqlite").write_text("no database " * 100)
    assert 1 == run(["ooni", "import", str(MEASUREMENTS), "--data", str(data)], {})
    expected = f"rabta-collector: {data}/history.sqlite: file is not a database"
    assert [expected] == capsys.readouterr().err.splitlines()
