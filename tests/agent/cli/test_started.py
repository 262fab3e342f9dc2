"""What a volunteer is told to type is what works for them."""

import sys
from pathlib import Path

import pytest

from rabta_agent.cli.started import SERVICE_VARIABLE, how_to_start, is_service, typed


@pytest.fixture
def script(tmp_path: Path) -> Path:
    made = tmp_path / "bin" / "rabta-agent"
    made.parent.mkdir()
    made.write_text("#!/bin/sh\n", encoding="utf-8")
    made.chmod(0o755)
    return made


def test_what_the_shell_finds_goes_by_its_name(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    monkeypatch.setattr(sys, "argv", [str(script), "join"])
    assert "rabta-agent run" == typed("run")


def test_what_the_shell_does_not_find_goes_by_its_path(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", [str(script), "join"])
    assert f"{script} run" == typed("run")


def test_another_program_of_the_name_is_not_this_one(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "venv" / "rabta-agent"
    monkeypatch.setenv("PATH", str(script.parent))
    monkeypatch.setattr(sys, "argv", [str(other)])
    assert f"{other} status" == typed("status")


@pytest.mark.parametrize(
    ("started", "command"),
    [
        ("rabta-agent-0.1.0.pyz", "python3 rabta-agent-0.1.0.pyz run"),
        ("/x/rabta_agent/__main__.py", "python3 -m rabta_agent run"),
    ],
)
def test_a_file_and_a_module_are_started_by_python(started: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [started])
    assert command == typed("run")


def test_the_machines_service_is_started_by_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERVICE_VARIABLE, raising=False)
    assert not is_service()
    monkeypatch.setenv(SERVICE_VARIABLE, "rabta-agent.service")
    assert is_service()
    assert "systemctl start rabta-agent" == how_to_start()
