"""Who has measured which target and when, and whether that is enough for a verdict on each scenario. Pure.

It is enough once all agents of the scenario's ISP have measured it, and then each control has: what a control saw
before an agent looked does not show that the site worked when the agent did.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lab.accuracy.worlds import AGENTS, World
from lab.scenario import Scenario

CONTROLS = ""
"""The ISP of controls."""


@dataclass(slots=True, kw_only=True)
class Looks:
    """Begins of measurements, Unix seconds: by platform and ISP, then by agent."""

    _begins: dict[tuple[str, str], dict[str, list[float]]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, platform: str, isp: str, agent: str, begin: float) -> None:
        self._begins[platform, isp].setdefault(agent, []).append(begin)

    def by_agents(self, world: World) -> list[Scenario]:
        """Scenarios that some agent of their ISP has not measured yet."""
        return [scenario for scenario in world.scenarios if len(self._agents(scenario)) < AGENTS]

    def by_controls(self, world: World) -> list[Scenario]:
        """Scenarios that some control has not measured since all agents had."""
        return [scenario for scenario in world.scenarios if self._controls_since(scenario) < world.controls]

    def _agents(self, scenario: Scenario) -> Mapping[str, list[float]]:
        return self._begins[scenario.id, scenario.vantage]

    def _controls_since(self, scenario: Scenario) -> int:
        agents = self._agents(scenario)
        if len(agents) < AGENTS:
            return 0
        since = max(min(begins) for begins in agents.values())
        return sum(max(begins) > since for begins in self._begins[scenario.id, CONTROLS].values())


Missing = Callable[[World], list[Scenario]]
"""What somebody has yet to measure."""
