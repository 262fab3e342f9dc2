"""Plays what is about throttling: objects are read against the clock from every place, and judged by the real engine.

A measurement with timed reads takes ten seconds where something is slow, and an agent makes one at a time, so that the
worlds of play.py would take an hour for what takes minutes here: three agents of each vantage and two controls, each a
process of its own that measures as agents do, one scenario after the other. The link and the journal are left out, for
they have no part in it. Each repeat of each scenario is given to an engine that knows nothing else.
"""

import asyncio
import base64
import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.accuracy.score import Run
from lab.accuracy.world import Tell
from lab.accuracy.worlds import AGENTS
from lab.place import Lab, Place
from lab.programs import Program, ProgramError, environment
from lab.scenario import Scenario, Vantage
from lab.sites.pages import OBJECT_BYTES, OBJECT_PATH
from rabta_agent.cli.probe import to_text
from rabta_collector.catalogue import Catalogue, Isp, Platform, Target, Transfer
from rabta_collector.engine import Engine
from rabta_collector.entries import Entry, Measured, Presence
from rabta_collector.verdict.classify import classify
from rabta_collector.verdict.pace import plateau
from rabta_proto.codec import from_message
from rabta_proto.model import Measurement
from rabta_proto.model import Transfer as TransferRead
from rabta_proto.v1 import measurement_pb2 as wire
from rabta_proto.vocabulary import IspKind, Role

CONTROLS = 2
BEAT_S = 1.0
TESTS = Path(__file__).parents[2]
_SETTLE_S = 5.0

Seen = tuple[str, str, Measurement]
"""An agent, its ISP (of a control: empty), and what it measured."""

Found = dict[str, list[Seen]]
"""By scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One place from which objects are read. `isp` is empty for a control."""

    name: str
    isp: str
    program: Program


