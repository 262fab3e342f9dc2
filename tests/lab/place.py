"""What a lab offers to whoever plays scenarios in it: where programs run, and what they are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lab.scenario import LabName, Scenario, Vantage

HUBS = 5
"""Collectors that a lab has places for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a program runs: `prefix` goes before its command, `env` over this process's environment."""

    prefix: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Where a collector runs, and how it is reached.

    `arguments` are those of `rabta-collector serve` for its addresses, certificate and lab switch; `url` is what agents
    join.
    """

    place: Place
    arguments: tuple[str, ...]
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a targets file says beside the targets."""

    references: tuple[str, ...]
    innocuous: tuple[str, ...]
    doh: tuple[str, ...]
    udp: tuple[str, ...]
    portal_check: str


class Lab(Protocol):
    """A country, and a world abroad. Opened once for a set of scenarios, all in force at once; then played in often."""

    name: LabName
    in_this_loop: bool  # whether its servers run in the event loop that opened it

    async def open(self, scenarios: Sequence[Scenario], root: Path) -> None:
        """Builds networks, sites, resolvers and censors; files go under `root`. What it made, `close` takes away."""

    async def close(self) -> None:
        """Leaves nothing behind, whatever happened."""

    def target(self, scenario: Scenario) -> str:
        """The target as a targets file writes it."""

    def surroundings(self) -> Surroundings: ...

    def hub(self, number: int) -> Hub:
        """A place for a collector, one for each number below HUBS; abroad, reached from everywhere."""

    def agent(self, vantage: Vantage, number: int) -> Place:
        """The place of an agent at a vantage's ISP, numbers 1 to 3. The ISP's id is the vantage's word."""

    def control(self, number: int) -> Place:
        """The place of a control abroad, numbers 1 and 2, in networks of their own. Of scenarios with `one_blocked` the
        second is blocked."""

    async def fetch(self, number: int, path: str) -> bytes:
        """The body of a GET from a collector's web side, as seen by somebody abroad. Raises `OSError`."""
