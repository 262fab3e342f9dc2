"""The commands, as an operator types them."""

import json
from pathlib import Path

import pytest

from rabta_collector.cli import run
from rabta_collector.datadir import DataDir
from rabta_collector.registry import Newcomer, Registry

NEWCOMER = Newcomer(isp="zong", province="", version="0.1.0")


class Terminal:
    """Runs a command and keeps what it said."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data, self._capsys = data, capsys

    def _run(self, arguments: tuple[str, ...]) -> object:
        try:
            return run(arguments, {"RABTA_DATA": str(self.data)})
        except SystemExit as wrong:
            return wrong.code

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Standard output, or the one line on standard error where `code` is not 0."""
        assert code == self._run(arguments)
        output = self._capsys.readouterr()
        if code:
            assert "" == output.out
            return output.err
        assert "" == output.err
        return output.out


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path / "data", capsys)


def test_an_invitation_is_a_line(terminal: Terminal) -> None:
    assert 3 == len(terminal("invite", "--isp", "ptcl", "--count", "3").splitlines())


def test_an_invitation_gives_what_was_asked(terminal: Terminal) -> None:
    token = terminal("invite", "--role", "control", "--uses", "2", "--expires", "1h").strip()
    registry = Registry(terminal.data / "state.sqlite")
    for _ in range(2):
        agent, _secret = registry.enrol(token, NEWCOMER, now=0.0)
        assert ("control", "") == (str(agent.role), agent.isp)
    registry.close()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--isp", "ptlc"), 1, '--isp: no ISP has the id "ptlc"; did you mean ptcl?'),
        (("--isp", "???"), 1, "one of: ptcl, nayatel"),
        (("--uses", "0"), 2, '"0" is no number from 1 to'),
        (("--expires", "week"), 2, '"week" is no duration'),
        (("--expires", "500d"), 2, "is not within 1s to 366d"),
        (("--role", "king"), 2, "invalid choice"),
    ],
)
def test_a_wrong_invitation_is_not_made(
    terminal: Terminal, arguments: tuple[str, ...], code: int, message: str
) -> None:
    assert message in terminal("invite", *arguments, code=code)


def test_an_invitation_is_held_against_the_isps_of_the_running_collector(terminal: Terminal) -> None:
    registry = Registry(DataDir(terminal.data).state)
    registry.keep_fact("isps", "alpha beta")
    registry.close()
    assert terminal("invite", "--isp", "alpha")
    assert "did you mean alpha?" in terminal("invite", "--isp", "alpa", code=1)


def test_agents_are_listed_and_revoked(terminal: Terminal) -> None:
    token = terminal("invite", "--isp", "ptcl").strip()
    registry = Registry(terminal.data / "state.sqlite")
    agent, secret = registry.enrol(token, NEWCOMER, now=1_700_000_000.0)
    registry.close()
    (listed,) = json.loads(terminal("agents", "--json"))["agents"]
    assert (agent.id, "ptcl", "2023-11-14T22:13:20Z", None) == (
        listed["agent"],
        listed["isp"],
        listed["enrolled"],
        listed["revoked"],
    )
    assert f"revoked {agent.id}\n" == terminal("revoke", agent.id)
    listing = terminal("agents")
    assert agent.id in listing
    assert secret not in listing
    assert json.loads(terminal("agents", "--json"))["agents"][0]["revoked"]


def test_a_wrong_agent_is_one_line(terminal: Terminal) -> None:
    terminal("invite")
    assert 'rabta-collector: no agent has the id "x"; `rabta-collector agents` lists them\n' == terminal(
        "revoke", "x", code=1
    )


def test_a_directory_of_nobody_is_not_made(terminal: Terminal) -> None:
    assert "no collector's data directory" in terminal("agents", code=1)
    assert not terminal.data.exists()


def test_a_good_targets_file_is_said_to_be_good(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('[[platform]]\nid = "x"\n[[platform.target]]\nurl = "https://x.com/"\ninterval = "60s"\n')
    assert "good\n1 platforms with 1 targets, 0 references; about 13 MB a day" in terminal(
        "targets", "check", str(file)
    )


def test_a_malformed_targets_file_names_file_line_and_key(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('[[platform]]\nid = "x"\n[[platform.target]]\nurl = "x.com"\n')
    wrong = terminal("targets", "check", str(file), code=1)
    assert f'rabta-collector: {file}:4: platform.target.url: "x.com" has no scheme' in wrong
    assert 1 == wrong.count("\n")


def test_the_effective_configuration_is_printed(terminal: Terminal) -> None:
    shown = terminal("config", "--grpc", "127.0.0.1:1234", "--lab")
    assert 'grpc = "127.0.0.1:1234"' in shown
    assert "lab = true" in shown


def test_wrong_usage_is_code_2(terminal: Terminal) -> None:
    assert "rabta-collector" in terminal("dance", code=2)
    assert "required" in terminal(code=2)


def test_the_version_is_a_line(terminal: Terminal) -> None:
    assert terminal("version").startswith("rabta-collector 0.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--grpc", "nowhere"), '--grpc: "nowhere" is not HOST:PORT'),
        (("--config", "missing.toml"), "missing.toml: No such file or directory"),
        (("--targets", "missing.toml"), "missing.toml: No such file or directory"),
        (("--tls-cert", "a", "--tls-key", "b"), "a: No such file or directory"),
        (("--data", "/dev/null/data"), "/dev/null/data: the data directory cannot be written: Not a directory"),
    ],
)
def test_what_keeps_a_collector_from_serving_is_one_line(
    terminal: Terminal, arguments: tuple[str, ...], message: str
) -> None:
    wrong = terminal("serve", *arguments, code=1)
    assert message in wrong
    assert 1 == wrong.count("\n")
