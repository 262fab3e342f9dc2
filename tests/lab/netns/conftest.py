"""The hard lab with the whole table, opened once for all tests that look at it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lab.netns.client import Client, Find, at
from lab.netns.lab import NetnsLab
from lab.netns.volunteer import Place
from lab.netns.world import World
from lab.scenario import CensorKind, LabName, Scenario, Scheme, Vantage, load_scenarios
from support.programs import require, require_namespaces

_PROGRAMS = (
    ("ip", "iproute2"),
    ("iptables-restore", "iptables"),
    ("ip6tables-restore", "iptables"),
)


@pytest.fixture(scope="session")
def root() -> None:
    """What namespaces need of a machine."""
    for program, package in _PROGRAMS:
        require(program, package)
    require_namespaces("net")


@pytest.fixture(scope="session")
def scenarios() -> tuple[Scenario, ...]:
    return tuple(scenario for scenario in load_scenarios() if LabName.NETNS in scenario.labs)


@pytest.fixture(scope="session")
def lab(root: None, scenarios: tuple[Scenario, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetnsLab]:
    opened = NetnsLab()
    with asyncio.Runner() as runner:
        runner.run(opened.open(scenarios, tmp_path_factory.mktemp("netns")))
        try:
            yield opened
        finally:
            runner.run(opened.close())


@pytest.fixture
def world(lab: NetnsLab) -> World:
    return lab.world


@pytest.fixture
def client(lab: NetnsLab) -> Client:
    """In the place of the plain ISP's first agent."""
    return at(lab, Vantage.PLAIN)


@pytest.fixture
def find(scenarios: tuple[Scenario, ...]) -> Find:
    def first(kind: CensorKind, scheme: Scheme = Scheme.HTTPS) -> Scenario:
        return next(s for s in scenarios if s.censor is kind and s.scheme is scheme and s.vantage is Vantage.PLAIN)

    return first


@pytest.fixture
async def place(root: None, tmp_path: Path) -> AsyncIterator[Place]:
    """A volunteer's machine of its own."""
    for program, package in (("wireguard-go", "wireguard-go"), ("wg", "wireguard-tools")):
        require(program, package)
    made = Place(tmp_path)
    try:
        await made.open()
        yield made
    finally:
        await made.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """To open the lab takes long."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
