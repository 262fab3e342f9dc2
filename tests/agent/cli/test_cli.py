"""The command line: usage, errors on one line, and that looking costs little."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from rabta_agent.cli import main
from rabta_agent.exits import ExitCode
from rabta_agent.probes import quic


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
        (("probe",), "TARGET"),
        (("run", "--twice"), "unrecognized"),
        (("log", "--lines", "0"), "no number of lines"),
        (("join", "c.example", "--invite", "t"), "no scheme"),
        (("join", "http://c.example", "--invite", "t"), "not encrypted"),
        (("join", "https://c.example", "--invite", " "), "token is empty"),
        (("join", "https://c.example", "--invite", "t@sha256-short"), "pin of the invitation"),
        (("probe", "example.com"), "no scheme"),
        (("probe", "https://example.com/", "ftp://example.com/"), "ftp"),
        (("probe", "https://"), "no host"),
        (("probe", "tcp://example.com"), "port is missing"),
        (("probe", "dns:1.1.1.1"), "no name"),
        (("probe", "https://me:secret@example.com/"), "user name"),
        (("probe", "https://example.com/\nhttps://x.com/"), "control character"),
        (("config", "--bytes-per-day", "lots"), "--bytes-per-day"),
        (("run", "--source-address", "here"), "--source-address"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], text: str
) -> None:
    assert ExitCode.USAGE == run(*arguments)
    assert text in complaint(capsys)


def test_help_is_in_the_language_that_was_chosen_at_joining(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agent.toml").write_text('bytes_per_day = 5000000\nlang = "ur"\n', encoding="utf-8")
    assert ExitCode.GOOD == run("status", "--home", str(tmp_path), "--help")
    assert "استعمال" in capsys.readouterr().out
    assert ExitCode.USAGE == run("status", "--home", str(tmp_path), "--lang", "en", "--wrong")
    assert "unrecognized" in capsys.readouterr().err


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


@pytest.mark.parametrize("command", [("status",), ("log",), ("config",), ("run",), ("probe", "dns:x.com")])
@pytest.mark.parametrize("below", [(), ("deeper",)], ids=["file", "below a file"])
def test_a_home_that_is_a_file_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], below: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    home = tmp_path.joinpath("file", *below)
    assert ExitCode.FAILED == run(*command, "--home", str(home))
    assert f"{home}: not a directory" in complaint(capsys)


def test_quic_is_refused_where_it_is_not_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quic, "available", lambda: False)
    assert ExitCode.USAGE == run("probe", "quic://x.com/")
    assert "QUIC is not installed" in complaint(capsys)


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """A command as a shell runs it, `AGENT` standing for the program."""
    program = f"{shlex.quote(sys.executable)} -m rabta_agent"
    return subprocess.run(
        ["/bin/sh", "-c", line.replace("AGENT", program)], capture_output=True, text=True, check=False, timeout=60
    )


UNIX_ONLY = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@UNIX_ONLY
@pytest.mark.parametrize("command", ["version", "config", "status", "RABTA_LAB=1 AGENT probe dns:localhost --json"])
@pytest.mark.parametrize("output", [">/dev/full", ">&-"], ids=["full", "closed"])
def test_output_that_cannot_be_written_is_one_line(command: str, output: str) -> None:
    done = shell(f"{command if 'AGENT' in command else f'AGENT {command}'} {output}")
    assert (ExitCode.FAILED, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("rabta-agent: the output cannot be written: ")
    assert 1 == done.stderr.count("\n")


@UNIX_ONLY
def test_a_complaint_that_cannot_be_written_still_ends_the_command() -> None:
    assert ExitCode.USAGE == shell("AGENT probe x.com 2>/dev/full").returncode
    assert ExitCode.FAILED == shell("AGENT version >/dev/full 2>/dev/full").returncode


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = shell("{ AGENT config; echo $? >&2; } | true")
    assert "0\n" == done.stderr


def test_an_interrupt_while_modules_load_leaves_no_traceback(tmp_path: Path) -> None:
    """The first module that the program loads is one that is interrupted."""
    package = tmp_path / "argparse.py"
    package.write_text("raise KeyboardInterrupt")
    script = "import sys; from rabta_agent.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert (1, "", "") == (done.returncode, done.stdout, done.stderr)


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
