"""Collectors in parts on real NATS servers, any of which may die: what was acknowledged is stored and counted once."""

import asyncio
import time
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from faults.asked import PATIENCE_S, TIMEOUT_S, dice, rounds, tell
from faults.fleet import Fleet, fleet
from faults.gathering import CHUNK, numbers_of
from faults.killing import Killer, Victim
from faults.said import all_said, said
from lab.programs import COLLECTOR, run
from lab.waiting import until
from rabta_collector.jetstream.place import parse_place
from rabta_collector.journal_file import Kind
from rabta_collector.rows import open_rows
from support.nats import Nats

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

MOST_ROWS = 30  # that the journal grows by before the next kill
TAKEN_OVER_S = 15.0
REVOKED_S = 5.0
VICTIMS = (Victim.INGEST, Victim.DECIDE, Victim.LEADER, Victim.NODE)


async def grow(system: Fleet, random: Random) -> None:
    await system.until_rows(system.rows() + random.randrange(1, MOST_ROWS))


async def counted(system: Fleet) -> None:
    """Every measurement of the journal is counted once by each that decides; each ends when it has told so."""
    found = await asyncio.to_thread(numbers_of, system.journal)
    await system.counted("tcp", sum(map(len, found.values())))


def ends_of(system: Fleet, agent: str) -> list[float]:
    """When sessions of an agent have ended, as the journal has it."""
    found, last = list[float](), 0
    with closing(open_rows(system.journal)) as rows:
        while chunk := rows.read_after(last, CHUNK):
            found += [row.at_us / 1e6 for row, _ in chunk if (row.agent, row.kind) == (agent, Kind.DISCONNECTED)]
            last = chunk[-1][0].id
    return found


async def test_sigkill_of_any_process_or_node_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    random, count = dice("fleet"), rounds(4)
    async with Nats(tmp_path, nodes=3).running() as nats, fleet(tmp_path, parse_place(nats.url())) as system:
        await system.start()
        joins = (system.join(f"producer{number}", url=part.url) for number, part in enumerate(system.ingests))
        for member in await asyncio.gather(*joins):
            await member.program.start()
        killer = Killer(system=system, nats=nats, random=random, goes_on=lambda: grow(system, random))
        victims = [*VICTIMS] * (count // len(VICTIMS) + 1)
        random.shuffle(victims)
        for number, victim in enumerate(victims[:count]):
            await grow(system, random)
            await killer.kill(victim)
            finding = await system.account()
            assert not finding.unkept, f"round {number}, {victim} killed: {finding}"
            assert not finding.twice, f"round {number}, {victim} killed: {finding}"
        await killer.all_back()
        await system.deliver()
        finding = await system.account()
        records = [part.data / "record.sqlite" for part in system.decides]
        await until(lambda: all_said(parse_place(nats.url()), records), within=PATIENCE_S)
        events = sum(map(len, (await said(parse_place(nats.url()))).values()))
        await counted(system)
    assert events, "nothing was decided"
    tell(
        "fleet",
        rounds=count,
        kills=count,
        longest_take_over_s=round(killer.take_over_s, 1),
        events=events,
        **finding.figures(),
    )
    assert finding.good, str(finding)
    assert 0 == finding.waiting
    assert killer.take_over_s <= TAKEN_OVER_S


async def test_a_cut_from_nats_is_no_false_acknowledgement_and_ends_by_itself(tmp_path: Path) -> None:
    async with Nats(tmp_path).running() as nats, fleet(tmp_path, parse_place(nats.url()), ingests=1) as system:
        await system.start()
        (part,), (node,) = system.ingests, nats.nodes
        member = await system.join("producer", url=part.url)
        await member.program.start()
        await system.until_rows(system.rows() + 20)
        node.stand_still()

        async def not_ready() -> bool:
            answer = await part.ask("readyz")
            return answer.status == 503 and "the journal cannot be" in answer.text

        await until(not_ready, within=PATIENCE_S)
        node.go_on()
        await part.until_ready()
        await system.until_rows(system.rows() + 20)
        await system.deliver()
        finding = await system.account()
        await counted(system)
    tell("fleet-cut", **finding.figures())
    assert finding.good, str(finding)
    assert 0 == finding.waiting


async def test_a_revocation_ends_a_session_wherever_it_is_held(tmp_path: Path) -> None:
    async with Nats(tmp_path).running() as nats, fleet(tmp_path, parse_place(nats.url()), decides=0) as system:
        await system.start()
        member = await system.join("producer", url=system.ingests[1].url)
        await member.program.start()
        await system.until_rows(system.rows() + 20)
        asked = time.time()
        await run(COLLECTOR, "revoke", *system.where(), member.id)
        revoked, ends = time.time(), list[float]()

        async def nobody_is_there() -> bool:
            sums = [await part.sum_of("rabta_collector_sessions") for part in system.ingests]
            ends[:] = [at for at in await asyncio.to_thread(ends_of, system, member.id) if at > asked]
            return sum(sums) == 0 and bool(ends)

        await until(nobody_is_there, within=PATIENCE_S)
        assert ends[-1] - revoked <= REVOKED_S
