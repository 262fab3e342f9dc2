"""`ooni classify`: judges OONI's web_connectivity measurements by our rules, one JSON object on a line for each.

Standard error names by file and line what is no such measurement; the exit code is 1 only where a file could not be
read.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from rabta_collector.ooni.judge import judge, why_not
from rabta_collector.ooni.prints import load_prints
from rabta_collector.ooni.reader import Trouble, read_path


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("ooni", help="read OONI's measurements")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    classify = actions.add_parser("classify", help="judge web_connectivity measurements by Rabta's rules")
    classify.add_argument(
        "files", metavar="FILE", type=Path, nargs="+", help="JSON or JSON lines, plain or gzip, or a directory of such"
    )
    classify.add_argument(
        "--fingerprints",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="block pages to know, CSV as in OONI's blocking-fingerprints; may be given again",
    )
    classify.set_defaults(run=run)


def run(options: argparse.Namespace, _environment: Mapping[str, str]) -> int:
    prints, code = load_prints(options.fingerprints), 0
    for path in options.files:
        for found in read_path(path):
            if isinstance(found, Trouble):
                code = 1 if found.lost else code
                print(f"rabta-collector: {found}", file=sys.stderr)
            elif (other := why_not(found.record)) is not None:
                print(f"rabta-collector: {found.place}: {other}", file=sys.stderr)
            else:
                print(json.dumps(judge(found.record, prints)))
    return code
