"""The home: who may read it, one agent at a time, files whole or not at all."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.home import Credential, Home, Link, find_home

CREDENTIAL = Credential(
    agent_id="a1",
    secret="s3cret",
    role="probe",
    isp="ptcl",
    plan_public_key="00" * 32,
    endpoints=("http://127.0.0.1:1",),
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(path=tmp_path / "deep" / "home")
    made.make()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_reads_a_home(home: Home) -> None:
    home.save_credential(CREDENTIAL)
    assert (0o700, 0o600) == (mode(home.path), mode(home.path / "credential.json"))


def test_a_credential_comes_back_as_it_was_saved(home: Home) -> None:
    home.save_credential(CREDENTIAL)
    assert CREDENTIAL == home.credential() == home.joined()


def test_a_home_without_a_credential_has_not_joined(home: Home) -> None:
    assert home.credential() is None
    with pytest.raises(CommandError, match="not joined") as raised:
        home.joined()
    assert ExitCode.NOT_JOINED is raised.value.code


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"endpoints": []}', '{"endpoints": 3}', "\x00"])
def test_a_damaged_credential_is_one_line(home: Home, text: str) -> None:
    (home.path / "credential.json").write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match=r"credential\.json: damaged"):
        home.credential()


def test_a_secret_never_shows_in_a_representation() -> None:
    assert "s3cret" not in repr(CREDENTIAL)


def test_a_plan_replaces_the_former_one(home: Home) -> None:
    assert home.plan() is None
    home.save_plan(b"one")
    home.save_plan(b"two")
    assert b"two" == home.plan()
    assert [] == [path.name for path in home.path.iterdir() if path.name.endswith(".new")]


def test_a_draft_left_by_a_kill_is_in_nobodys_way(home: Home) -> None:
    (home.path / ".plan.bin.new").write_bytes(b"half")
    home.save_plan(b"whole")
    assert b"whole" == home.plan()


def test_a_link_comes_back_and_a_damaged_one_is_none(home: Home) -> None:
    link = Link(connected=True, endpoint="https://c.example:443", since=1.5)
    home.save_link(link)
    assert link == home.link()
    (home.path / "link.json").write_text("{")
    assert home.link() is None


def test_a_second_agent_on_the_same_home_is_refused(home: Home) -> None:
    with home.locked():
        assert home.in_use()
        with pytest.raises(CommandError, match="another agent runs"), Home(path=home.path).locked():
            pass
    assert not home.in_use()


def test_a_killed_agent_leaves_no_lock_behind(home: Home) -> None:
    script = (
        "import sys, pathlib\nfrom rabta_agent.home import Home\n"
        "with Home(path=pathlib.Path(sys.argv[1])).locked():\n print('held', flush=True)\n sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(home.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert b"held\n" == other.stdout.readline()
        assert home.in_use()
        other.kill()
    assert not home.in_use()


def test_a_home_in_the_place_of_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="not a directory this agent can write to"):
        Home(path=tmp_path / "file").make()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CommandError, match="not a directory this agent can write to"):
        Home(path=tmp_path / "home").make()


def test_the_flag_goes_before_the_variable_and_that_before_the_platforms_own(tmp_path: Path) -> None:
    environment = {"RABTA_HOME": str(tmp_path / "variable")}
    assert tmp_path / "flag" == find_home(str(tmp_path / "flag"), environment).path
    assert tmp_path / "variable" == find_home(None, environment).path
    assert "rabta-agent" == find_home(None, {}).path.name


def test_a_home_that_may_not_go_is_erased_all_the_same(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service's home lies in /var/lib, where its user may remove nothing."""

    def refuse(_self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    home.save_credential(CREDENTIAL)
    monkeypatch.setattr(Path, "rmdir", refuse)
    assert (["credential.json"], []) == home.erase()
    assert [] == list(home.path.iterdir())
