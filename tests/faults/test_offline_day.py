"""A day without a way to the collector: each agent's day goes up afterwards, and what is fresh meanwhile stays fresh.

The day is written into real spools on a clock that is turned; the deliveries are real, and so is the collector.
tests/agent/test_offline_day.py has the order and the rate of what one agent sends.
"""

import re
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from faults.asked import PATIENCE_S, TIMEOUT_S, dice, rounds, tell
from faults.diary import Writer
from faults.producer import SPOOL_BYTES, invent
from faults.rig import TARGETS, Member, Rig, rig
from lab.waiting import until
from rabta_agent.contacts import contact_of
from rabta_agent.spool import Spool
from rabta_collector.rows import open_rows
from rabta_proto.model import NetworkContext
from rabta_proto.v1.collector_pb2 import MeasurementBatch
from support.fake_time import FakeTime

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

DAY_S = 86_000  # the collector takes nothing from more than a day before an agent joined
EVERY_S = 300.0  # of each target, in the plan of a country
FRESH_S = 30.0  # a tenth of a cycle; each agent makes a hundred a second here, and the machine may be busy
BACKLOG_BYTES_PER_S = 20_000


def spend_day(member: Member, targets: int, random: Random) -> int:
    """Fills a spool with a day of measurements, on a machine that was started anew since; how many."""
    clock = FakeTime(start=datetime.now(UTC) - timedelta(seconds=DAY_S))
    spool = Spool(member.spool, limit_bytes=SPOOL_BYTES, today=clock.now, steady=clock.monotonic, boot="yesterday")
    with closing(spool), closing(Writer(member.diary)) as diary:
        spool._connection.execute("PRAGMA synchronous = OFF")  # a day's syncs are no part of this
        count = int(DAY_S / EVERY_S) * targets
        for number in range(count):
            clock.advance(EVERY_S / targets)
            target = f"http://127.0.0.1:9/{number % targets}"
            one = invent(target, "x", clock.now(), random, NetworkContext(isp="ptcl"))
            diary.produced((spool.epoch, spool.append(one, contact_of(one))), one.plan_version)
    return count


async def newest_age_s(system: Rig) -> float:
    """Seconds since the newest measurement that the collector has decided on began, as it says when it is asked."""
    asked = time.time()
    text = (await system.ask("metrics")).text
    times = re.findall(r"^rabta_last_measurement_timestamp_seconds\{.*\} (\S+)$", text, re.MULTILINE)
    return asked - max(map(float, times), default=0.0)


def before_fresh(system: Rig, member: Member, day: int) -> int:
    """How many of a day's measurements, an agent's first ones, are in the journal before anything that followed it."""
    marks, last = list[int](), 0
    with closing(open_rows(system.journal)) as rows:
        while chunk := rows.read_after(last, 500):
            mine = (row.payload for row, _ in chunk if row.agent == member.id)
            marks += [one.sequence for payload in mine for one in MeasurementBatch.FromString(payload).measurements]
            last = chunk[-1][0].id
    return next(place for place, sequence in enumerate(marks) if sequence > day)


async def test_a_day_offline_goes_up_while_what_is_fresh_stays_fresh(tmp_path: Path) -> None:
    agents, targets, random = rounds(2, 8), min(TARGETS, rounds(4, TARGETS)), dice("offline-day")
    async with rig(tmp_path) as system:
        await system.start()
        for number in range(agents):
            await system.join(f"agent-{number}", RABTA_BACKLOG_BYTES_PER_S=str(BACKLOG_BYTES_PER_S))
        days = {member.name: spend_day(member, targets, random) for member in system.members}
        for member in system.members:
            await member.program.start()
        await system.until_produced(1)
        began, ages = time.monotonic(), list[float]()

        async def fresh() -> bool:
            return await newest_age_s(system) < FRESH_S

        async def delivered() -> bool:
            ages.append(await newest_age_s(system))
            return all(member.waiting < days[member.name] // 20 for member in system.members)

        await until(fresh, within=PATIENCE_S)
        await until(delivered, within=PATIENCE_S, beat=0.5)
        lasted = time.monotonic() - began
        await system.deliver()
        finding = await system.account()
        before = {member.name: before_fresh(system, member, days[member.name]) for member in system.members}
    tell(
        "offline-day",
        agents=agents,
        offline=sum(days.values()),
        before_fresh=sum(before.values()),
        lasted_s=round(lasted, 1),
        oldest_newest_s=round(max(ages), 2),
        **finding.figures(),
    )
    assert all(before[name] < count / 2 for name, count in days.items()), "what is fresh came first"
    assert max(ages) < FRESH_S
    assert finding.good, str(finding)
    assert finding.waiting == 0
