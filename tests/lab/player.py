"""Plays a story in a running system: does the acts at their times, and shows the referee what the collector says.

It also keeps the programs alive: one that ends, by whatever hand, is named and started again on the same data.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping

from lab.censor import Rule
from lab.country import Country
from lab.programs import Program, ProgramError
from lab.referee import Referee, Result, Seen
from lab.story import Act, Cell, Event, Story
from lab.system import System
from lab.waiting import until
from lab.watch import NotAnswering, Watch, shown_in_metrics
from rabta_proto.vocabulary import State

BEAT_S = 0.5  # the collector decides on this grid
SETTLED_S = 90.0
_SOON_S = 30.0
_TOO_OFTEN = 5  # a program that ends so many times in a row cannot run

Tell = Callable[[str], None]
Show = Callable[[Mapping[Cell, Seen], float | None], None]
"""Told what stands in the cells and which second of the story it is; `None` before it begins."""


class Player:
    """One play of one story."""

    def __init__(self, system: System, watch: Watch, story: Story, tell: Tell, show: Show) -> None:
        self._system = system
        self._watch = watch
        self._story = story
        self._tell = tell
        self._show = show
        self._cells: Mapping[Cell, Seen] = {}
        self.began = time.time()
        self.finished = False
        self.referee = Referee(story.expectations)

    async def settle(self) -> None:
        """Waits until every platform is reachable at every ISP; raises ProgramError that names what is not."""
        wanted = {expected.cell for expected in self._story.expectations if expected.cell.platform}

        async def settled() -> bool:
            await self._look(None)
            return all(self._state(cell) == State.REACHABLE for cell in wanted)

        try:
            await until(settled, within=SETTLED_S, beat=BEAT_S)
        except TimeoutError:
            late = [f"{c.platform} at {c.isp} is {self._state(c)}" for c in sorted(wanted, key=str)]
            open_ = [line for line in late if not line.endswith(State.REACHABLE)]
            raise ProgramError(f"not everything became reachable within {SETTLED_S:g} s: {'; '.join(open_)}") from None

    async def play(self) -> None:
        """Plays to the end; what became of it is in `referee`."""
        self.began = time.time()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._act_in_turn())
            tasks.create_task(self._look_until_the_end())
        self.finished = True

    async def stay(self) -> None:
        """Goes on showing, with everything as the story left it."""
        while True:
            await self._look(self._now)
            await asyncio.sleep(BEAT_S)

    @property
    def _now(self) -> float:
        return time.time() - self.began

    def _state(self, cell: Cell) -> str:
        seen = self._cells.get(cell)
        return seen.state if seen else "not known"

    async def _act_in_turn(self) -> None:
        for act in self._story.acts:
            await asyncio.sleep(max(0.0, act.at - self._now))
            await perform(act, self._system.country)
            if act.say:
                self._tell(f"{self._now:5.1f} s  {act.say}")

    async def _look_until_the_end(self) -> None:
        while (now := self._now) < self._story.length:
            if await self._look(now):
                for result in self.referee.see(now, self._cells):
                    self._report(result)
                await self._confirm()
            await asyncio.sleep(BEAT_S)

    async def _look(self, now: float | None) -> bool:
        """Reads what stands; `False`: the collector does not answer."""
        try:
            self._cells = await self._watch.cells()
        except NotAnswering:
            return False
        self._show(self._cells, now)
        return True

    def _report(self, result: Result) -> None:
        cell, seen = result.expected.cell, result.broken_by or result.last
        if (result.expected.at == 0 and result.broken_at is None) or seen is None:
            return
        what = f"{cell.platform or 'the network'} at {cell.isp}: {seen.state}" + (
            f", {seen.mechanism}" if seen.mechanism else ""
        )
        how = "NOT as scripted" if result.broken_at is not None else f"{result.took:.1f} s after the switch"
        self._tell(f"{self._now:5.1f} s  {what} ({how})")

    async def _confirm(self) -> None:
        if not self.referee.unconfirmed:
            return
        try:
            metrics = await self._watch.metrics()
        except NotAnswering:
            return
        for result in self.referee.unconfirmed:
            seen = self._cells.get(result.expected.cell)
            result.in_metrics = seen is not None and shown_in_metrics(metrics, result.expected.cell, seen)


async def perform(act: Act, country: Country) -> None:
    """Lets an act happen."""
    match act.what:
        case Rule() as rule:
            for isp in act.isps:
                await country.censor(isp, act.site, rule)
        case Event.SHUT:
            for isp in act.isps:
                await country.shut(isp)
        case Event.RESTORE:
            for isp in act.isps:
                await country.restore(isp)
        case Event.TAKE_DOWN:
            await country.take_down(act.site)
        case Event.BRING_UP:
            await country.bring_up(act.site)


async def keep(name: str, program: Program, tell: Tell, *, pause_s: float = BEAT_S) -> None:
    """Starts a program again whenever it ends, until cancelled; raises ProgramError when it will not run."""
    in_a_row = 0
    while True:
        begin = time.monotonic()
        code = await program.ended()
        in_a_row = in_a_row + 1 if time.monotonic() - begin < _SOON_S else 1
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}: {program.last_words()}"
        if in_a_row >= _TOO_OFTEN:
            raise ProgramError(f"{name} does not run: {how}")
        tell(f"{name} ended ({how}); starting it again with the same data")
        await asyncio.sleep(pause_s * in_a_row)
        await program.start()
        tell(f"{name} is process {program.pid} now")
