"""`make demo`: the whole system on this machine against the simulated country, with a story that plays.

With `--once` it plays the story, holds every verdict against the script, counts the measurements at both ends, and
exits with 0 or 1. Without, the country stays as the story leaves it until Ctrl-C.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.live import Live

from lab.alone import alone
from lab.atlas import PAKISTAN
from lab.board import matrix, write_outcome
from lab.country import Country
from lab.ledger import balance
from lab.monitoring import Monitoring, Places, installed
from lab.player import Player, keep
from lab.programs import ProgramError, one_error
from lab.referee import Seen
from lab.story import STORIES, Cell, Story, StoryError, load_story
from lab.system import Files, Ports, System, check_ports, free_port
from lab.watch import Watch

FILE_WIDTH = 132  # columns where no terminal says how many there are
ROOT = Path(__file__).resolve().parents[2]


class Demo:
    """One run: what it prints, and the order in which things begin and end."""

    def __init__(self, story: Story, files: Files, ports: Ports, *, once: bool) -> None:
        self._story = story
        self._files = files
        self._ports = ports
        self._once = once
        self._console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else FILE_WIDTH)
        self._live = Live(console=self._console, auto_refresh=False)
        self._latest: Mapping[Cell, Seen] = {}

    async def run(self, stop: asyncio.Event) -> bool:
        """Returns whether everything came out as scripted; raises ProgramError when it could not be played."""
        root = self._files.root
        with alone(root, "demo"):
            check_ports(self._ports)
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir(parents=True)
            async with Country(PAKISTAN, root, collector=("127.0.0.1", self._ports.grpc)) as country:
                system = System(country, self._files, self._ports)
                try:
                    async with self._watching(), Watch(self._ports.page) as watch:
                        return await self._run(system, watch, stop)
                finally:
                    system.kill()

    @contextlib.asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """Prometheus and Alertmanager at work beside the rest, where they are installed."""
        if not installed():
            self._tell(
                "Prometheus and Alertmanager are not installed: no alerts (prometheus, prometheus-alertmanager)."
            )
            yield
            return
        places = Places(collector=self._ports.http, prometheus=free_port(), alertmanager=free_port())
        monitoring = Monitoring(self._files.root / "monitoring", places)
        try:
            await monitoring.start()
            self._tell(f"{'Prometheus':>17}  {places.prometheus_url}/alerts")
            self._tell(f"{'Alertmanager':>17}  {places.alertmanager_url}")
            yield
        finally:
            monitoring.kill()

    async def _run(self, system: System, watch: Watch, stop: asyncio.Event) -> bool:
        self._introduce(system)
        begin = time.monotonic()
        await system.start(watch)
        who = f"The collector (process {system.collector.pid}) and {len(system.agents)} agents"
        self._tell(f"{who} run after {time.monotonic() - begin:.0f} s.")
        player = Player(system, watch, self._story, self._tell, self._show)
        finished = await self._until_stopped(system, player, stop)
        self._tell("Letting the agents send what they have, then stopping everything ...")
        await system.stop()
        ledger = await balance(system)
        if finished:
            write_outcome(self._console, player.referee.results, ledger)
        else:
            self._tell(f"Count: {ledger}.")
        return finished and not player.referee.failed and ledger.balanced

    async def _until_stopped(self, system: System, player: Player, stop: asyncio.Event) -> bool:
        """Plays while the programs are kept alive; returns whether the story came to its end."""
        with one_error():
            async with asyncio.TaskGroup() as tasks:
                keepers = [tasks.create_task(keep(*named, self._tell)) for named in system.programs]
                playing = tasks.create_task(self._play(player))
                stopping = tasks.create_task(stop.wait())
                await asyncio.wait((playing, stopping), return_when=asyncio.FIRST_COMPLETED)
                for task in (*keepers, playing, stopping):
                    task.cancel()
        return player.finished

    async def _play(self, player: Player) -> None:
        self._tell("Waiting until every platform is reachable at every ISP; then the story begins.")
        with self._live if self._console.is_terminal else contextlib.nullcontext():
            await player.settle()
            self._tell(f"The story begins: {self._story.title}.")
            await player.play()
            if not self._once:
                self._tell("The story is over. The country stays as it is until Ctrl-C.")
                await player.stay()
        self._console.print(matrix(PAKISTAN, self._latest, "In the end"))

    def _introduce(self, system: System) -> None:
        files = self._files
        for what, where in (
            ("page", self._ports.page),
            ("metrics", f"{self._ports.page}metrics"),
            ("agents join", system.country.relay(PAKISTAN.networks[0]) + " and the like, one relay for each network"),
            ("targets", files.targets),
            ("ISPs", files.isps),
            ("collector's data", files.data),
            ("agents' homes", f"{files.homes} (with NAME.env each, to be that agent in a shell)"),
            ("logs", files.logs),
            ("trusted root", system.country.roots),
        ):
            self._tell(f"{what:>17}  {where}")

    def _tell(self, line: str) -> None:
        self._console.print(line, markup=False)

    def _show(self, cells: Mapping[Cell, Seen], now: float | None) -> None:
        self._latest = cells
        when = "before the story" if now is None else f"{now:.0f} s of {self._story.length:.0f} s"
        if self._console.is_terminal:
            self._live.update(matrix(PAKISTAN, cells, f"{self._ports.page}   {when}"), refresh=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.demo", description="Rabta against a simulated country.")
    parser.add_argument("--once", action="store_true", help="play the story once, check it, exit 0 or 1")
    parser.add_argument("--story", type=Path, default=STORIES / "default.toml", help="a story file")
    parser.add_argument("--root", type=Path, default=ROOT / "build" / "demo", help="where everything is kept")
    arguments = parser.parse_args()
    try:
        story = load_story(arguments.story, PAKISTAN)
        ports = Ports(grpc=_port("RABTA_GRPC_PORT", 50051), http=_port("RABTA_HTTP_PORT", 8080))
        demo = Demo(story, Files(root=arguments.root), ports, once=arguments.once)
        return asyncio.run(_run(demo, once=arguments.once))
    except (StoryError, ProgramError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


async def _run(demo: Demo, *, once: bool) -> int:
    stop = asyncio.Event()

    def signalled() -> None:
        if stop.is_set():
            os._exit(130)  # the second time at once: the programs end with their starter
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signalled)
    good = await demo.run(stop)
    return 0 if good or (stop.is_set() and not once) else 1


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ProgramError(f"{name} is {text!r}, which is not a port")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
