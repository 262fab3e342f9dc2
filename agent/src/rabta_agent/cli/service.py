"""`rabta-agent service install|remove|show`: the agent starts with the volunteer's session, or does so no more."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from rabta_agent.cli.lines import say
from rabta_agent.cli.setting import setting
from rabta_agent.cli.started import program
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.service import Command, Owner, Recipe, Service, UnknownPlatformError, recipe
from rabta_agent.strangers import in_words
from rabta_agent.words import tr

_COMMAND_S = 60.0


def service(options: argparse.Namespace) -> ExitCode:
    """Acts for the account that types it, never for another or for the whole machine."""
    home, _config = setting(options)
    way = _way(options.platform or sys.platform, home.path)
    if options.action == "show":
        print(way.content.decode("utf-16" if way.file.suffix == ".xml" else "utf-8"), end="")
        return ExitCode.GOOD
    if options.platform not in ("", sys.platform):
        raise CommandError(tr("--platform is for `service show`"), ExitCode.USAGE)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        raise CommandError(
            tr("as root there is no session to start with; the .deb brings a service of the whole machine")
        )
    if options.action == "install":
        home.joined()
        _install(way)
        say(tr("Installed {file}, and started: it measures while you are logged in.", file=way.file))
        if sys.platform.startswith("linux"):
            say(tr("To have it measure when you are logged out, too: loginctl enable-linger"))
        return ExitCode.GOOD
    stopped = _remove(way)
    done = tr("Stopped, and removed {file}.", file=way.file)
    say(done if stopped else tr("There is no service: no {file}.", file=way.file))
    return ExitCode.GOOD


def _way(platform: str, home: Path) -> Recipe:
    number = os.getuid() if hasattr(os, "getuid") else 0
    owner = Owner(directory=Path.home(), number=number, environment=dict(os.environ))
    try:
        return recipe(platform, Service(command=program(), home=home), owner)
    except UnknownPlatformError as wrong:
        raise CommandError(str(wrong)) from None


def _install(way: Recipe) -> None:
    """Leaves nothing behind where it does not succeed."""
    try:
        way.file.parent.mkdir(parents=True, exist_ok=True)
        way.file.write_bytes(way.content)
    except OSError as wrong:
        raise CommandError(tr("{path}: cannot be written: {cause}", path=way.file, cause=in_words(wrong))) from None
    for command in way.start:
        if problem := _run(command):
            _remove(way)
            raise CommandError(
                tr("no service can be installed: {command}: {problem}", command=" ".join(command[:3]), problem=problem)
            )


def _remove(way: Recipe) -> bool:
    """Returns whether there was one."""
    for command in way.stop:
        _run(command)
    try:
        way.file.unlink()
    except FileNotFoundError:
        return False
    except OSError as wrong:
        raise CommandError(tr("{path}: cannot be removed: {cause}", path=way.file, cause=in_words(wrong))) from None
    for command in way.forget:
        _run(command)
    return True


def _run(command: Command) -> str:
    """What went wrong, in a line; empty: nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as wrong:
        return getattr(wrong, "strerror", "") or tr("no answer within {seconds:g} s", seconds=_COMMAND_S)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip() or done.stdout.strip() or tr("exit code {code}", code=done.returncode)).splitlines()[0]
