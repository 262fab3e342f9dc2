"""The collector is killed in the middle of its work and started again: nothing is lost, nothing is counted twice."""

from collections import Counter
from pathlib import Path

import pytest

from lab.atlas import PAKISTAN, Atlas
from lab.censor import Action, Rule
from lab.country import Country
from lab.ledger import balance, journaled
from lab.story import Cell
from lab.system import Files, Ports, System, free_port
from lab.waiting import until
from lab.watch import NotAnswering, Watch

SMALL = Atlas(
    networks=tuple(PAKISTAN.network(id) for id in ("ptcl", "abroad-1")),
    sites=tuple(PAKISTAN.site(key) for key in ("x", "reference.example")),
)
X_AT_PTCL = Cell(isp="ptcl", platform="x")
IN_TIME_S = 120.0


async def until_verdict(watch: Watch, state: str) -> None:
    async def shown() -> bool:
        try:
            seen = (await watch.cells()).get(X_AT_PTCL)
        except NotAnswering:
            return False
        return seen is not None and seen.state == state

    await until(shown, within=IN_TIME_S)


async def produced(system: System) -> dict[str, object]:
    return {agent.name: (await agent.status())["produced"] for agent in system.agents}


def journal_of(system: System) -> Counter[tuple[str, int, int]]:
    return journaled(system.files.data / "journal.sqlite")


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_sigkill_of_the_collector_loses_no_measurement_and_no_verdict(tmp_path: Path) -> None:
    ports = Ports(grpc=free_port(), http=free_port())
    async with Country(SMALL, tmp_path, collector=("127.0.0.1", ports.grpc)) as country, Watch(ports.page) as watch:
        system = System(country, Files(root=tmp_path), ports, interval="500ms")
        try:
            await system.start(watch)
            await until_verdict(watch, "reachable")
            await country.censor("ptcl", "x", Rule(action=Action.SNI_RESET))
            await until_verdict(watch, "blocked")

            system.collector.kill()
            assert -9 == await system.collector.ended()
            before = journal_of(system)
            at_the_kill = await produced(system)

            async def every_agent_measured_on() -> bool:
                now = await produced(system)
                return all(now[name] != count for name, count in at_the_kill.items())

            await until(every_agent_measured_on, within=IN_TIME_S)

            await system.collector.start()
            await system.until_ready(watch)
            await until_verdict(watch, "blocked")

            async def the_journal_grows() -> bool:
                return len(journal_of(system)) > len(before) + len(system.agents)

            await until(the_journal_grows, within=IN_TIME_S)
        finally:
            await system.stop()
        ledger = await balance(system)
        after = journal_of(system)
    assert ledger.balanced, str(ledger)
    assert 0 == ledger.waiting
    assert before.keys() <= after.keys()
    assert ledger.journaled > len(before)
