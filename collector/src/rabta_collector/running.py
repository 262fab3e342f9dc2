"""A collector, or a part of one, as a process: with its data directory to itself, until a signal."""

import os
from collections.abc import Callable
from typing import Protocol, TypeVar

from rabta_collector import garbage
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.stopping import stopping_on_signals


class Program(Protocol):
    def stop(self) -> None: ...
    async def serve(self) -> None: ...


P = TypeVar("P", bound=Program)


async def run(config: Config, make: Callable[[Config, DataDir], P]) -> P:
    """Serves until a signal; the program, for what it has to say in the end."""
    os.umask(0o077)  # every file of the data directory is its owner's
    data = DataDir(config.data)
    with data.locked():
        program = make(config, data)
        with stopping_on_signals(program.stop), garbage.seldom():
            await program.serve()
        return program
