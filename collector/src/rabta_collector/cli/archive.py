"""`archive`: seals the days that are over; the collector that serves has it run by itself.

With `--keep` it is a part of a collector in parts: it stays, and has each day sealed when that is over.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from rabta_collector.archive.sealing import Archive, ArchiveError, Sources, sealed_to
from rabta_collector.cli.options import add_config, config_of, existing_data, refuse_share
from rabta_collector.config import KEYS, Config
from rabta_collector.datadir import DataDir
from rabta_collector.registries import open_registry
from rabta_collector.rows import where_of
from rabta_collector.signing import load_signer

HEAD = "archive_head"
"""Fact of the registry: day and digest of the newest checkpoint."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("archive", help="seal the days that are over, and sign them")
    command.add_argument(
        "--keep", action="store_true", help="stay, and seal each day when it is over: on NATS, beside ingest and decide"
    )
    add_config(command, tuple(key for key in KEYS if key != "share"))
    command.set_defaults(run=run)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    config = config_of(options, environment)
    refuse_share(config)
    if options.keep:
        from rabta_collector import log
        from rabta_collector.roles import archiving  # aiohttp, which only this needs

        log.set_up(config.log_level)
        asyncio.run(archiving.run(config))
        return 0
    data = existing_data(config)
    sources = Sources(where_of(config), data.record, load_signer(data.plan_key), _fill(config, data))
    archive = Archive(data.archive, sources)
    with closing(open_registry(config)) as registry:
        for sealed in archive.seal_due(time.time()):
            registry.keep_fact(head_of(config, data), f"{sealed.day} {sealed.digest}")
            damaged = f", {sealed.damaged} damaged rows kept as they were" if sealed.damaged else ""
            sys.stdout.write(
                f"{sealed.day}: {sealed.rows} rows, {sealed.events} events, {sealed.bytes} bytes{damaged};"
                f" checkpoint {sealed.digest}\n"
            )
            sys.stdout.flush()
    return 0


def head_of(config: Config, data: DataDir) -> str:
    """Under which name the registry has it: several archives of one stream share a registry."""
    return HEAD if isinstance(where_of(config), Path) else f"{HEAD}_{data.name()}"


def _fill(config: Config, data: DataDir) -> Callable[[], None]:
    """Where many processes write the journal, the record is made of the stream of what they decided."""
    where = where_of(config)
    if isinstance(where, Path):
        return lambda: None
    from rabta_collector.jetstream.hearing import Hearing  # the extra `[nats]`
    from rabta_collector.jetstream.link import ApiError, NoAnswerError
    from rabta_collector.jetstream.moving import is_shared

    async def hear() -> None:
        hearing = Hearing(where, data.record, lambda: sealed_to(data.archive))
        try:
            await hearing.catch_up()
        except (ApiError, NoAnswerError) as wrong:
            raise ArchiveError(f"{where}: events cannot be read: {wrong}") from None
        finally:
            await hearing.close()

    return (lambda: asyncio.run(hear())) if is_shared(where) else lambda: None
