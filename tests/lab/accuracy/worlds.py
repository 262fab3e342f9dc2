"""Which scenarios share a collector, and what that collector is told. Pure.

A world is one collector with its controls and, for each vantage, an ISP with three agents that measure every target of
the world. Worlds differ in how many controls there are; other vantages than the plain one have a world of their own, so
that they need not measure everything.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.place import Surroundings
from lab.scenario import Controls, LabName, Scenario, ScenarioError, Scheme, Vantage

AGENTS = 3  # at each vantage
_LEAST_INTERVAL_S = {LabName.LOOPBACK: 4.0, LabName.NETNS: 20.0}  # agents outside of the lab take no less than 60 s
_S_PER_TARGET = 0.75  # of one agent, which measures four at once; a silent target takes ten seconds
_CONTROLS = {Controls.TWO: 2, Controls.ONE_BLOCKED: 2, Controls.ONE: 1, Controls.NONE: 0}

# Short, for there is no distance in a lab; long beside what a busy machine takes for a step.
_DEADLINES = {"dns": "2s", "tcp": "2s", "tls": "3s", "quic": "3s", "http": "4s", "repeat_pause": "500ms"}

CONFIG = """# What is half a minute in a country is a second in a laboratory; bytes cost nothing there.
share_pause = "1s"
heartbeat = "5s"
bytes_per_day = 1000000000000
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One collector. `number` is that of its hub."""

    number: int
    name: str
    controls: int
    scenarios: tuple[Scenario, ...]

    @property
    def vantages(self) -> tuple[Vantage, ...]:
        """One ISP each."""
        return tuple(dict.fromkeys(scenario.vantage for scenario in self.scenarios))


def worlds_of(scenarios: Sequence[Scenario]) -> tuple[World, ...]:
    """The worlds in which scenarios are played. Raises `ScenarioError`."""
    groups: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        groups.setdefault(_name(scenario), []).append(scenario)
    plain = groups.pop(_PLAIN, [])
    halves = {f"{_PLAIN} {number}": rows for number, rows in enumerate(_halves(plain), start=1)}
    return tuple(
        World(number=number, name=name, controls=_CONTROLS[rows[0].controls], scenarios=tuple(rows))
        for number, (name, rows) in enumerate({**halves, **groups}.items())
        if rows
    )


_PLAIN, _VANTAGES = "plain", "vantages"


def _halves(scenarios: Sequence[Scenario]) -> tuple[list[Scenario], list[Scenario]]:
    """Two halves, for at one measurement a second all of them would take an agent too long.

    Every second one goes to the other half, so that the silent ones are shared out. All of QUIC stay together: whether
    a network lets QUIC out at all shows in the targets that work.
    """
    quic = [scenario for scenario in scenarios if scenario.scheme is Scheme.QUIC]
    rest = [scenario for scenario in scenarios if scenario.scheme is not Scheme.QUIC]
    return rest[::2], rest[1::2] + quic


def _name(scenario: Scenario) -> str:
    controls = _CONTROLS[scenario.controls]
    if scenario.vantage is Vantage.PLAIN:
        return {2: _PLAIN, 1: "one control", 0: "no control"}[controls]
    if controls != _CONTROLS[Controls.TWO]:
        raise ScenarioError(f"{scenario.id}: no world has {scenario.vantage} with controls {scenario.controls}")
    return _VANTAGES


def interval_s(world: World, lab: LabName) -> float:
    """How often an ISP's view of a target is refreshed; an agent's own interval is three times that."""
    return max(_LEAST_INTERVAL_S[lab], _S_PER_TARGET * len(world.scenarios) / AGENTS)


def targets_file(world: World, target_of: Callable[[Scenario], str], around: Surroundings, interval_s: float) -> str:
    """One platform for each scenario, under its id."""
    lines = [f"innocuous = {_list(around.innocuous)}", f'portal_check = "{around.portal_check}"', "", "[resolvers]"]
    lines += [f"doh = {_list(around.doh)}", f"udp = {_list(around.udp)}", "", "[deadlines]"]
    lines += [f'{step} = "{time}"' for step, time in _DEADLINES.items()]
    for scenario in world.scenarios:
        lines += ["", "[[platform]]", f'id = "{scenario.id}"', f'name = "{scenario.id}"', "[[platform.target]]"]
        lines += _target(target_of(scenario), interval_s)
    for url in around.references:
        lines += ["", "[[reference]]", *_target(url, interval_s)]
    return "\n".join([*lines, ""])


def _target(url: str, interval_s: float) -> list[str]:
    return [f'url = "{url}"', f'interval = "{interval_s * 1000:.0f}ms"', "priority = 1"]


def _list(words: Sequence[str]) -> str:
    return json.dumps(list(words))


def isps_file(world: World) -> str:
    """Each vantage as an ISP."""
    return "\n".join(f'[[isp]]\nid = "{v}"\nname = "{v}"\nkind = "fixed"\n' for v in world.vantages)
