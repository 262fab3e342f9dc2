"""A disk is full, at either end: what cannot be kept is not acknowledged, or is counted, and then it goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.asked import TIMEOUT_S, dice, rounds, tell
from faults.books import read_spool
from faults.rig import BEAT_S, PATIENCE_S, Member, Rig, rig
from faults.smalldisk import SmallDisk, small_disk
from lab.waiting import until
from support.programs import require_namespaces

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow, pytest.mark.root]

DISK_BYTES = 8 * 1024 * 1024
MOST_ROWS = 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    require_namespaces("mount")
    with small_disk(tmp_path / "disk", DISK_BYTES) as mounted:
        yield mounted


async def until_it_says_so(system: Rig) -> str:
    """Until /readyz says that the disk takes nothing; what it says."""
    said = ""

    async def refused() -> bool:
        nonlocal said
        answer = await system.ask("readyz")
        said = answer.text
        return answer.status == 503 and "cannot be written" in said

    await until(refused, within=PATIENCE_S, beat=BEAT_S)
    return said


async def refusals(system: Rig) -> float:
    """What /metrics says of batches that could not be journaled."""
    text = (await system.ask("metrics")).text
    lines = [line for line in text.splitlines() if line.startswith('rabta_collector_rejected_total{reason="journal"}')]
    return float(lines[0].split()[-1]) if lines else 0.0


async def test_a_collector_whose_disk_is_full_acknowledges_nothing_says_so_and_goes_on(
    tmp_path: Path, disk: SmallDisk
) -> None:
    random, count = dice("disk-full-collector"), rounds(1, 50)
    async with rig(tmp_path, data=disk.place / "data") as system:
        await system.start()
        member = await system.join("producer")
        await member.program.start()
        for _ in range(count):
            await system.until_rows(system.rows() + random.randrange(2, MOST_ROWS))
            before = await refusals(system)
            disk.fill()
            assert "full" in await until_it_says_so(system)

            async def refused(least: float = before) -> bool:
                return await refusals(system) > least

            await until(refused, within=PATIENCE_S)
            assert "rabta_collector_ready 0" in (await system.ask("metrics")).text
            finding = await system.account()
            assert finding.good, str(finding)
            disk.clear()
            await system.until_ready()
        await system.deliver()
        finding = await system.account()
        said = await refusals(system)
    tell("disk-full-collector", rounds=count, refusals=int(said), **finding.figures())
    assert finding.good, str(finding)
    assert 0 == finding.waiting


def losses(member: Member) -> int:
    """Measurements that the agent said it could not keep."""
    return member.program.log.read_text().count("measurement.lost")


async def test_an_agent_whose_disk_is_full_counts_what_it_drops_and_goes_on(tmp_path: Path, disk: SmallDisk) -> None:
    count = rounds(1, 50)
    async with rig(tmp_path) as system:
        await system.start()
        member = await system.join("producer", home=disk.place / "home")
        await member.program.start()
        for _ in range(count):
            await system.until_produced(10)
            system.collector.kill()  # so that the spool grows
            await system.collector.ended()
            before = losses(member)
            disk.fill()

            async def lost(least: int = before) -> bool:
                assert member.program.running, f"the agent ended: {member.program.last_words()}"
                return losses(member) > least + 3

            await until(lost, within=PATIENCE_S, beat=BEAT_S)
            disk.clear()
            await system.until_produced(10)
            await system.start()

        async def delivered() -> bool:
            return (await system.account()).waiting < 20

        await until(delivered, within=PATIENCE_S)
        finding, book = await system.account(), read_spool(member.spool)
        noted = losses(member)
    tell("disk-full-agent", rounds=count, dropped=book.counters["dropped"], **finding.figures())
    assert finding.good, str(finding)
    assert book.counters["dropped"] == noted
