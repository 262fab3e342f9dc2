"""`make accuracy`: plays the table of scenarios in the labs, prints the score, writes build/accuracy.json.

Exit code 1 where a bar is missed, 2 where it could not be played.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from lab.accuracy.batch import Batch
from lab.accuracy.play import Series
from lab.accuracy.report import write_report
from lab.accuracy.score import Run, missed_bars, to_json
from lab.accuracy.world import AT_ONCE, Tell
from lab.alone import alone
from lab.loopback import LoopbackLab
from lab.place import Lab
from lab.programs import ProgramError, one_error
from lab.scenario import LabName, Scenario, ScenarioError, load_scenarios

FILE_WIDTH = 160  # columns where no terminal says how many there are
BUILD = Path(__file__).resolve().parents[3] / "build"
_NEEDED = ("ip", "tc", "iptables-restore", "ip6tables-restore")
# Labs of a kind that share the repeats: agents outside of the loopback lab keep to one measurement a second, so most of
# a play there is waiting.
_COPIES = {LabName.LOOPBACK: 1, LabName.NETNS: 2}


def main() -> int:
    options = _options()
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else FILE_WIDTH)
    _allow_many_files()
    _go_first()
    runs: list[Run] = []
    try:
        plan = _plan(options, console)
        with alone(options.root, "play"):
            asyncio.run(_until_signalled(_play(plan, options, console, runs)))
    except (ProgramError, ScenarioError, _UsageError) as error:
        _finish(runs, options, console)
        print(f"accuracy: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        _finish(runs, options, console)
        print("accuracy: stopped", file=sys.stderr)
        return 130
    _finish(runs, options, console)
    return 1 if missed_bars(runs) else 0


def _finish(runs: Sequence[Run], options: argparse.Namespace, console: Console) -> None:
    """Prints and writes what was played, be it not all that was wanted."""
    if not runs:
        return
    write_report(console, runs)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(to_json(runs), indent=1) + "\n", encoding="utf-8")


class _UsageError(ValueError):
    """Something that was asked for is not there."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab.accuracy", description="Plays scenarios, and scores the verdicts.")
    parser.add_argument("-n", "--repeats", type=int, default=1, help="how often each scenario is played")
    parser.add_argument("--lab", choices=list(LabName), help="default: both, where this machine can")
    parser.add_argument("--scenario", nargs="+", metavar="ID", help="only these")
    parser.add_argument("--root", type=Path, default=BUILD / "accuracy", help="where everything is kept meanwhile")
    parser.add_argument("--json", type=Path, default=BUILD / "accuracy.json", help="where the score is written")
    parser.add_argument("--keep", action="store_true", help="leave the data of collectors and agents there")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the evidence of every wrong verdict")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error(f"--repeats: {options.repeats} is less than 1")
    return options


def _labs(wanted: str | None, console: Console) -> list[LabName]:
    """Those that are wanted and can be played here. Raises `_UsageError`."""
    why_not = _why_no_netns()
    if wanted == LabName.NETNS and why_not:
        raise _UsageError(f"the lab netns cannot be played: {why_not}")
    if wanted is not None:
        return [LabName(wanted)]
    if why_not:
        console.print(f"The lab netns is left out: {why_not}.")
        return [LabName.LOOPBACK]
    return list(LabName)


def _why_no_netns() -> str:
    """Empty where it can be played."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it needs Linux and root"
    missing = [program for program in _NEEDED if shutil.which(program) is None]
    return f"no {', '.join(missing)} here (packages iproute2, iptables)" if missing else ""


def _chosen(ids: Sequence[str] | None) -> list[Scenario]:
    scenarios = load_scenarios()
    if unknown := set(ids or ()) - {scenario.id for scenario in scenarios}:
        raise _UsageError(f"no scenario {min(unknown)}")
    return [scenario for scenario in scenarios if not ids or scenario.id in ids]


Plan = Mapping[LabName, Sequence[Scenario]]
"""What to play where."""


def _plan(options: argparse.Namespace, console: Console) -> Plan:
    """Raises `_UsageError`."""
    scenarios, names = _chosen(options.scenario), _labs(options.lab, console)
    rows = {name: [scenario for scenario in scenarios if name in scenario.labs] for name in names}
    if not any(rows.values()):
        raise _UsageError(f"none of these scenarios is for {' or '.join(names)}")
    return {name: played for name, played in rows.items() if played}


async def _play(plan: Plan, options: argparse.Namespace, console: Console, runs: list[Run]) -> None:
    """Plays in all labs side by side; what is played to its end goes into `runs`.

    What is read against the clock comes last, when no world takes the processor from it.
    """
    begin, turn = time.monotonic(), asyncio.Semaphore(AT_ONCE)

    def telling(name: str) -> Tell:
        return lambda line: console.print(f"{time.monotonic() - begin:6.0f} s  {name}: {line}", markup=False)

    def series(name: LabName, own: str) -> Series:
        root = options.root / own
        return Series(lab=_make(name), root=root, tell=telling(own), keep=options.keep, runs=runs, turn=turn)

    def batch(name: LabName, own: str) -> Batch:
        own = f"{own}-timed"
        return Batch(lab=_make(name), root=options.root / own, tell=telling(own), runs=runs)

    await _side_by_side(plan, options.repeats, series, lambda scenario: not scenario.object)
    await _side_by_side(plan, options.repeats, batch, lambda scenario: scenario.object)
    if options.verbose:
        for file in sorted(options.root.glob("*/wrong/*.txt")):
            console.print(file.read_text(encoding="utf-8"), markup=False)


async def _side_by_side(
    plan: Plan, repeats: int, player: Callable[[LabName, str], Series | Batch], wanted: Callable[[Scenario], bool]
) -> None:
    with one_error():
        async with asyncio.TaskGroup() as tasks:
            for name, rows in plan.items():
                if scenarios := [scenario for scenario in rows if wanted(scenario)]:
                    for own, shared in _shared_out(name, repeats):
                        tasks.create_task(player(name, own).play(scenarios, shared))


def _shared_out(name: LabName, repeats: int) -> list[tuple[str, Sequence[int]]]:
    """The labs of a kind, by a name of their own, with the repeats that each plays."""
    copies = min(_COPIES[name], repeats)
    return [
        (name if copies == 1 else f"{name}-{copy}", range(copy, repeats + 1, copies)) for copy in range(1, copies + 1)
    ]


def _make(name: LabName) -> Lab:
    if name is LabName.LOOPBACK:
        return LoopbackLab()
    from lab.netns.lab import NetnsLab

    return NetnsLab()


async def _until_signalled(work: Coroutine[None, None, None]) -> None:
    """Lets Ctrl-C and SIGTERM end the work in order: what labs made is taken away."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await task


def _allow_many_files() -> None:
    """The loopback lab listens at every site near every network."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _go_first() -> None:
    """Puts labs before whatever else this machine does, where we may; agents get no more than their usual share."""
    with contextlib.suppress(PermissionError):
        os.nice(-10)


if __name__ == "__main__":
    sys.exit(main())
