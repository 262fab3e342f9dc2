"""One collector with its agents as processes: set up from nothing, waited for, read, and ended.

Probes begin first. Controls follow once every agent has measured everything, because a control's look counts most that
began after the agents'.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.accuracy.journal import JournalReader
from lab.accuracy.looks import Missing
from lab.accuracy.score import Run
from lab.accuracy.worlds import AGENTS, CONFIG, World, interval_s, isps_file, targets_file
from lab.place import Lab, Place
from lab.programs import AGENT, COLLECTOR, Program, ProgramError, environment, one_error, run
from lab.scenario import Scenario
from lab.waiting import until

READY_S = 180.0  # for a command, or for the collector to answer, on however busy a machine
PASS_S = 420.0  # for all agents, or all controls, to measure everything
REST_S = 30.0
BEAT_S = 1.0
AT_ONCE = 6  # agents that join side by side, in all worlds together
_BYTES_PER_DAY = "100GB"
_NICE = ("nice", "-n", "10")  # the lab's servers go first: late answers from them would be silence

Tell = Callable[[str], None]
Verdicts = dict[tuple[str, str], dict[str, Any]]
"""By ISP and platform, as the API has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A probe or a control. `isp` is empty for a control."""

    name: str
    isp: str
    place: Place


class Play:
    """One world of one repeat; everything is under `root`. `turn` bounds how many agents join side by side."""

    def __init__(self, lab: Lab, world: World, root: Path, tell: Tell, turn: asyncio.Semaphore) -> None:
        self.world = world
        self.journal = JournalReader(path=root / "collector" / "journal.sqlite")
        self._lab = lab
        self._hub = lab.hub(world.number)
        self._root = root
        self._tell = tell
        self._turn = turn
        self._programs: list[Program] = []

    async def play(self, repeat: int) -> list[Run]:
        """Raises ProgramError where it cannot be played to its end."""
        try:
            await self._start_collector()
            await self._start_agents("probe", [self._probe(v, n) for v in self.world.vantages for n in _count(AGENTS)])
            await self._until_measured("agents", self.journal.looks.by_agents)
            if self.world.controls:
                await self._start_agents("control", [self._control(n) for n in _count(self.world.controls)])
                await self._until_measured("controls", self.journal.looks.by_controls)
            verdicts = await self._settled()
            await asyncio.to_thread(self.journal.read)
            return [_run(self._lab.name, repeat, scenario, verdicts) for scenario in self.world.scenarios]
        finally:
            for program in self._programs:
                program.kill()
            await asyncio.gather(*(program.ended() for program in self._programs if program.pid))

    # Programs

    async def _start_collector(self) -> None:
        self._data.mkdir(parents=True)
        texts = {
            "targets": self._targets(),
            "isps": isps_file(self.world),
            "config": CONFIG,
        }
        flags = []
        for name, text in texts.items():
            file = self._root / f"{name}.toml"
            file.write_text(text, encoding="utf-8")
            flags += [f"--{name}", str(file)]
        command = [COLLECTOR, "serve", "--data", str(self._data), *flags, *self._hub.arguments]
        collector = self._program("collector", command, self._hub.place)
        await collector.start()

        async def ready() -> bool:
            if not collector.running:
                raise ProgramError(f"the collector ended: {collector.last_words()}")
            return await self._verdicts() is not None

        await self._until(ready, READY_S, "the collector does not answer")

    def _targets(self) -> str:
        interval = interval_s(self.world, self._lab.name)
        return targets_file(self.world, self._lab.target, self._lab.surroundings(), interval)

    @property
    def _data(self) -> Path:
        return self._root / "collector"

    def _probe(self, isp: str, number: int) -> Agent:
        vantage = next(vantage for vantage in self.world.vantages if vantage == isp)
        return Agent(name=f"{isp}-{number}", isp=isp, place=self._lab.agent(vantage, number))

    def _control(self, number: int) -> Agent:
        return Agent(name=f"control-{number}", isp="", place=self._lab.control(number))

    async def _start_agents(self, role: str, agents: Sequence[Agent]) -> None:
        """Lets all join, and then begin."""
        command = [COLLECTOR, "invite", "--data", str(self._data), "--role", role, "--uses", str(len(agents))]
        token = (await self._run(command, self._hub.place)).strip()
        with one_error():
            async with asyncio.TaskGroup() as tasks:
                for agent in agents:
                    tasks.create_task(self._join(agent, token))
        for agent in agents:
            await self._program(agent.name, [AGENT, "run"], self._at_home(agent)).start()

    async def _join(self, agent: Agent, token: str) -> None:
        isp = ["--isp", agent.isp] if agent.isp else []
        async with self._turn:
            await self._run([AGENT, "join", self._hub.url, "--invite", token, *isp], self._at_home(agent))

    def _at_home(self, agent: Agent) -> Place:
        home = {"RABTA_HOME": str(self._root / agent.name), "RABTA_BYTES_PER_DAY": _BYTES_PER_DAY}
        return Place(prefix=agent.place.prefix, env={**agent.place.env, **home})

    def _program(self, name: str, command: Sequence[str], place: Place) -> Program:
        program = Program([*place.prefix, *_NICE, *command], environment(**place.env), self._root / f"{name}.log")
        self._programs.append(program)
        return program

    async def _run(self, command: Sequence[str], place: Place) -> str:
        return await run(*place.prefix, *_NICE, *command, env=environment(**place.env), within=READY_S)

    # Waiting

    async def _until_measured(self, who: str, missing: Missing) -> None:
        """Until nothing is missing; says how far it is whenever that has changed by a tenth."""
        total, told = len(self.world.scenarios), 0

        async def measured() -> bool:
            nonlocal told
            self._check_programs()
            await asyncio.to_thread(self.journal.read)  # the loopback lab's servers are in this event loop
            done = total - len(missing(self.world))
            if done == total or done - told >= max(1, total // 5):
                told = done
                self._tell(f"{self.world.name}: {done} of {total} measured by {who}")
            return done == total

        await self._until(measured, PASS_S, lambda: f"not measured by all {who}: {_names(missing(self.world))}")

    async def _settled(self) -> Verdicts:
        """The verdicts of the scenarios once they no longer move."""
        wanted = [(str(scenario.vantage), scenario.id) for scenario in self.world.scenarios]
        before: list[tuple[Any, Any]] | None = None
        verdicts: Verdicts = {}

        async def settled() -> bool:
            nonlocal before, verdicts
            verdicts = await self._verdicts() or {}
            if any(cell not in verdicts for cell in wanted):
                return False
            now = [(verdicts[cell]["state"], verdicts[cell]["mechanism"]) for cell in wanted]
            same, before = now == before, now
            return same

        await asyncio.sleep(BEAT_S)  # what was journaled last is on its way to a decision
        await self._until(settled, REST_S, "verdicts do not come to rest")
        return verdicts

    async def _until(
        self, condition: Callable[[], Awaitable[bool]], within: float, fault: str | Callable[[], str]
    ) -> None:
        try:
            await until(condition, within=within, beat=BEAT_S)
        except TimeoutError:
            line = fault if isinstance(fault, str) else fault()
            raise ProgramError(f"{self.world.name}: {line} within {within:g} s (see {self._root})") from None

    def _check_programs(self) -> None:
        """Raises ProgramError where one has ended, in its own words."""
        for program in self._programs:
            if not program.running:
                raise ProgramError(f"{self.world.name}: {program.log.stem} ended: {program.last_words()}")

    async def _verdicts(self) -> Verdicts | None:
        """What stands; `None` while the collector does not answer."""
        try:
            rows = json.loads(await self._lab.fetch(self.world.number, "/api/v1/verdicts"))["verdicts"]
        except (OSError, ValueError, KeyError):
            return None
        return {(row["isp"], row["platform"]): row for row in rows}


def _count(number: int) -> range:
    return range(1, number + 1)


def _names(scenarios: Sequence[Scenario]) -> str:
    named = ", ".join(scenario.id for scenario in scenarios[:5])
    return named + (f" and {len(scenarios) - 5} more" if len(scenarios) > 5 else "")


def _run(lab: str, repeat: int, scenario: Scenario, verdicts: Verdicts) -> Run:
    verdict = verdicts[scenario.vantage, scenario.id]
    witness = verdict["witness"]
    return Run(
        lab=lab,
        repeat=repeat,
        scenario=scenario,
        state=verdict["state"],
        mechanism=verdict["mechanism"],
        rule=witness[0]["rule"] if witness else "",
        note=verdict["note"] or "",
    )
