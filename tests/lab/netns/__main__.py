"""`python -m lab.netns [ID...]` (working directory `tests`): the lab, all of its scenarios or these, until Ctrl-C.

Prints how to measure each by hand.
"""

import asyncio
import shlex
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab.netns.lab import NetnsLab
from lab.place import Place
from lab.programs import AGENT, ProgramError
from lab.scenario import LabName, Scenario, load_scenarios


async def stand(scenarios: Sequence[Scenario], root: Path) -> None:
    """Raises ProgramError."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    lab = NetnsLab()
    await lab.open(scenarios, root)
    try:
        for scenario in scenarios:
            place = lab.agent(scenario.vantage, 1)
            print(f"# {scenario.id}: {scenario.title or scenario.censor}")
            print(command(place, AGENT, "probe", lab.target(scenario), "--json"))
        print("# a shell in the place of a control\n" + command(lab.control(1), "sh"), flush=True)
        await stop.wait()
    finally:
        await lab.close()


def command(place: Place, *words: str) -> str:
    """A line for a shell."""
    return shlex.join([*place.prefix, "env", *(f"{key}={value}" for key, value in place.env.items()), *words])


def main(ids: Sequence[str]) -> int:
    playable = {scenario.id: scenario for scenario in load_scenarios() if LabName.NETNS in scenario.labs}
    if unknown := sorted(set(ids) - set(playable)):
        print(f"{unknown[0]}: no such scenario of this lab", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="rabta-netns-") as folder:
        try:
            asyncio.run(stand([playable[id_] for id_ in ids or playable], Path(folder)))
        except ProgramError as wrong:
            print(wrong, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
