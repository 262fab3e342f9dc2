"""`ingest` and `decide`: the parts of a collector, as processes of their own on one journal on NATS."""

import argparse
import asyncio
from collections.abc import Mapping

from rabta_collector import log
from rabta_collector.cli.options import OF_WHOLE, add_config, config_of, refuse_share
from rabta_collector.config import KEYS


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    takes = commands.add_parser("ingest", help="take agents and journal what they measured, as one process of many")
    add_config(takes, OF_WHOLE)
    takes.set_defaults(run=ingest)
    decides = commands.add_parser("decide", help="decide on what others journal, and show the decisions")
    add_config(decides, tuple(KEYS))
    decides.set_defaults(run=decide)


def ingest(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    config = config_of(options, environment)
    refuse_share(config)
    log.set_up(config.log_level)
    from rabta_collector.roles import ingesting  # gRPC and aiohttp: half a second that only this command needs

    asyncio.run(ingesting.run(config))
    return 0


def decide(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    config = config_of(options, environment)
    log.set_up(config.log_level)
    from rabta_collector.roles import deciding

    asyncio.run(deciding.run(config))
    return 0
