"""`leave`, as far as it goes without a collector; tests/e2e/test_carry.py has the rest."""

from pathlib import Path

import pytest

from rabta_agent.cli import main
from rabta_agent.exits import ExitCode
from rabta_agent.home import Home
from support.agents import credential


def test_who_leaves_while_the_agent_runs_is_told_to_end_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(path=tmp_path)
    home.save_credential(credential("https://c.example:443"))
    with home.locked():
        assert ExitCode.FAILED == main(["leave", "--home", str(tmp_path)])
    said = capsys.readouterr().err
    assert "the agent runs: end it first" in said
    assert "service remove" in said
    assert home.credential() is not None
