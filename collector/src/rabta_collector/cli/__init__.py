"""The command line: one module per command, one line on standard error for whatever goes wrong.

Exit codes: 0 good, 1 failed, 2 wrong usage, 3 another collector took the journal over (`serve`).
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

from rabta_collector.cli import (
    agents,
    archive,
    configuration,
    export,
    importing,
    invite,
    journal,
    ooni,
    roles,
    serve,
    targets,
    verify,
)
from rabta_collector.config import InvalidFlagError

COMMANDS = (serve, roles, invite, agents, targets, export, importing, ooni, archive, verify, journal, configuration)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(
        prog="rabta-collector", description="Keeps what Rabta's agents measure, and decides."
    )
    commands = root.add_subparsers(metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add(commands)
    return root


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs one command; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options, environment))
    except (ValueError, RuntimeError) as wrong:  # each error of ours is one of these, and its message one line
        if not type(wrong).__module__.startswith("rabta_collector"):
            raise
        print(f"rabta-collector: {wrong}", file=sys.stderr)
        return 2 if isinstance(wrong, InvalidFlagError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has enough of it
        return 0
