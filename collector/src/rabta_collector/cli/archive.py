"""`archive`: seals the days that are over; the collector that serves has it run by itself."""

import argparse
import sys
import time
from collections.abc import Mapping
from contextlib import closing

from rabta_collector.archive.sealing import Archive, Sources
from rabta_collector.cli.options import add_config, config_of, existing_data
from rabta_collector.registries import open_registry
from rabta_collector.rows import where_of
from rabta_collector.signing import load_signer

HEAD = "archive_head"
"""Fact of the registry: day and digest of the newest checkpoint."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("archive", help="seal the days that are over, and sign them")
    add_config(command, ("data", "journal"))
    command.set_defaults(run=run)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    config = config_of(options, environment)
    data = existing_data(config)
    archive = Archive(data.archive, Sources(where_of(config), data.record, load_signer(data.plan_key)))
    with closing(open_registry(config)) as registry:
        for sealed in archive.seal_due(time.time()):
            registry.keep_fact(HEAD, f"{sealed.day} {sealed.digest}")
            damaged = f", {sealed.damaged} damaged rows kept as they were" if sealed.damaged else ""
            sys.stdout.write(
                f"{sealed.day}: {sealed.rows} rows, {sealed.events} events, {sealed.bytes} bytes{damaged};"
                f" checkpoint {sealed.digest}\n"
            )
            sys.stdout.flush()
    return 0
