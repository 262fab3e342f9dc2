"""The commands of `rabta-agent`: arguments in, an exit code out.

Each command's module is imported when it is asked for, so that `version` does not wait for gRPC. Trouble is one line on
standard error (folded where that is a terminal), never a traceback.
"""

import errno
import importlib
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress

from rabta_agent import words
from rabta_agent.cli.lines import hang, terminal_width
from rabta_agent.cli.parser import PROGRAM, make_parser
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.home import find_home
from rabta_agent.strangers import in_words
from rabta_agent.version import agent_version

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
        return _complain(words.tr("the output cannot be written: {cause}", cause=in_words(wrong)), ExitCode.FAILED)
    except KeyboardInterrupt:
        return ExitCode.FAILED


def _run(arguments: Sequence[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    words.use(words.choose(given, os.environ, _kept_language(given)))
    options = make_parser().parse_args(given)
    if options.command == "version":
        print(f"{PROGRAM} {agent_version()}")
        return ExitCode.GOOD
    module = importlib.import_module(f"rabta_agent.cli.{options.module}")
    return int(getattr(module, options.command)(options))


def _kept_language(given: Sequence[str]) -> str:
    """The language that the home's configuration names, for help and complaints that come before it is read."""
    home = find_home(next(iter(words.flagged(given, "--home")), None), dict(os.environ))
    try:
        found = re.search(r'^lang *= *"(\w+)"', home.config_file.read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""


def _complain(problem: str, code: int) -> int:
    with suppress(OSError):
        print(hang(f"{PROGRAM}: ", problem, terminal_width(sys.stderr)), file=sys.stderr, flush=True)
    return code


def _give_up_output() -> None:
    """What could not be written would be tried again, and complained of, as the interpreter ends."""
    with suppress(OSError):
        sys.stdout.close()
