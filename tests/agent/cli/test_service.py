"""`rabta-agent service`, with a `systemctl` that writes down what it was asked."""

import os
import sys
from pathlib import Path

import pytest

from rabta_agent.cli import main
from rabta_agent.exits import ExitCode
from rabta_agent.home import Home
from support.agents import credential

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="acts on Linux")


class Account:
    """Somebody's account: what is in it, and what its systemd was told."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(path=folder / "agent")
        self.unit = folder / "config" / "systemd" / "user" / "rabta-agent.service"
        self._told = folder / "told"
        self._program = folder / "bin" / "systemctl"
        self._program.parent.mkdir()
        self.systemd_answers(0)

    def systemd_answers(self, code: int) -> None:
        say = f"""#!/bin/sh\necho "$@" >>'{self._told}'\necho 'Failed to connect to bus' >&2\nexit {code}\n"""
        self._program.write_text(say, encoding="utf-8")
        self._program.chmod(0o755)

    @property
    def told(self) -> list[str]:
        return [line.removeprefix("--user --quiet ") for line in self._told.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("RABTA_HOME", str(made.home.path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    made.home.make()
    made.home.save_credential(credential("https://c.example:443"))
    return made


def test_an_installed_service_runs_this_program_in_this_home(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/x/bin/rabta-agent"])
    assert ExitCode.GOOD == main(["service", "install"])
    text = account.unit.read_text(encoding="utf-8")
    assert 'ExecStart="/opt/x/bin/rabta-agent" "run"\n' in text
    assert f'Environment="RABTA_HOME={account.home.path}"\n' in text
    assert ["daemon-reload", "enable --now rabta-agent.service"] == account.told
    assert str(account.unit) in capsys.readouterr().out


def test_a_single_file_is_run_by_its_python(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/rabta-agent.pyz"])
    assert ExitCode.GOOD == main(["service", "install"])
    assert f'ExecStart="{sys.executable}" "/opt/rabta-agent.pyz" "run"\n' in account.unit.read_text(encoding="utf-8")


def test_a_removed_service_leaves_nothing(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.GOOD == main(["service", "install"])
    assert ExitCode.GOOD == main(["service", "remove"])
    assert not account.unit.exists()
    assert ["disable --now rabta-agent.service", "daemon-reload"] == account.told[2:]
    assert ExitCode.GOOD == main(["service", "remove"])
    assert "There is no service" in capsys.readouterr().out


def test_where_systemd_does_not_answer_nothing_is_left(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.systemd_answers(1)
    assert ExitCode.FAILED == main(["service", "install"])
    assert "Failed to connect to bus" in capsys.readouterr().err
    assert not account.unit.exists()


def test_no_service_before_joining(account: Account) -> None:
    (account.home.path / "credential.json").unlink()
    assert ExitCode.NOT_JOINED == main(["service", "install"])
    assert not account.unit.exists()


def test_root_has_no_session_of_its_own(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert ExitCode.FAILED == main(["service", "install"])
    assert ".deb" in capsys.readouterr().err
    assert not account.unit.exists()


@pytest.mark.parametrize(("platform", "mark"), [("linux", "[Unit]"), ("darwin", "<plist"), ("win32", "<Task ")])
def test_each_platforms_file_can_be_looked_at_anywhere(
    account: Account, capsys: pytest.CaptureFixture[str], platform: str, mark: str
) -> None:
    assert ExitCode.GOOD == main(["service", "show", "--platform", platform])
    assert mark in capsys.readouterr().out
    assert not account.unit.exists()
