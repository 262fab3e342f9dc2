"""The agent as a service of the volunteer's own account: what each platform has to be told. Pure.

Linux: a unit of the user's systemd (systemd.service(5)). macOS: a property list for launchd (launchd.plist(5)).
Windows: a task of its scheduler (Task Scheduler schema 1.2), as XML. All of them start the agent with the user's
session, without privileges, and again a while after it failed.
"""

import plistlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from subprocess import list2cmdline
from xml.sax.saxutils import escape

from rabta_agent.words import tr

UNIT = "rabta-agent.service"
LABEL = "org.rabta.agent"
TASK = "Rabta agent"
RESTART_S = 60

Command = tuple[str, ...]


class UnknownPlatformError(ValueError):
    """There is no service for this platform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is to run: a program with its first arguments, absolute, and the agent's home; both without line breaks."""

    command: tuple[str, ...]
    home: PurePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose service it is: the account's directory, its number (0 on Windows) and its environment."""

    directory: Path
    number: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One platform's way: a file, the commands that start it, and those that end it.

    Each of `start` has to succeed. Those of `stop` come before the file goes, and may fail: it may have
    ended by itself. Those of `forget` come after it.
    """

    file: Path
    content: bytes
    start: tuple[Command, ...]
    stop: tuple[Command, ...]
    forget: tuple[Command, ...] = ()


def recipe(platform: str, service: Service, owner: Owner) -> Recipe:
    """The way of a platform, as `sys.platform` names it. Raises `UnknownPlatformError`."""
    if platform.startswith("linux"):
        return _systemd(service, owner)
    if platform == "darwin":
        return _launchd(service, owner)
    if platform == "win32":
        return _task(service, owner)
    raise UnknownPlatformError(
        tr("no kind of service is known for {platform}; start `rabta-agent run` as others are", platform=platform)
    )


def _systemd(service: Service, owner: Owner) -> Recipe:
    configuration = owner.environment.get("XDG_CONFIG_HOME") or str(owner.directory / ".config")
    control = ("systemctl", "--user", "--quiet")
    return Recipe(
        file=Path(configuration) / "systemd" / "user" / UNIT,
        content=_UNIT.format(
            command=" ".join(map(_unit_word, (*service.command, "run"))),
            home=_unit_word(f"RABTA_HOME={service.home}", dollars=False),
            restart_s=RESTART_S,
        ).encode(),
        start=((*control, "daemon-reload"), (*control, "enable", "--now", UNIT)),
        stop=((*control, "disable", "--now", UNIT),),
        forget=((*control, "daemon-reload"),),
    )


def _unit_word(text: str, *, dollars: bool = True) -> str:
    """One word of a unit file, whatever is in it (systemd.syntax(7), "Quoting"; specifiers and variables)."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text.replace("$", "$$") if dollars else text}"'


def _launchd(service: Service, owner: Owner) -> Recipe:
    file = owner.directory / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    table = {
        "Label": LABEL,
        "ProgramArguments": [*service.command, "run"],
        "EnvironmentVariables": {"RABTA_HOME": str(service.home)},
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_S,
        "ProcessType": "Background",
        "LowPriorityIO": True,
        "Umask": 0o077,
    }
    domain = f"gui/{owner.number}"
    return Recipe(
        file=file,
        content=plistlib.dumps(table, sort_keys=False),
        start=(("launchctl", "bootstrap", domain, str(file)),),
        stop=(("launchctl", "bootout", f"{domain}/{LABEL}"),),
    )


def _task(service: Service, owner: Owner) -> Recipe:
    """The scheduler sets no environment: the home is a flag. conhost keeps a console's window from showing."""
    del owner
    file = Path(service.home) / "service.xml"
    arguments = list2cmdline(["--headless", *service.command, "run", "--home", str(service.home)])
    content = _TASK.format(arguments=escape(arguments), minutes=RESTART_S // 60)
    schtasks = "schtasks"
    return Recipe(
        file=file,
        content=content.encode("utf-16"),
        start=(
            (schtasks, "/Create", "/TN", TASK, "/XML", str(file), "/F"),
            (schtasks, "/Run", "/TN", TASK),
        ),
        stop=((schtasks, "/End", "/TN", TASK), (schtasks, "/Delete", "/TN", TASK, "/F")),
    )


_UNIT = """\
[Unit]
Description=Rabta agent: measures whether platforms are reachable

[Service]
Environment={home}
ExecStart={command}
Restart=on-failure
RestartSec={restart_s}
# Not joined or revoked: trying again is of no use.
RestartPreventExitStatus=2 3
TimeoutStopSec=15
Nice=10
UMask=0077
MemoryMax=256M
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX

[Install]
WantedBy=default.target
"""

_TASK = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Rabta agent: measures whether platforms are reachable</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger><Enabled>true</Enabled></LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
    <RestartOnFailure>
      <Interval>PT{minutes}M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>conhost.exe</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
