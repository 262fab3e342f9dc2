"""The commands of `rabta-agent`: arguments in, an exit code out.

Each command's module is imported when it is asked for, so that `version` does not wait for gRPC. Trouble is one line on
standard error, never a traceback.
"""

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.version import agent_version

PROGRAM = "rabta-agent"
_UNWRITABLE = {errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command."""
    # gRPC writes to standard error on its own otherwise, of things that are reported here anyway.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    if sys.stdout is None:
        # Whoever closed it would not learn that the output is lost, and the next socket would take its number.
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    try:
        try:
            return _run(arguments)
        finally:  # `--help` ends in SystemExit
            sys.stdout.flush()
    except CommandError as wrong:
        return _complain(str(wrong), wrong.code)
    except BrokenPipeError:  # `rabta-agent log | head`
        _give_up_output()
        return ExitCode.GOOD
    except OSError as wrong:
        if wrong.filename is not None or wrong.errno not in _UNWRITABLE:
            raise
        _give_up_output()
        return _complain(f"the output cannot be written: {wrong.strerror}", ExitCode.FAILED)
    except KeyboardInterrupt:
        return ExitCode.FAILED


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    if options.command == "version":
        print(f"{PROGRAM} {agent_version()}")
        return ExitCode.GOOD
    module = importlib.import_module(f"rabta_agent.cli.{options.module}")
    return int(getattr(module, options.command)(options))


def _complain(problem: str, code: int) -> int:
    with suppress(OSError):
        print(f"{PROGRAM}: {problem}", file=sys.stderr, flush=True)
    return code


def _give_up_output() -> None:
    """What could not be written would be tried again, and complained of, as the interpreter ends."""
    with suppress(OSError):
        sys.stdout.close()


class _Parser(argparse.ArgumentParser):
    """argparse, with its complaint on one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM, description="Measures whether platforms can be reached from here, and how they fail."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, module: str, summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(module=module)
        return command

    join = add("join", "join", "exchange an invitation for a credential and a first plan")
    join.add_argument("url", metavar="URL", help="the collector, https://HOST[:PORT]")
    join.add_argument("--invite", required=True, metavar="TOKEN", help="the invitation, as the operator gave it")
    join.add_argument("--isp", default="", metavar="ID", help="your ISP, where the invitation does not say")
    join.add_argument("--province", default="", metavar="NAME", help="your province, if you like; never anything finer")
    run = add("run", "run", "measure what the plan asks for, and send it")
    run.add_argument("--once", action="store_true", help="every target once, until all is acknowledged")
    probe = add("probe", "probe", "measure now, without a collector")
    probe.add_argument("targets", nargs="+", metavar="TARGET", help="https://… http://… quic://… tcp://… dns:…")
    probe.add_argument("--json", action="store_true", help="one rabta.v1.Measurement in protobuf JSON per line")
    status = add("status", "show", "what the agent does, and what waits")
    status.add_argument("--json", action="store_true", help="the same as one JSON object")
    log = add("log", "show", "what was contacted, when, and how many bytes it took")
    log.add_argument("--lines", type=_positive, default=50, metavar="N", help="the last N entries (50)")
    log.add_argument("--json", action="store_true", help="one JSON object per line")
    export = add(
        "export", "carry", "write what waits into a file that only the collector can read, to be carried there"
    )
    export.add_argument("file", metavar="FILE", help="the file, made anew")
    leave = add("leave", "carry", "erase everything, here and the credential at the collector")
    leave.add_argument("--force", action="store_true", help="erase here also where the collector cannot be told")
    service = add("service", "service", "start with your session, in the background, or do so no more")
    service.add_argument("action", choices=("install", "remove", "show"), help="show: print what would be installed")
    service.add_argument("--platform", default="", metavar="NAME", help="for show: linux, darwin (macOS) or win32")
    config = add("config", "show", "the effective configuration, as a file")
    add("version", "", "the version of this agent")
    for command in (run, probe):
        command.add_argument("--source-address", metavar="ADDRESS", help="measure from this address of the machine")
        command.add_argument("--resolver", metavar="ADDRESS[:PORT]", help="in place of the machine's own resolvers")
    for command in (run, status, config):
        command.add_argument("--bytes-per-day", metavar="BYTES", help="most bytes a day, such as 15MB")
    for command in (join, run, probe, status, log, export, leave, service, config):
        command.add_argument("--home", metavar="DIR", help="where the agent keeps everything (RABTA_HOME)")
        command.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    return parser


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f'"{text}" is no number of lines')
    return int(text)
