"""`status` as a table: what holds measuring back, what the network says, and what is new."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rabta_agent.cli import main
from rabta_agent.config import Config
from rabta_agent.home import Home
from rabta_agent.probes.ear import NOT_ALLOWED
from rabta_agent.status import newer_than_own, read_status
from rabta_agent.version import agent_version
from rabta_agent.words import width
from support.agents import credential
from support.scripted_collector import signed_plan

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
HELD = {
    "x": {
        "ptcl": {"state": "blocked", "mechanism": "tls.reset.sni", "since": 1_767_300_000},
        "jazz": {"state": "reachable", "mechanism": "", "since": 0},
        "zong": {"state": "reachable", "mechanism": "", "since": 0},
    },
    "wikipedia": {"jazz": {"state": "down", "mechanism": "", "since": 0}},
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("RABTA_HOME", str(tmp_path))
    monkeypatch.delenv("RABTA_LAB", raising=False)
    joined = Home(path=tmp_path)
    joined.save_credential(credential("https://c.example:443"))
    joined.save_note("standing", {"at": 1_767_350_000, "held": HELD})
    return joined


def table(capsys: pytest.CaptureFixture[str], *flags: str) -> list[str]:
    main(["status", *flags])
    return capsys.readouterr().out.splitlines()


def test_it_says_of_each_platform_what_is_held_here_and_elsewhere(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = table(capsys)
    (x,) = (line for line in lines if line.startswith("x "))
    (wikipedia,) = (line for line in lines if line.startswith("wikipedia "))
    assert ["blocked", "since"] == x.split()[1:3]
    assert x.endswith("reachable 2")
    assert "cut as soon as the site's name is sent" in lines[lines.index(x) + 1]
    assert lines[lines.index(x) + 1].endswith("(tls.reset.sni)")
    assert ["not", "known", "down", "1"] == wikipedia.split()[1:]


def test_it_says_of_traces_how_many_there_were_or_why_there_are_none(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not any(line.startswith("path ") for line in table(capsys))
    home.config_file.write_text("trace_path = true\n", encoding="utf-8")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    home.save_note("traces", {"day": today, "hosts": ["x.com", "y.com"], "obstacle": ""})
    assert any("looked at 2 times today, 4 at most" in line for line in table(capsys))
    home.save_note("traces", {"obstacle": NOT_ALLOWED})
    said = " ".join(" ".join(table(capsys)).split())
    assert "cannot be looked at here: it takes the right to open raw sockets (CAP_NET_RAW)" in said
    facts = read_status(home, Config(trace_path=True), NOW)
    assert (True, NOT_ALLOWED, 0) == (facts["trace_path"], facts["trace_obstacle"], facts["traced_today"])


@pytest.mark.parametrize("language", ["en", "ur"])
def test_it_fits_a_terminal_of_80_columns(
    home: Home, language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rabta_agent.cli.show.terminal_width", lambda: 80)
    lines = table(capsys, "--lang", language)
    assert [] == [line for line in lines if width(line) > 80 and str(home.path) not in line]
    main(["version", "--lang", "en"])


def test_a_script_reads_the_same(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = table(capsys, "--json")
    assert (HELD, "2026-01-02T10:33:20Z") == (json.loads(line)["standing"], json.loads(line)["standing_at"])


def test_what_a_running_agent_noted_counts_only_while_it_runs(home: Home) -> None:
    home.save_note("now", {"hold": "vpn", "network": {"kind": "wifi", "vpn": True}})
    assert (None, None) == (read_status(home, Config(), NOW)["hold"], read_status(home, Config(), NOW)["network"])
    with home.locked():
        facts = read_status(home, Config(), NOW)
    assert ("vpn", "wifi") == (facts["hold"], facts["network"]["kind"])


def test_only_a_version_above_this_one_is_news() -> None:
    own = agent_version()
    assert "999.0" == newer_than_own("999.0")
    assert [None] * 4 == [newer_than_own(text) for text in (own, "0.0.1", "", "latest")]


def test_a_newer_version_is_said_and_left_to_the_volunteer(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.save_plan(signed_plan("https://x.com/", version=1, newest="999.1").SerializeToString())
    assert any("999.1" in line and "never updates itself" in line for line in table(capsys))
