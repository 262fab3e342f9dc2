"""A crowd of agents on a fleet of which anything may die: all that was acknowledged is there once, no verdict wrong."""

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from faults.asked import LONG, PATIENCE_S, TIMEOUT_S, Crowded, crowd, dice, tell
from faults.crowd import EACH, Second
from faults.fleet import Fleet, fleet
from faults.gathering import Balance, Crowd, assemble, balance, gather
from faults.killing import Killer, Victim
from faults.spending import Spending
from faults.tellers import gaps
from faults.truth import Held, Truth, targets_file
from faults.watching import Watch, decided, watching
from rabta_collector.jetstream.place import parse_place
from support.nats import Nats

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

FEW, MANY = Crowded(30, 12.0, 300.0, 2), Crowded(500, 600.0, 5000.0, 2)
LEAD_S = 2.0
LATE_S = 90.0
CONTROL_S = 1.0 if LONG else 0.05
"""Between two platforms of a control: at length it looks at each about once a minute, as the targets file asks for."""

TAKEN_OVER_S = 15.0
ROLLED = 0.8
"""Of its length, after which everything is restarted in order."""

REST_S = (0.5, 4.0) if LONG else (0.1, 0.5)
RESOLVED = 2
"""Names that each measurement asks for."""

SETTINGS = "\n".join(
    [
        'share_pause = "30s"',
        "[limits]",  # these agents have one prefix, as no others have
        *(f"prefix_{what} = 1000000000" for what in ("bytes_per_s", "burst_bytes", "calls_per_s", "burst_calls")),
        "prefix_sessions = 10000",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is under way."""

    system: Fleet
    nats: Nats
    senders: Crowd
    watch: Watch
    killer: Killer
    spending: Spending

    async def look_at_cores(self) -> None:
        """Until it is cancelled."""
        while True:
            kinds = {part.program.pid: part.role for part in self.system.parts if part.program.running}
            kinds |= {node.pid: "nats" for node in self.nats.nodes if node.running}
            self.spending.look(kinds | {self.senders.program.pid: "crowd"})
            await asyncio.sleep(1.0)


async def test_many_agents_lose_nothing_and_see_no_wrong_verdict_while_anything_is_killed(tmp_path: Path) -> None:
    """At length: 500 agents that send 5,000 measurements a second for ten minutes, on a machine that bears it."""
    random, (agents, seconds, rate, shares) = dice("crowd"), crowd(FEW, MANY)
    nats = Nats(tmp_path, nodes=3, room="20GB")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(nats.running())
        how = {"checkpoint": "30s" if LONG else "5s", "settings": SETTINGS, "shares": shares}
        system = await stack.enter_async_context(fleet(tmp_path, parse_place(nats.url()), **how))
        system.targets.write_text(targets_file(), encoding="utf-8")
        credentials = assemble(system, agents)
        await system.start()
        began = time.time() + LEAD_S
        truth = Truth(blocked=(began + seconds / 3, began + seconds * 2 / 3))
        senders = gather(system, credentials, pace=(EACH * agents / rate, CONTROL_S), begin=began, truth=truth)
        await senders.program.start()
        stack.push_async_callback(senders.program.stop)
        held = Held(truth=truth, late_s=LATE_S)
        async with watching(system, held) as watch:
            killer = Killer(system=system, nats=nats, random=random, goes_on=senders.goes_on)
            run = Run(system=system, nats=nats, senders=senders, watch=watch, killer=killer, spending=Spending())
            await play(run, began, seconds, random)
            last, lasted_s = senders.now(), time.time() - began
            told = await senders.end()
        found = await balance(told, system.journal)
        untold_s = longest_untold_s(run)
        report(run, last, found, lasted_s, untold_s)
        await system.counted("dns", RESOLVED * found.of_probes)
    assert 0 == found.lost == found.doubled == found.strange
    assert found.acked > 0
    assert not held.wrong, held.wrong[:20]
    assert not watch.lost, watch.lost[:20]
    assert killer.take_over_s <= TAKEN_OVER_S
    assert untold_s <= TAKEN_OVER_S


async def play(run: Run, began: float, seconds: float, random: Random) -> None:
    """Kills each of them once, in any order, and so on; at length, all are restarted in order towards the end."""
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(run.look_at_cores())
        victims: list[Victim] = []
        while time.time() < began + seconds * (ROLLED if LONG else 1.0):
            victims = victims or random.sample([*Victim], len(Victim))
            await asyncio.sleep(random.uniform(*REST_S))  # part of what is done to it, and no wait
            victim, began_s = victims.pop(), time.monotonic()
            await run.killer.kill(victim)
            note(f"{victim}, {time.monotonic() - began_s:.1f} s", run)
        if LONG:
            await run.killer.roll()
            note("all restarted", run)
            await asyncio.sleep(began + seconds - time.time())  # the rest of its length
        await run.killer.all_back()
        await decided(run.system, run.watch.held, PATIENCE_S)
        looking.cancel()


def note(what: str, run: Run) -> None:
    """A line for whoever watches it at length."""
    if LONG:
        said = run.senders.now()
        wrong = len(run.watch.held.wrong)
        sys.stdout.write(f"{time.strftime('%X')} {what}: acked {said.acked}, owed {said.owed}, wrong {wrong}\n")
        sys.stdout.flush()


def longest_untold_s(run: Run) -> float:
    """The longest that nobody told of a share of the country so far."""
    turns = [[*run.system.turns(share), *run.killer.ended] for share in run.system.shares]
    return max((gap for one in turns for gap in gaps(one)), default=0.0)


def report(run: Run, last: Second, found: Balance, seconds: float, untold_s: float) -> None:
    """The table."""
    killer, watch = run.killer, run.watch
    rows: list[tuple[str, object]] = [(f"killed: {victim}", killer.kills[victim]) for victim in Victim]
    rows += [
        ("acknowledged", found.acked),
        ("stored", found.stored),
        ("lost", found.lost),
        ("doubled", found.doubled),
        ("never sent", found.strange),
        ("longest take-over, s", f"{killer.take_over_s:.1f}"),
        ("longest that nobody told of the country, s", f"{untold_s:.1f}"),
        ("longest until more was acknowledged after a kill, s", f"{killer.resumed_s:.1f}"),
        ("longest until a killed process was ready again, s", f"{killer.back_s:.1f}"),
        ("longest without any acknowledgement, s", f"{last.silent_s:.1f}"),
        ("longest that one agent waited for one, s", f"{last.waited_s:.1f}"),
        ("seconds, measurements a second", f"{seconds:.0f}, {last.acked / seconds:.0f}"),
        ("owed when it ended", last.owed),
        ("sessions, asked to slow down", f"{last.sessions}, {last.slowed}"),
        ("verdicts looked at, wrong", f"{watch.held.told}, {len(watch.held.wrong)}"),
        ("latest verdict, s", f"{watch.held.latest_s:.1f}"),
        ("longest without a page, s", f"{watch.unheard_s:.1f}"),
        ("cores", ", ".join(f"{kind} {spent:.2f}" for kind, spent in run.spending.cores().items())),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        sys.stdout.write(f"| {name:{width}} | {value} |\n")
    tell("crowd", acked=found.acked, lost=found.lost, doubled=found.doubled, wrong=len(watch.held.wrong))
