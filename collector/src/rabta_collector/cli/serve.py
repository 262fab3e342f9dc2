"""`serve`: runs the collector."""

import argparse
import asyncio
from collections.abc import Mapping

from rabta_collector import log
from rabta_collector.cli.options import OF_WHOLE, add_config, config_of, refuse_share

LOST = 3
"""Exit code: another collector writes the journal. To start again would take it back, for ever in turns."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("serve", help="take measurements, decide, and show the decisions")
    add_config(command, OF_WHOLE)
    command.set_defaults(run=run)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    config = config_of(options, environment)
    refuse_share(config)
    log.set_up(config.log_level)
    from rabta_collector import app  # gRPC and aiohttp: half a second that only this command needs

    return 0 if asyncio.run(app.run(config)) else LOST
