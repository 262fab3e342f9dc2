"""A series of repeats in a lab that is no lab: its collectors never answer."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.accuracy import world
from lab.accuracy.play import ATTEMPTS, Series
from lab.accuracy.score import Run
from lab.place import Hub, Place, Surroundings
from lab.programs import ProgramError
from lab.scenario import LabName, Scenario, Vantage, load_scenarios

SCENARIOS = [scenario for scenario in load_scenarios() if scenario.id == "no-control-open"]


class BrokenLab:
    """Opens and closes."""

    name = LabName.LOOPBACK
    in_this_loop = True

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def open(self, scenarios: Sequence[Scenario], root: Path) -> None:
        self.steps.append(f"open {len(scenarios)}")

    async def close(self) -> None:
        self.steps.append("close")

    def target(self, scenario: Scenario) -> str:
        return f"https://{scenario.host}/"

    def surroundings(self) -> Surroundings:
        return Surroundings(references=(), innocuous=(), doh=(), udp=(), portal_check="http://check.example/")

    def hub(self, number: int) -> Hub:
        return Hub(place=Place(), arguments=(), url="")

    def agent(self, vantage: Vantage, number: int) -> Place:
        return Place()

    def control(self, number: int) -> Place:
        return Place()

    async def fetch(self, number: int, path: str) -> bytes:
        raise OSError("nobody there")


async def test_a_repeat_that_was_broken_off_begins_anew_until_it_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "COLLECTOR", sys.executable)  # ends at once: it knows no `serve`
    lab, told, runs = BrokenLab(), list[str](), list[Run]()
    series = Series(lab=lab, root=tmp_path, tell=told.append, keep=False, runs=runs, turn=asyncio.Semaphore(1))
    with pytest.raises(ProgramError, match="the collector ended"):
        await series.play(SCENARIOS, [1, 2])
    assert ["open 1", "close"] == lab.steps
    assert [] == runs
    begun_anew = [line for line in told if "repeat 1 does not count, and begins anew: the collector ended" in line]
    assert ATTEMPTS - 1 == len(begun_anew)
