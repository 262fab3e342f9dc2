"""`config` prints the effective configuration as a file; `version` the version."""

import argparse
import sys
from collections.abc import Mapping
from importlib.metadata import version

from rabta_collector.cli.options import add_config, config_of
from rabta_collector.config import KEYS, to_toml


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    show = commands.add_parser("config", help="print the effective configuration")
    add_config(show, tuple(KEYS))
    show.set_defaults(run=run)
    number = commands.add_parser("version", help="print the version")
    number.add_argument("--data", metavar="DIR", help="as with every command; nothing is read from it")
    number.set_defaults(run=print_version)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    sys.stdout.write(to_toml(config_of(options, environment)))
    return 0


def print_version(_options: argparse.Namespace, _environment: Mapping[str, str]) -> int:
    sys.stdout.write(f"rabta-collector {version('rabta-collector')}\n")
    return 0
