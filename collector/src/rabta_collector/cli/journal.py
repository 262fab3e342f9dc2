"""`journal copy`: moves a journal from its file to NATS JetStream, or back, while no collector serves."""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from contextlib import closing

from rabta_collector.cli.options import add_config, config_of, existing_data
from rabta_collector.cli.progress import Progress
from rabta_collector.config import InvalidFlagError
from rabta_collector.jetstream.place import Place, parse_place
from rabta_collector.registries import move_out

FILE = "sqlite"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("journal", help="move the journal to NATS, or back")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    copy = actions.add_parser("copy", help="copy every row, under its own number; again to go on where one broke off")
    add_config(copy)
    for flag, whose in (("--from", "source"), ("--to", "target")):
        copy.add_argument(flag, metavar="JOURNAL", dest=whose, required=True, help="sqlite, or nats://HOST:PORT/STREAM")
    copy.set_defaults(run=run)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    config = config_of(options, environment)
    data = existing_data(config)
    source, target = _place(options.source, "--from"), _place(options.target, "--to")
    if (source is None) == (target is None):
        raise InvalidFlagError("one of --from and --to is sqlite, and the other one a URL")
    with data.locked(), closing(Progress()) as progress:

        def tell(what: str, done: int, last: int) -> None:
            progress.tell(lambda: f"{what} {done} of {last}", lambda: done / max(1, last))

        from rabta_collector.jetstream import copying  # the extra `[nats]`

        if target is not None:
            copied = asyncio.run(copying.to_stream(data.journal, data.archive, target, tell))
        else:
            assert source is not None
            copied = copying.to_file(source, data.journal, data.archive, tell)
            if agents := move_out(source, data):
                sys.stdout.write(f"{agents} agents, and what else the registry on NATS knew, taken into {data.state}\n")
    sys.stdout.write(f"{copied} rows copied to {options.target}; serve with --journal {options.target}\n")
    return 0


def _place(text: str, flag: str) -> Place | None:
    """`None`: the file of the data directory."""
    if text == FILE:
        return None
    try:
        return parse_place(text)
    except ValueError as wrong:
        raise InvalidFlagError(f"{flag}: {wrong}") from None
