"""`serve`: runs the collector."""

import argparse
import asyncio
from collections.abc import Mapping

from rabta_collector import log
from rabta_collector.cli.options import add_config, config_of
from rabta_collector.config import KEYS

LOST = 3
"""Exit code: another collector writes the journal. To start again would take it back, for ever in turns."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("serve", help="take measurements, decide, and show the decisions")
    add_config(command, tuple(KEYS))
    command.set_defaults(run=run)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    config = config_of(options, environment)
    log.set_up(config.log_level)
    from rabta_collector import app  # gRPC and aiohttp: half a second that only this command needs

    return 0 if asyncio.run(app.run(config)) else LOST
