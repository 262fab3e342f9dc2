"""Options that several commands share."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from rabta_collector.config import KEYS, Config, InvalidConfigError, load_config
from rabta_collector.datadir import DataDir, DataDirError

OF_WHOLE = tuple(key for key in KEYS if key != "share")
"""Keys of a command that leaves no ISP to another process."""


def add_config(command: argparse.ArgumentParser, keys: tuple[str, ...] = ("data",)) -> None:
    """Adds `--config` and flags of these keys."""
    command.add_argument("--config", metavar="FILE", type=Path, help="configuration, TOML")
    for key in keys:
        flag, meaning = f"--{key.replace('_', '-')}", KEYS[key].meaning
        if key == "lab":
            command.add_argument(flag, action="store_const", const="true", help=meaning)
        else:
            command.add_argument(flag, metavar=key.upper(), help=meaning)


def config_of(options: argparse.Namespace, environment: Mapping[str, str]) -> Config:
    """The effective configuration of a command."""
    flags = {key: value for key in KEYS if (value := getattr(options, key, None)) is not None}
    return load_config(flags=flags, environment=environment, file=options.config)


def refuse_share(config: Config) -> None:
    """Of a command that leaves no ISP to another process. Raises `InvalidConfigError`."""
    if not config.share.whole:
        raise InvalidConfigError(f"share: {config.share} is for `decide` alone; leave it out here")


def existing_data(config: Config) -> DataDir:
    """The data directory of a collector that has run. Raises `DataDirError`."""
    if not any((config.data / name).exists() for name in ("state.sqlite", "plan.key", "record.sqlite")):
        raise DataDirError(
            f"{config.data}: no collector's data directory; see --data, or run `rabta-collector serve` first"
        )
    return DataDir(config.data)
