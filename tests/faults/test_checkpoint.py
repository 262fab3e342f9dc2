"""The collector is killed and goes on from its last checkpoint, an old one, a damaged one or none: nobody can tell."""

import json
from enum import StrEnum
from pathlib import Path
from random import Random

import pytest

from faults.asked import TIMEOUT_S, dice, rounds, tell
from faults.rig import BEAT_S, PATIENCE_S, Rig, rig
from lab.waiting import until

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

MOST_ROWS = 30
TRIES = 3  # between two starts time goes on, and an ISP may fall silent: after that nothing does
COUNTED = ("rabta_measurements_total", "rabta_measurement_failures_total", "rabta_step_duration_seconds")


class Left(StrEnum):
    """What the next start finds."""

    LAST = "last"  # the last checkpoint that was written
    OLD = "old"  # one of some rounds ago
    TORN = "torn"  # half of one
    NONE = "none"


async def checkpoint_is_written(system: Rig, after: bytes) -> bytes:
    """Waits for another one."""

    async def written() -> bool:
        return system.checkpoint.exists() and system.checkpoint.read_bytes() != after

    await until(written, within=PATIENCE_S, beat=BEAT_S)
    return system.checkpoint.read_bytes()


def leave(system: Rig, left: Left, old: bytes) -> None:
    if left is Left.NONE:
        system.checkpoint.unlink(missing_ok=True)
    elif left is Left.TORN and system.checkpoint.exists():
        content = system.checkpoint.read_bytes()
        system.checkpoint.write_bytes(content[: len(content) // 2])
    elif left is Left.OLD:
        system.checkpoint.write_bytes(old)


async def counters(system: Rig) -> list[str]:
    text = (await system.ask("metrics")).text
    return sorted(line for line in text.splitlines() if line.startswith(COUNTED))


async def known(system: Rig) -> tuple[list[str], object, object]:
    """Counters, events and verdicts, as readers see them; `updated` is of the moment."""
    events = json.loads((await system.ask("api/v1/events")).text)["events"]
    verdicts = json.loads((await system.ask("api/v1/verdicts")).text)["verdicts"]
    return await counters(system), events, [{**one, "updated": None} for one in verdicts]


async def killing(system: Rig, random: Random, count: int) -> None:
    old = await checkpoint_is_written(system, b"")
    for _ in range(count):
        await system.until_rows(system.rows() + random.randrange(1, MOST_ROWS))
        system.collector.kill()
        assert -9 == await system.collector.ended()
        finding = await system.account()
        assert finding.good, str(finding)
        leave(system, random.choice(list(Left)), old)
        await system.start()


async def started_with(system: Rig, left: Left, old: bytes) -> tuple[list[str], object, object]:
    leave(system, left, old)
    await system.start()
    found = await known(system)
    system.collector.kill()  # so that what it found is what the next one finds
    await system.collector.ended()
    return found


async def test_killed_between_checkpoints_it_counts_and_decides_as_if_nothing_were(tmp_path: Path) -> None:
    random, count = dice("checkpoint"), rounds(2)
    async with rig(tmp_path) as system:
        await system.start()
        member = await system.join("producer")
        await member.program.start()
        await killing(system, random, count)
        await system.deliver()
        finding = await system.account()
        assert 0 == await system.collector.stop()
        said = system.collector.log.read_text()
        last = system.checkpoint.read_bytes()
        for _ in range(TRIES):
            with_it = await started_with(system, Left.OLD, last)
            without = await started_with(system, Left.NONE, last)
            if with_it == without:
                break
    tell("checkpoint", rounds=count, kills=count, taken_up=said.count("checkpoint.taken_up"), **finding.figures())
    assert finding.good, str(finding)
    assert with_it[0], "there is something to compare"
    assert with_it == without
