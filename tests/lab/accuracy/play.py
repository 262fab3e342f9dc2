"""Plays scenarios in a lab, as often as wanted: the lab is opened once, every repeat has new collectors and agents."""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from lab.accuracy.evidence import tell
from lab.accuracy.lag import punctual
from lab.accuracy.score import Run
from lab.accuracy.world import Play, Tell
from lab.accuracy.worlds import World, worlds_of
from lab.place import Lab
from lab.programs import ProgramError, one_error
from lab.scenario import Scenario

ATTEMPTS = 5  # at one repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Repeats in one lab. Everything is under `root`; `keep` leaves it there. Each repeat adds to `runs` at its end.

    `turn` is shared with what plays beside this.
    """

    lab: Lab
    root: Path
    tell: Tell
    keep: bool
    runs: list[Run]
    turn: asyncio.Semaphore

    async def play(self, scenarios: Sequence[Scenario], repeats: Sequence[int]) -> None:
        """Plays these repeats, one after the other. Raises ProgramError where a world cannot be played to its end."""
        shutil.rmtree(self.root, ignore_errors=True)
        worlds = worlds_of(scenarios)
        try:
            await self.lab.open(scenarios, self.root / "lab")
            self.tell(f"open, with {len(scenarios)} scenarios in {len(worlds)} worlds")
            for repeat in repeats:
                played = await self._play_to_the_end(worlds, repeat)
                self.runs.extend(played)
                self.tell(f"repeat {repeat}: {sum(run.right for run in played)} of {len(played)} right")
        finally:
            await self.lab.close()

    async def _play_to_the_end(self, worlds: Sequence[World], repeat: int) -> list[Run]:
        """One repeat, begun anew where the machine was too busy for it: an hour's series should not end by that.

        Whether it counts does not hang on its verdicts.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._play_in_time(worlds, repeat)
            except ProgramError as error:
                self.tell(f"repeat {repeat} does not count, and begins anew: {error}")
        return await self._play_in_time(worlds, repeat)

    async def _play_in_time(self, worlds: Sequence[World], repeat: int) -> list[Run]:
        async with punctual() if self.lab.in_this_loop else nullcontext():
            return await self._play_once(worlds, repeat)

    async def _play_once(self, worlds: Sequence[World], repeat: int) -> list[Run]:
        """One repeat, all worlds side by side."""
        folder = self.root / f"repeat-{repeat}"
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        plays = [Play(self.lab, world, folder / world.name.replace(" ", "-"), self.tell, self.turn) for world in worlds]
        with one_error():
            async with asyncio.TaskGroup() as tasks:
                results = [tasks.create_task(play.play(repeat)) for play in plays]
        runs = []
        for play, result in zip(plays, results, strict=True):
            runs += result.result()
            self._write_evidence(play, result.result())
        if not self.keep:
            await asyncio.to_thread(shutil.rmtree, folder)
        return runs

    def _write_evidence(self, play: Play, runs: Sequence[Run]) -> None:
        """A file for each run that was not right."""
        folder = self.root / "wrong"
        for run in runs:
            if not run.right:
                folder.mkdir(parents=True, exist_ok=True)
                text = tell(run, play.journal)
                (folder / f"{run.scenario.id}-{run.repeat}.txt").write_text(text, encoding="utf-8")
