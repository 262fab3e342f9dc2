"""What each platform is told: read back as that platform reads it."""

import plistlib
import subprocess
from pathlib import Path, PurePath
from xml.etree import ElementTree

import pytest

from rabta_agent.service import LABEL, TASK, UNIT, Owner, Service, UnknownPlatformError, recipe
from support.programs import require

OWNER = Owner(directory=Path("/home/saba"), number=501)
PLAIN = Service(command=("/home/saba/.local/bin/rabta-agent",), home=PurePath("/home/saba/.local/share/rabta-agent"))
ODD = Service(command=("/bin/echo", 'a "b" $c %d \\e & <f>'), home=PurePath('/home/s a/100% "$x"'))
SPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


@pytest.mark.parametrize("service", [PLAIN, ODD], ids=["plain", "odd"])
def test_systemd_reads_every_line_of_its_unit(service: Service, tmp_path: Path) -> None:
    unit = recipe("linux", service, OWNER)
    text = unit.content.decode().replace(PLAIN.command[0], "/bin/true")
    (tmp_path / UNIT).write_text(text, encoding="utf-8")
    command = [require("systemd-analyze", "systemd"), "verify", "--user", "--man=no", str(tmp_path / UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "" == "".join(line for line in done.stderr.splitlines(True) if UNIT in line)


def test_a_unit_means_the_words_that_it_was_given() -> None:
    """Quotes, variables and specifiers of systemd would change them."""
    text = recipe("linux", ODD, OWNER).content.decode()
    assert r'ExecStart="/bin/echo" "a \"b\" $$c %%d \\e & <f>" "run"' + "\n" in text
    assert r'Environment="RABTA_HOME=/home/s a/100%% \"$x\""' + "\n" in text


def test_a_unit_lies_where_the_user_keeps_configuration() -> None:
    moved = Owner(directory=OWNER.directory, environment={"XDG_CONFIG_HOME": "/elsewhere"})
    assert Path("/home/saba/.config/systemd/user") / UNIT == recipe("linux", PLAIN, OWNER).file
    assert Path("/elsewhere/systemd/user") / UNIT == recipe("linux", PLAIN, moved).file


def test_launchd_is_told_the_program_the_home_and_that_it_stays() -> None:
    made = recipe("darwin", ODD, OWNER)
    table = plistlib.loads(made.content)
    assert Path(f"/home/saba/Library/LaunchAgents/{LABEL}.plist") == made.file
    assert [*ODD.command, "run"] == table["ProgramArguments"]
    assert {"RABTA_HOME": str(ODD.home)} == table["EnvironmentVariables"]
    assert (LABEL, True, 0o077) == (table["Label"], table["RunAtLoad"], table["Umask"])
    assert (("launchctl", "bootstrap", "gui/501", str(made.file)),) == made.start
    assert (("launchctl", "bootout", f"gui/501/{LABEL}"),) == made.stop


def test_the_scheduler_of_windows_runs_it_without_a_window_and_without_an_end() -> None:
    made = recipe("win32", ODD, OWNER)
    task = ElementTree.fromstring(made.content.decode("utf-16"))
    found = {name: task.findtext(f".//{SPACE}{name}") for name in ("Command", "Arguments", "ExecutionTimeLimit")}
    told = r'--headless /bin/echo "a \"b\" $c %d \e & <f>" run --home "/home/s a/100% \"$x\""'
    assert {"Command": "conhost.exe", "Arguments": told, "ExecutionTimeLimit": "PT0S"} == found
    assert "LeastPrivilege" == task.findtext(f".//{SPACE}RunLevel")
    assert all(TASK in command for command in (*made.start, *made.stop))


def test_another_platform_is_named() -> None:
    with pytest.raises(UnknownPlatformError, match="plan9"):
        recipe("plan9", PLAIN, OWNER)
