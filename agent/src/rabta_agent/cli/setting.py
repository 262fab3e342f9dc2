"""Where a command runs: its home and its configuration, from what was typed and the environment."""

import argparse
import os
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING

from rabta_agent import words
from rabta_agent.config import KEYS, Config, InvalidConfigError, load_config
from rabta_agent.exits import CommandError, ExitCode
from rabta_agent.home import Home, find_home

if TYPE_CHECKING:
    from rabta_agent.measure import Prober
    from rabta_agent.network import Vantage


def setting(options: argparse.Namespace) -> tuple[Home, Config]:
    """Raises `CommandError` for a home or a configuration that cannot be used."""
    environment = dict(os.environ)
    home = find_home(options.home, environment)
    _check_place(home.path)
    given = {key: getattr(options, key, None) for key in KEYS}
    flags = {key: text for key, text in given.items() if text is not None}
    try:
        config = load_config(flags=flags, environment=environment, file=home.config_file)
        if config.lang is not None:
            words.use(config.lang)
        return home, config
    except InvalidConfigError as wrong:
        raise CommandError(str(wrong), ExitCode.USAGE) from None


def _check_place(path: Path) -> None:
    """A home that is a file has joined nothing, and never will."""
    try:
        usable = S_ISDIR(path.stat().st_mode)
    except NotADirectoryError:
        usable = False
    except OSError:
        return  # not there yet, or not for us to see: said where it is used
    if not usable:
        raise CommandError(words.tr("{path}: not a directory, so it is no home of an agent", path=path))


def vantage_of(config: Config) -> "Vantage":
    """How the probes measure."""
    from rabta_agent.network import Vantage  # brings asyncio along, which `status` and `log` do without

    return Vantage(lab=config.lab, source_address=config.source_address, system_resolvers=config.resolver)


def make_prober(vantage: "Vantage") -> "Prober":
    """What measures. Raises `CommandError` where `SSL_CERT_FILE` names nothing that can be trusted."""
    from random import SystemRandom

    from rabta_agent.clock import SystemClock
    from rabta_agent.measure import Prober
    from rabta_agent.probes.tlscontexts import RootsError

    try:
        return Prober(vantage, SystemClock(), SystemRandom())
    except RootsError as wrong:
        raise CommandError(str(wrong)) from None
