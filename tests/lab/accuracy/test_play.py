"""A few scenarios, played to their end on loopback with the real collector and real agents as processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
IN_TIME_S = 900  # a repeat for which the machine was too busy begins anew


def accuracy(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab.accuracy", *arguments],
        cwd=TESTS,
        env=os.environ | {"COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=IN_TIME_S,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(IN_TIME_S + 10)
def test_scenarios_are_played_scored_and_written(tmp_path: Path) -> None:
    wanted = {"sni-reset", "plain-https", "dead-site-http", "no-control-silent"}
    file = tmp_path / "accuracy.json"
    done = accuracy("--lab", "loopback", "--root", str(tmp_path / "play"), "--json", str(file), "--scenario", *wanted)
    assert 0 == done.returncode, done.stdout + done.stderr
    written = json.loads(file.read_text(encoding="utf-8"))
    assert wanted == {run["scenario"] for run in written["runs"]}
    assert all(run["right"] for run in written["runs"])
    assert [] == written["missed"]
    assert "loopback: 4 runs of 4 scenarios, 4 right" in done.stdout
    assert not list((tmp_path / "play").rglob("journal.sqlite"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "nonsense"], "accuracy: no scenario nonsense"),
        (["--lab", "loopback", "--scenario", "lossy-https"], "accuracy: none of these scenarios is for loopback"),
        (["--repeats", "0"], "--repeats: 0 is less than 1"),
    ],
)
def test_what_cannot_be_played_is_said_in_one_line(arguments: list[str], message: str) -> None:
    done = accuracy(*arguments)
    assert (2, message) == (done.returncode, done.stderr.strip().splitlines()[-1].removeprefix("lab.accuracy: error: "))
