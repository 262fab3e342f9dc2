"""`status`, `log` and `config` as a volunteer and a script read them."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rabta_agent.cli import main
from rabta_agent.contacts import Contact, contact_of
from rabta_agent.exits import ExitCode
from rabta_agent.home import Home
from rabta_agent.inflight import Settled
from rabta_agent.spool import Spool
from rabta_proto.model import Measurement, Observation, TcpConnect
from rabta_proto.vocabulary import AddressSource
from support.agents import credential

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MEASUREMENT = Measurement(
    target="https://x.com/",
    started_at=NOW,
    duration_us=1,
    agent_version="1",
    bytes_sent=1200,
    bytes_received=5300,
    observations=(
        Observation(
            detail=TcpConnect(address="192.0.2.1", port=443, source=AddressSource.SYSTEM), offset_us=0, duration_us=1
        ),
    ),
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("RABTA_HOME", str(tmp_path))
    monkeypatch.delenv("RABTA_LAB", raising=False)
    joined = Home(path=tmp_path)
    joined.save_credential(credential("https://c.example:443"))
    spool = Spool(joined.spool_file, limit_bytes=10**6, today=lambda: datetime.now(UTC))
    spool.append(MEASUREMENT, contact_of(MEASUREMENT))
    delivery = Contact(at=NOW, purpose="collector", peers=("c.example:443",), bytes_sent=700, bytes_received=200)
    spool.settle(Settled(accepted=(1,), rejected=(), reasons=frozenset()), delivery)
    spool.close()
    return joined


def test_status_for_a_person(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.GOOD == main(["status"])
    text = capsys.readouterr().out
    for part in (
        "agent-1, ISP ptcl",
        "https://c.example:443, not running",
        "none yet",
        "1 delivered, 0 waiting",
    ):
        assert part in text


def test_status_says_why_measurements_were_dropped(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(home.spool_file)) as connection:
        connection.execute("UPDATE counter SET value = 7 WHERE name = 'dropped'")
        connection.execute("UPDATE counter SET value = 3 WHERE name = 'dropped_old'")
        connection.execute("UPDATE counter SET value = value + 7 WHERE name = 'produced'")
        connection.commit()
    assert ExitCode.GOOD == main(["status"])
    assert "7 dropped (4 full, 3 too old), 0 rejected" in capsys.readouterr().out


def test_status_for_a_script(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.GOOD == main(["status", "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert (True, 1, 7400) == (facts["joined"], facts["acked"], facts["bytes_today"])


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"]])
def test_status_of_a_home_that_never_joined_is_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert ExitCode.NOT_JOINED == main([*arguments, "--home", str(tmp_path / "new")])
    text = capsys.readouterr().out
    assert "Not joined" in text or json.loads(text)["joined"] is False
    assert not (tmp_path / "new").exists()


def test_log_tells_whom_when_and_how_many_bytes(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.GOOD == main(["log"])
    first, second = capsys.readouterr().out.splitlines()
    at = f"{datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).astimezone():%Y-%m-%d %H:%M:%S}"
    assert f"{at}  https://x.com/: 192.0.2.1:443; 1200 bytes sent, 5300 received" == first
    assert f"{at}  collector: c.example:443; 700 bytes sent, 200 received" == second


def test_log_shows_the_last_lines_and_json(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.GOOD == main(["log", "--lines", "1", "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    expected = {
        "at": "2026-01-02T03:04:05Z",
        "purpose": "collector",
        "peers": ["c.example:443"],
        "bytes_sent": 700,
        "bytes_received": 200,
    }
    assert expected == json.loads(line)


def test_log_of_an_agent_that_did_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.GOOD == main(["log", "--home", str(tmp_path / "new")])
    assert "Nobody was contacted yet.\n" == capsys.readouterr().out
    assert ExitCode.GOOD == main(["log", "--json", "--home", str(tmp_path / "new")])
    assert "" == capsys.readouterr().out


@pytest.mark.parametrize("command", ["status", "log"])
def test_a_spool_that_cannot_be_read_is_one_line(home: Home, capsys: pytest.CaptureFixture[str], command: str) -> None:
    home.spool_file.write_bytes(b"garbage" * 1000)
    assert ExitCode.FAILED == main([command])
    assert 1 == capsys.readouterr().err.count("\n")


def test_config_shows_what_is_in_force(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.config_file.write_text('bytes_per_day = "5MB"')
    assert ExitCode.GOOD == main(["config", "--log-level", "debug"])
    text = capsys.readouterr().out
    assert "bytes_per_day = 5000000" in text
    assert 'log_level = "debug"' in text
    assert str(home.path) in text
