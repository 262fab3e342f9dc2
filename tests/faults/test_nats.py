"""A collector whose journal is on three real NATS servers, any of which may die, and the move there and back."""

import shutil
from enum import StrEnum
from pathlib import Path
from random import Random

import pytest

from faults.asked import PATIENCE_S, TIMEOUT_S, dice, rounds, tell
from faults.rig import Rig, rig
from lab.programs import COLLECTOR, run
from lab.system import free_port
from lab.waiting import until
from rabta_collector.cli.serve import LOST
from rabta_collector.jetstream.place import Place, parse_place
from support.nats import Nats

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

MOST_ROWS = 30  # that the journal grows by before the next kill


class Victim(StrEnum):
    """Who is killed."""

    COLLECTOR = "collector"
    LEADER = "leader"
    NODE = "node"


async def killing(system: Rig, nats: Nats, random: Random, count: int) -> int:
    """Rounds of killing, one at a time, each until the journal grows again; how many kills."""
    victims = [*Victim] * (count // len(Victim) + 1)
    random.shuffle(victims)
    for number, victim in enumerate(victims[:count]):
        await system.until_rows(system.rows() + random.randrange(1, MOST_ROWS))
        if victim is Victim.COLLECTOR:
            system.collector.kill()
            assert -9 == await system.collector.ended()
            await system.start()
        else:
            node = await nats.leader() if victim is Victim.LEADER else random.choice(nats.nodes)
            node.kill()
            await system.until_rows(system.rows() + random.randrange(1, MOST_ROWS))
            node.start()
        await nats.whole()  # until a node that came back has caught up, both others are needed
        finding = await system.account()
        assert not finding.unkept, f"round {number}, {victim} killed: {finding}"
        assert not finding.twice, f"round {number}, {victim} killed: {finding}"
    return count


async def test_sigkill_of_collector_and_nodes_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    random, count = dice("nats"), rounds(6)
    async with Nats(tmp_path, nodes=3).running() as nats, rig(tmp_path, stream=parse_place(nats.url())) as system:
        await system.start()
        member = await system.join("producer")
        await member.program.start()
        kills = await killing(system, nats, random, count)
        await system.deliver()
        finding = await system.account()
    tell("nats", rounds=count, kills=kills, **finding.figures())
    assert finding.good, str(finding)
    assert 0 == finding.waiting
    assert finding.records > count


async def test_a_cut_from_nats_is_no_false_acknowledgement_and_ends_by_itself(tmp_path: Path) -> None:
    """The server stands still for longer than the journal's patience, as it does behind a cut, then goes on."""
    async with Nats(tmp_path).running() as nats, rig(tmp_path, stream=parse_place(nats.url())) as system:
        await system.start()
        member = await system.join("producer")
        await member.program.start()
        await system.until_rows(system.rows() + 20)
        (node,) = nats.nodes
        node.stand_still()

        async def not_ready() -> bool:
            answer = await system.ask("readyz")
            return answer.status == 503 and "the journal cannot be written" in answer.text

        await until(not_ready, within=PATIENCE_S)
        assert 200 == (await system.ask("metrics")).status
        node.go_on()
        await system.until_ready()
        await system.until_rows(system.rows() + 20)
        await system.deliver()
        finding = await system.account()
    tell("nats-cut", **finding.figures())
    assert finding.good, str(finding)


async def test_a_journal_moves_to_nats_and_back_while_agents_only_reconnect(tmp_path: Path) -> None:
    """The same data directory and ports: agents find the same collector again, and everything it knew."""
    async with Nats(tmp_path).running() as nats, rig(tmp_path) as system:
        place = parse_place(nats.url())
        await system.start()
        member = await system.join("producer")
        await member.program.start()
        for target in (place, None):
            await system.until_rows(system.rows() + 50)
            await move(system, target)
        await system.until_rows(system.rows() + 50)
        assert member.program.running
        await system.deliver()
        finding = await system.account()
    tell("nats-move", **finding.figures())
    assert finding.good, str(finding)
    assert 0 == finding.waiting


async def test_a_collector_on_another_machine_takes_over_and_the_first_one_ends_for_good(tmp_path: Path) -> None:
    """With what agents know it by, and an empty record: all that was journaled is known again."""
    async with Nats(tmp_path).running() as nats, rig(tmp_path, stream=parse_place(nats.url())) as system:
        await system.start()
        member = await system.join("producer")
        await member.program.start()
        await system.until_rows(system.rows() + 50)
        other = tmp_path / "other"
        other.mkdir()
        for name in ("state.sqlite", "plan.key", "import.key"):
            shutil.copy(system.data / name, other / name)
        first = system.collector
        system.data, system.grpc, system.http = other, free_port(), free_port()
        system.move(parse_place(nats.url()))
        await system.start()
        assert LOST == await first.ended()
        finding = await system.account()
    assert 0 == finding.unkept == finding.twice, str(finding)
    assert finding.records > 50


async def move(system: Rig, target: Place | None) -> None:
    """Stops the collector, has the journal copied, and starts it again with the copy."""
    await system.collector.stop()
    place = target or system.journal
    source, target_name = ("sqlite", str(place)) if target else (str(place), "sqlite")
    said = await run(COLLECTOR, "journal", "copy", f"--data={system.data}", f"--from={source}", f"--to={target_name}")
    assert "rows copied" in said
    system.move(target)
    await system.start()
