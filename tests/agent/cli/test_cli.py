"""The command line: usage, errors on one line, and that looking costs little."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from rabta_agent.cli import main
from rabta_agent.exits import ExitCode


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of whoever runs the tests, and none that a command leaves behind."""
    for name in ("RABTA_LAB", "RABTA_RESOLVER", "RABTA_SOURCE_ADDRESS", "RABTA_BYTES_PER_DAY", "RABTA_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RABTA_HOME", str(tmp_path / "home"))
    yield
    structlog.reset_defaults()


def run(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:  # argparse
        return int(ended.code or 0)


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert "" == out
    assert err.startswith("rabta-agent")
    assert 1 == err.count("\n")
    return err


def test_version_prints_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.GOOD == run("version")
    assert capsys.readouterr().out.startswith("rabta-agent ")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "COMMAND"),
        (("dance",), "invalid choice"),
        (("join", "https://c.example"), "--invite"),
        (("probe",), "URL"),
        (("run", "--twice"), "unrecognized"),
        (("log", "--lines", "0"), "no number of lines"),
        (("join", "c.example", "--invite", "t"), "no scheme"),
        (("join", "http://c.example", "--invite", "t"), "not encrypted"),
        (("join", "https://c.example", "--invite", " "), "token is empty"),
        (("probe", "example.com"), "no scheme"),
        (("probe", "https://example.com/", "ftp://example.com/"), "ftp"),
        (("probe", "https://"), "no host"),
        (("config", "--bytes-per-day", "lots"), "--bytes-per-day"),
        (("run", "--source-address", "here"), "--source-address"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], text: str
) -> None:
    assert ExitCode.USAGE == run(*arguments)
    assert text in complaint(capsys)


def test_an_unknown_key_names_the_key_and_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "agent.toml").write_text("colour = 1")
    assert ExitCode.USAGE == run("config")
    text = complaint(capsys)
    assert "colour" in text
    assert "agent.toml" in text


def test_running_without_having_joined_is_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.NOT_JOINED == run("run")
    assert "not joined" in complaint(capsys)


def test_a_home_that_is_a_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "home").touch()
    assert ExitCode.FAILED == run("join", "https://127.0.0.1:1", "--invite", "t")
    assert "not a directory" in complaint(capsys)


def imported_by(command: str) -> set[str]:
    script = f"import sys\nfrom rabta_agent.cli import main\nmain(['{command}'])\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_version_waits_for_nothing_heavy() -> None:
    heavy = {"grpc", "asyncio", "ssl", "google.protobuf", "structlog", "cryptography", "dns", "sqlite3"}
    assert set() == imported_by("version") & heavy


@pytest.mark.parametrize("command", ["status", "log", "config"])
def test_looking_never_loads_grpc(command: str) -> None:
    assert not {"grpc", "dns.message", "h11"} & imported_by(command)
