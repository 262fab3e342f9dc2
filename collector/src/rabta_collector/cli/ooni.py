"""`ooni`: what OONI's web_connectivity measurements say by our rules.

`classify` prints one JSON object on a line for each; `import` takes them into the history of a data directory, beside a
running collector, which shows them at once. Standard error names by file and line what cannot be read, and for
`classify` whatever is no such measurement; the exit code is then 1, though all else was judged or imported.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from rabta_collector.cli.options import add_config, config_of
from rabta_collector.cli.past import import_past
from rabta_collector.ooni.judge import judge, why_not
from rabta_collector.ooni.prints import load_prints
from rabta_collector.ooni.reader import Trouble, read_path


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("ooni", help="read OONI's measurements")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    classify = actions.add_parser("classify", help="judge web_connectivity measurements by Rabta's rules")
    _add_files(classify)
    classify.set_defaults(run=run)
    importing = actions.add_parser("import", help="take web_connectivity measurements into history")
    _add_files(importing)
    add_config(importing, ("data", "targets", "isps"))
    importing.set_defaults(run=import_)


def _add_files(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "files", metavar="FILE", type=Path, nargs="+", help="JSON or JSON lines, plain or gzip, or a directory of such"
    )
    command.add_argument(
        "--fingerprints",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="block pages to know, CSV as in OONI's blocking-fingerprints; may be given again",
    )


def run(options: argparse.Namespace, _environment: Mapping[str, str]) -> int:
    prints, code = load_prints(options.fingerprints), 0
    for path in options.files:
        for found in read_path(path):
            if isinstance(found, Trouble):
                code = _complain(str(found))
            elif (other := why_not(found.record)) is not None:
                code = _complain(f"{found.place}: {other}")
            else:
                print(json.dumps(judge(found.record, prints)))
    return code


def _complain(what: str) -> int:
    """One line for what is not judged, and the exit code for it."""
    print(f"rabta-collector: {what}", file=sys.stderr)
    return 1


def import_(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    return import_past(config_of(options, environment), options.files, {}, load_prints(options.fingerprints))
