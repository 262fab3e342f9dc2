"""`targets check`: reads a targets file as `serve` would, and says what it comes to."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from rabta_collector.catalogue import Catalogue
from rabta_collector.share import Terms, day_bytes
from rabta_collector.targets import load_catalogue


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("targets", help="look after targets files")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser("check", help="read a targets file and say what is wrong with it")
    check.add_argument("file", metavar="FILE", type=Path)
    check.add_argument("--data", metavar="DIR", help="as with every command; nothing is read from it")
    check.set_defaults(run=run)


def run(options: argparse.Namespace, _environment: Mapping[str, str]) -> int:
    catalogue = load_catalogue(options.file)
    sys.stdout.write(f"{options.file}: good\n{describe(catalogue)}\n")
    return 0


def describe(catalogue: Catalogue) -> str:
    """What a catalogue comes to, for its operator."""
    count = sum(len(platform.targets) for platform in catalogue.platforms)
    megabytes = day_bytes(catalogue.targets, Terms(floor_s=0.0, bytes_per_day=None)) / 1e6
    resolvers = "" if catalogue.resolvers.doh else "\nno DoH resolver: a lie of DNS shows by the controls alone"
    return (
        f"{len(catalogue.platforms)} platforms with {count} targets, {len(catalogue.references)} references; "
        f"about {megabytes:.0f} MB a day for each ISP, shared among its agents{resolvers}"
    )