@dataclass(slots=True, kw_only=True)
class Batch:
    """Repeats of throttling's scenarios in one lab; everything is under `root`. What is judged goes into `runs`."""

    lab: Lab
    root: Path
    tell: Tell
    runs: list[Run]
    _read: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def play(self, scenarios: Sequence[Scenario], repeats: Sequence[int]) -> None:
        """Raises ProgramError where a reader ends before its work."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        try:
            await self.lab.open(scenarios, self.root / "lab")
            self.tell(f"open, with {len(scenarios)} objects")
            for repeat in repeats:
                runs = await self._play_once(scenarios, repeat)
                self.tell(f"repeat {repeat}: {sum(run.right for run in runs)} of {len(runs)} throttling runs right")
        finally:
            await self.lab.close()

    async def _play_once(self, scenarios: Sequence[Scenario], repeat: int) -> list[Run]:
        """One repeat. Readers begin it together: an engine compares what was measured within minutes alone."""
        readers = self._readers(scenarios, repeat)
        try:
            for reader in readers:
                await reader.program.start()
            return await self._judge_all(scenarios, repeat, readers)
        finally:
            for reader in readers:
                reader.program.kill()
            await asyncio.gather(*(reader.program.ended() for reader in readers if reader.program.pid))

    def _readers(self, scenarios: Sequence[Scenario], repeat: int) -> list[Reader]:
        readers = []
        for vantage in dict.fromkeys(scenario.vantage for scenario in scenarios):
            own = [scenario for scenario in scenarios if scenario.vantage is vantage]
            for number in range(1, 1 + AGENTS):
                place = self.lab.agent(vantage, number)
                readers.append(self._reader(f"{vantage}-{number}-{repeat}", vantage, place, own))
        for number in range(1, 1 + CONTROLS):
            readers.append(self._reader(f"control-{number}-{repeat}", None, self.lab.control(number), scenarios))
        return readers

    def _reader(self, name: str, vantage: Vantage | None, place: Place, own: Sequence[Scenario]) -> Reader:
        around, plan = self.lab.surroundings(), self.root / f"{name}.json"
        rows = [
            {
                "platform": scenario.id,
                "target": (target := self.lab.target(scenario)),
                "object": object_of(target),
                "control_name": around.innocuous[0],
            }
            for scenario in own
        ]
        reference = object_of(around.references[0])
        plan.write_text(json.dumps({"rows": rows, "reference": reference}), encoding="utf-8")
        command = [*place.prefix, sys.executable, "-m", "lab.accuracy.reader", str(plan)]
        env = environment(**place.env, PYTHONPATH=str(TESTS))
        log = self.root / f"{name}.out"
        log.write_bytes(b"")
        return Reader(name=name, isp=vantage.value if vantage else "", program=Program(command, env, log))

    async def _judge_all(self, scenarios: Sequence[Scenario], repeat: int, readers: Sequence[Reader]) -> list[Run]:
        found: Found = defaultdict(list)
        left = {scenario.id: scenario for scenario in scenarios}
        runs = []
        while left:
            await asyncio.sleep(BEAT_S)
            ended = [reader for reader in readers if not reader.program.running]
            for reader in readers:
                self._take_in(reader, found)
            for id_ in [id_ for id_ in left if len(found[id_]) == AGENTS + CONTROLS]:
                runs.append(self._judge(repeat, left.pop(id_), found.pop(id_)))
            if broken := [one for one in ended if await one.program.ended() != 0]:
                raise ProgramError(f"{broken[0].name} ended: {broken[0].program.last_words()}")
            if left and len(ended) == len(readers):
                raise ProgramError(f"{len(left)} throttling runs are not measured by all readers")
        return runs

    def _judge(self, repeat: int, scenario: Scenario, seen: Sequence[Seen]) -> Run:
        run = judge(self.lab.name, repeat, scenario, seen)
        self.runs.append(run)
        if not run.right:
            folder = self.root / "wrong"
            folder.mkdir(exist_ok=True)
            (folder / f"{scenario.id}-{repeat}.txt").write_text(tell_why(run, seen), encoding="utf-8")
        return run

    def _take_in(self, reader: Reader, found: Found) -> None:
        """What a reader has written since the last look, whole lines alone."""
        with reader.program.log.open("rb") as file:
            file.seek(self._read[reader.name])
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read[reader.name] += len(whole)
        for line in whole.decode("ascii", errors="replace").splitlines():
            words = line.split(" ")
            if len(words) == 2:
                measured = from_message(wire.Measurement.FromString(base64.b64decode(words[1])))
                found[words[0]].append((reader.name, reader.isp, measured))


def object_of(url: str) -> str:
    return f"{url.removesuffix('/')}{OBJECT_PATH}"


def judge(lab: str, repeat: int, scenario: Scenario, found: Sequence[Seen]) -> Run:
    """What the engine makes of one scenario's measurements."""
    isp = str(scenario.vantage)
    transfer = Transfer(url=object_of(found[0][2].target), bytes=OBJECT_BYTES)
    target = Target(url=found[0][2].target, platform=scenario.id, transfer=transfer)
    platform = Platform(id=scenario.id, name=scenario.id, category="", targets=(target,))
    engine = Engine(Catalogue(platforms=(platform,)), [Isp(id=isp, name=isp, kind=IspKind.FIXED)])
    entries = sorted((entry for one in found for entry in _entries(*one)), key=lambda entry: entry.at)
    for entry in entries:
        engine.advance(entry.at)
        engine.apply(entry)
    engine.advance(entries[-1].at + _SETTLE_S)
    (verdict,) = engine.snapshot().verdicts
    return Run(
        lab=lab,
        repeat=repeat,
        scenario=scenario,
        state=verdict.state,
        mechanism=verdict.mechanism,
        rule=verdict.witness[0].rule if verdict.witness else "",
        note=verdict.note or "",
    )


def tell_why(run: Run, seen: Sequence[Seen]) -> str:
    """For a person who looks for the fault."""
    controls = [measured for _, isp, measured in seen if not isp]
    expected = [*run.scenario.states, *run.scenario.mechanisms]
    lines = [f"expected {' '.join(expected)}; seen {run.state} {run.seen_mechanism} by {run.rule}; {run.note}"]
    for agent, isp, measured in seen:
        lines += ["", agent, to_text(measured)]
        if isp:
            finding = classify(measured, controls)
            lines += [f"  {finding.judgement} {finding.rule}", *map("  {}".format, finding.reasons)]
        for one in measured.observations:
            if isinstance(one.detail, TransferRead):
                lines.append(f"  {one.detail.kind} {one.detail.turn}: {plateau(one.detail):.0f} bytes a second")
    return "\n".join([*lines, ""])


def _entries(agent: str, isp: str, measured: Measurement) -> tuple[Entry, Entry]:
    role = Role.PROBE if isp else Role.CONTROL
    began = measured.started_at.timestamp()
    over = began + measured.duration_us / 1e6
    return (
        Presence(at=began - 1, agent=agent, isp=isp, connected=True, role=role),
        Measured(at=over, agent=agent, isp=isp, role=role, measurements=(measured,)),
    )
