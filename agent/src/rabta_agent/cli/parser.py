"""What may be typed: every command, with its flags and their meanings, in the language in use."""

import argparse
from typing import NoReturn

from rabta_agent.exits import ExitCode
from rabta_agent.words import LANGUAGES, lookup, mark, tr

PROGRAM = "rabta-agent"
_OWN_WORDS = (  # argparse's own, which it looks up by itself
    mark("usage: "),
    mark("positional arguments"),
    mark("options"),
    mark("show this help message and exit"),
    mark("the following arguments are required: %s"),
    mark("unrecognized arguments: %s"),
    mark("expected one argument"),
    mark("argument %(argument_name)s: %(message)s"),
    mark("invalid choice: %(value)r (choose from %(choices)s)"),
)


class Parser(argparse.ArgumentParser):
    """argparse, with its complaint on one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: {message} ({tr('see {command}', command=f'{self.prog} --help')})\n")


class Commands:
    """Adds commands to a parser."""

    def __init__(self) -> None:
        argparse._ = lookup  # type: ignore[attr-defined] # argparse looks its own words up by this name
        self.parser = Parser(
            prog=PROGRAM, description=tr("Measures whether platforms can be reached from here, and how they fail.")
        )
        self._commands = self.parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(self, name: str, module: str, summary: str) -> argparse.ArgumentParser:
        """A command, and the module of it that is imported when it is asked for."""
        command = self._commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(module=module)
        command.add_argument("--lang", choices=LANGUAGES, help=tr("language of what is printed"))
        if module:
            command.add_argument("--home", metavar="DIR", help=tr("where the agent keeps everything (RABTA_HOME)"))
            command.add_argument("--log-level", metavar="LEVEL", help=tr("debug, info, warning or error"))
        return command


def make_parser() -> argparse.ArgumentParser:
    """All commands."""
    commands = Commands()
    _add_joining(commands)
    _add_measuring(commands)
    _add_looking(commands)
    _add_service(commands)
    _add_leaving(commands)
    commands.add("version", "", tr("the version of this agent"))
    return commands.parser


def _add_joining(commands: Commands) -> None:
    join = commands.add("join", "join", tr("join a collector, with the invitation that you were given"))
    join.add_argument("url", metavar="URL", help=tr("the collector, https://HOST[:PORT], or the link of an invitation"))
    join.add_argument("--invite", metavar="TOKEN", help=tr("the invitation, as the operator gave it"))
    join.add_argument("--isp", default="", metavar="ID", help=tr("your ISP, where the invitation does not say"))
    province = tr("your province, if you like; never anything finer")
    join.add_argument("--province", default="", metavar="NAME", help=province)
    join.add_argument("--agree", action="store_true", help=tr("ask nothing: you know what it does, and agree"))
    _add_wishes(join)


def _add_wishes(command: argparse.ArgumentParser) -> None:
    """What the volunteer may set, at joining for good."""
    command.add_argument("--bytes-per-day", metavar="BYTES", help=tr("most bytes a day, such as 15MB"))
    command.add_argument("--leave-out", metavar="CODES", help=tr("categories of sites never to measure, such as NEWS"))
    command.add_argument("--take-in", metavar="CODES", help=tr("risky categories to measure all the same"))
    command.add_argument("--quiet-hours", metavar="HOURS", help=tr("hours of silence, such as 23:00-07:00"))
    command.add_argument("--least-charge", metavar="PERCENT", help=tr("battery below which nothing is measured"))
    command.add_argument("--through-vpn", metavar="YES|NO", help=tr("measure through a VPN, too, marked as such"))
    command.add_argument("--when-metered", metavar="YES|NO", help=tr("measure where bytes are paid for"))


def _add_measuring(commands: Commands) -> None:
    run = commands.add("run", "run", tr("measure what the plan asks for, and send it"))
    run.add_argument("--once", action="store_true", help=tr("every target once, until all is acknowledged"))
    _add_wishes(run)
    probe = commands.add("probe", "probe", tr("measure now, without a collector"))
    probe.add_argument("targets", nargs="+", metavar="TARGET", help="https://… http://… quic://… tcp://… dns:…")
    probe.add_argument("--json", action="store_true", help=tr("one rabta.v1.Measurement in protobuf JSON per line"))
    for command in (run, probe):
        source = tr("measure from this address of the machine")
        command.add_argument("--source-address", metavar="ADDRESS", help=source)
        resolver = tr("in place of the machine's own resolvers")
        command.add_argument("--resolver", metavar="ADDRESS[:PORT]", help=resolver)


def _add_looking(commands: Commands) -> None:
    status = commands.add("status", "show", tr("what the agent does, and what waits"))
    status.add_argument("--json", action="store_true", help=tr("the same as one JSON object"))
    log = commands.add("log", "show", tr("what was contacted, when, and how many bytes it took"))
    log.add_argument("--lines", type=_positive, default=50, metavar="N", help=tr("the last N entries (50)"))
    log.add_argument("--json", action="store_true", help=tr("one JSON object per line"))
    explain = commands.add("explain", "explain", tr("the last measurement of an address or a platform, in plain words"))
    explain.add_argument("what", metavar="WHAT", help=tr("an address of the plan, a host or a platform"))
    limits = commands.add("limits", "control", tr("what no plan can make this agent do"))
    config = commands.add("config", "show", tr("what is set, written as the file that it can be set in"))
    for command in (status, limits, config):
        command.add_argument("--bytes-per-day", metavar="BYTES", help=tr("most bytes a day, such as 15MB"))


def _add_service(commands: Commands) -> None:
    summary = tr("start with your session, in the background, or do so no more")
    service = commands.add("service", "service", summary)
    shown = tr("show: print what would be installed")
    service.add_argument("action", choices=("install", "remove", "show"), help=shown)
    platform = tr("for show: linux, darwin (macOS) or win32")
    service.add_argument("--platform", default="", metavar="NAME", help=platform)


def _add_leaving(commands: Commands) -> None:
    pause = commands.add("pause", "control", tr("measure nothing and contact nobody for a while"))
    duration = tr("such as 30m, 2h or 1d; without it until `resume`")
    pause.add_argument("duration", nargs="?", default="", metavar="DURATION", help=duration)
    commands.add("resume", "control", tr("go on after a pause"))
    carried = tr("write what waits into a file that only the collector can read, to be carried there")
    export = commands.add("export", "carry", carried)
    export.add_argument("file", metavar="FILE", help=tr("the file, made anew"))
    leave = commands.add("leave", "carry", tr("erase everything here, and revoke the credential at the collector"))
    leave.add_argument("--force", action="store_true", help=tr("erase here also where the collector cannot be told"))
    forget = tr("ask the collector to forget whose your measurements were; they themselves stay there")
    leave.add_argument("--delete-measurements", action="store_true", help=forget)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(tr('"{text}" is no number of lines', text=text))
    return int(text)
