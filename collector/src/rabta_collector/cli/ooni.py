"""`ooni`: what OONI's web_connectivity measurements say by our rules.

`classify` prints one JSON object on a line for each; `import` takes them into the history of a data directory, beside a
running collector, which shows them at once. Standard error names by file and line what cannot be read, and for
`classify` whatever is no such measurement; the exit code is then 1, though all else was judged or imported.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from rabta_collector.cli.options import add_config, config_of
from rabta_collector.cli.progress import Progress
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.history.file import HistoryFile, naming
from rabta_collector.history.keeper import refresh
from rabta_collector.history.places import PLACES, Places, make_places, read_places
from rabta_collector.isps import load_isps
from rabta_collector.ooni.importing import Importer
from rabta_collector.ooni.judge import judge, why_not
from rabta_collector.ooni.prints import load_prints
from rabta_collector.ooni.reader import Trouble, read_path
from rabta_collector.registry import Registry
from rabta_collector.targets import load_catalogue


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
    config = config_of(options, environment)
    prints = load_prints(options.fingerprints)
    data = DataDir(config.data)
    places, progress = _places(config, data), Progress()
    with naming(data.history), closing(HistoryFile(data.history)) as file:
        refresh(file, places, lambda done, of: _tell_refresh(progress, done, of))
        importer = Importer(
            file=file,
            places=places,
            prints=prints,
            now=time.time(),
            trouble=lambda trouble: progress.say(str(trouble)),
            step=lambda: progress.tell(lambda: f"{importer.counts.read} read, {progress.rate(importer.counts.read)}"),
        )
        for path in options.files:
            importer.take(read_path(path))
        importer.flush()
        refresh(file, places, lambda done, of: _tell_refresh(progress, done, of))
    sys.stdout.write(f"{importer.counts}; {progress.rate(importer.counts.read)}\n")
    return 1 if importer.counts.unreadable else 0


def _tell_refresh(progress: Progress, done: int, of: int) -> bool:
    progress.tell(lambda: f"{done} of {of} judged anew" if of else "making spans of what was found")
    return True


def _places(config: Config, data: DataDir) -> Places:
    """Those of the configuration, or of the collector that serves from here; the default ones where there is none."""
    with closing(Registry(data.state)) as registry:
        served = registry.fact(PLACES)
    if served is not None and config.targets is None and config.isps is None:
        return read_places(served)
    return make_places(load_catalogue(config.targets), load_isps(config.isps))
