"""`pause`, `resume` and `limits`."""

import json
import time
from pathlib import Path

import pytest

from rabta_agent.cli import main
from rabta_agent.cli.control import parse_duration
from rabta_agent.exits import ExitCode
from rabta_agent.home import Home
from rabta_agent.words import width
from support.agents import credential


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("RABTA_HOME", str(tmp_path))
    monkeypatch.delenv("RABTA_LAB", raising=False)
    joined = Home(path=tmp_path)
    joined.save_credential(credential("https://c.example:443"))
    return joined


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400), ("1h30m", 5400), (" 2H ", 7200)]
)
def test_durations_are_written_as_people_write_them(text: str, seconds: int) -> None:
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "0m", "2 h", "400d", "2w"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


def test_a_pause_lasts_as_long_as_it_was_said(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    before = time.time()
    assert ExitCode.GOOD == main(["pause", "2h"])
    until = home.paused_until()
    assert until is not None
    assert before + 7200 <= until <= time.time() + 7200
    assert ExitCode.GOOD == main(["status"])
    assert "paused by you until" in capsys.readouterr().out
    assert ExitCode.GOOD == main(["resume"])
    assert home.paused_until() is None
    assert "goes on" in capsys.readouterr().out


def test_a_pause_without_an_end_lasts_until_resume(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.GOOD == main(["pause"])
    assert float("inf") == home.paused_until()
    capsys.readouterr()
    assert ExitCode.GOOD == main(["status", "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert ("paused", None) == (facts["hold"], facts["paused_until"])


def test_a_wrong_duration_is_wrong_usage(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.USAGE == main(["pause", "soon"])
    assert home.paused_until() is None
    assert '"soon" is no duration' in capsys.readouterr().err


def test_who_has_not_joined_has_nothing_to_pause(tmp_path: Path) -> None:
    assert ExitCode.NOT_JOINED == main(["pause", "--home", str(tmp_path / "none")])
    assert ExitCode.NOT_JOINED == main(["resume", "--home", str(tmp_path / "none")])


@pytest.mark.parametrize("language", ["en", "ur"])
def test_limits_fit_a_terminal_of_80_columns(
    home: Home, language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rabta_agent.cli.control.terminal_width", lambda: 80)
    assert ExitCode.GOOD == main(["limits", "--lang", language])
    assert [] == [line for line in capsys.readouterr().out.splitlines() if width(line) > 80]
    main(["version", "--lang", "en"])


def test_limits_names_those_of_traces_where_they_are_wanted(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    main(["limits"])
    assert "none: trace_path is not set" in capsys.readouterr().out
    home.config_file.write_text("trace_path = true\n", encoding="utf-8")
    main(["limits"])
    said = " ".join(capsys.readouterr().out.split())
    assert "4 a day, 1 of a host; each 48 connections, 400 packets, 64 kB, 20 hops" in said


def test_limits_names_every_ceiling(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.GOOD == main(["limits", "--bytes-per-day", "3MB"])
    said = capsys.readouterr().out
    for part in (
        "one in 1 s at most",
        "after 60 s",
        "after 20 s; 60 times an hour, 200 a day",
        "3.0 MB",
        "1 MB at most, one at a time; 50% of the bytes of a day",
        "LGBTQ+ (LGBT)",
        "384",
    ):
        assert part in said or part.replace("384", "393") in said
