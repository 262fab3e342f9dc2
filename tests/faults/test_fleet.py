"""Collectors in parts on real NATS servers, any of which may die: what was acknowledged is stored and counted once."""

import asyncio
import json
import re
import sys
import time
from array import array
from collections import defaultdict
from contextlib import AsyncExitStack, closing
from enum import StrEnum
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from faults.asked import PATIENCE_S, TIMEOUT_S, crowd, dice, rounds, tell
from faults.fleet import Fleet, Part, fleet, tells
from faults.rig import TESTS
from lab.programs import COLLECTOR, Program, environment, run
from lab.waiting import until
from rabta_collector.datadir import DataDir
from rabta_collector.jetstream.place import parse_place
from rabta_collector.registry import Invite, Newcomer, Registry
from rabta_collector.rows import open_rows
from rabta_proto.v1.collector_pb2 import MeasurementBatch
from support.nats import Nats
from support.web_server import serving

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

MOST_ROWS = 30  # that the journal grows by before the next kill
TAKEN_OVER_S = 15.0
REVOKED_S = 5.0


class Victim(StrEnum):
    """Who is killed."""

    INGEST = "ingest"
    DECIDE = "decide"
    LEADER = "leader"
    NODE = "node"


async def grow(system: Fleet, random: Random) -> None:
    await system.until_rows(system.rows() + random.randrange(1, MOST_ROWS))


async def kill(victim: Victim, system: Fleet, nats: Nats, random: Random) -> float:
    """Kills one, waits until the others go on, and starts it again; how long nobody decided."""
    gap_s = 0.0
    if victim is Victim.INGEST:
        part = random.choice(system.ingests)
        part.program.kill()
        await part.program.ended()
        await grow(system, random)
        await part.start()
    elif victim is Victim.DECIDE:
        part, began = await system.ruler(), time.monotonic()
        part.program.kill()
        await part.program.ended()
        await system.ruler()
        gap_s = time.monotonic() - began
        await part.start()
    else:
        node = await nats.leader() if victim is Victim.LEADER else random.choice(nats.nodes)
        node.kill()
        await grow(system, random)
        node.start()
    await nats.ready()
    return gap_s


async def counted(system: Fleet) -> None:
    """Every measurement of the journal is counted once by each that decides."""
    stored = sum(map(len, (await asyncio.to_thread(numbers_of, system)).values()))
    for part in system.decides:

        async def all_of_it(part: Part = part) -> bool:
            if not await tells(part):
                return True  # the one that tells counts for the others
            return await part.sum_of("rabta_measurements_total", step="tcp") == stored

        await until(all_of_it, within=PATIENCE_S)


async def test_sigkill_of_any_process_or_node_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    random, count, gaps = dice("fleet"), rounds(4), list[float]()
    async with Nats(tmp_path, nodes=3).running() as nats, fleet(tmp_path, parse_place(nats.url())) as system:
        await system.start()
        for number, part in enumerate(system.ingests):
            member = await system.join(f"producer{number}", url=part.url)
            await member.program.start()
        victims = [*Victim] * (count // len(Victim) + 1)
        random.shuffle(victims)
        for number, victim in enumerate(victims[:count]):
            await grow(system, random)
            gaps.append(await kill(victim, system, nats, random))
            finding = await system.account()
            assert not finding.unkept, f"round {number}, {victim} killed: {finding}"
            assert not finding.twice, f"round {number}, {victim} killed: {finding}"
        await system.deliver()
        finding = await system.account()
        await counted(system)
    tell("fleet", rounds=count, kills=count, longest_take_over_s=round(max(gaps), 1), **finding.figures())
    assert finding.good, str(finding)
    assert 0 == finding.waiting
    assert max(gaps) <= TAKEN_OVER_S


async def test_many_agents_lose_nothing_while_processes_and_nodes_are_killed_at_random(tmp_path: Path) -> None:
    """At length: 500 agents that send 5,000 measurements a second for ten minutes, on a machine that bears it."""
    random, (agents, seconds) = dice("crowd"), crowd((30, 20.0), (500, 600.0))
    kills, gaps = dict.fromkeys(Victim, 0), list[float]()
    async with Nats(tmp_path, nodes=3).running() as nats, fleet(tmp_path, parse_place(nats.url())) as system:
        senders = gather_crowd(system, agents, batch=10, every_s=1.0)
        await system.start()
        await senders.start()
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            await grow(system, random)
            victim = random.choice([*Victim])
            gaps.append(await kill(victim, system, nats, random))
            kills[victim] += 1
        lasted_s = time.monotonic() - began
        await senders.stop(within=60.0)
        told: dict[str, tuple[int, int, int]] = json.loads(senders.last_words())
        stored = await asyncio.to_thread(numbers_of, system)
        await counted(system)
    acked, kept = sum(one[1] for one in told.values()), sum(map(len, stored.values()))
    figures = {f"{victim}_kills": count for victim, count in kills.items()}
    doubles = sum(len(found) - len(set(found)) for found in stored.values())
    losses = sum(len(set(range(1, told[agent][1] + 1)) - set(stored.get(agent, ()))) for agent in told)
    strange = sum(number > told[agent][2] for agent, found in stored.items() for number in found)
    longest = round(max(gaps), 1)
    rate = round(acked / lasted_s)
    tell("crowd", agents=agents, seconds=round(lasted_s), **figures, acked=acked, acked_per_s=rate, stored=kept)
    tell("crowd", losses=losses, doubles=doubles, strange=strange, longest_take_over_s=longest)
    assert 0 == losses == doubles == strange
    assert acked > 0
    assert longest <= TAKEN_OVER_S


def gather_crowd(system: Fleet, agents: int, *, batch: int, every_s: float) -> Program:
    """So many agents have joined, as the first process finds in its data directory."""
    first = DataDir(system.ingests[0].data)
    with closing(Registry(first.state)) as registry:
        token = registry.invite(Invite(isp="ptcl", uses=agents, expires_at=time.time() + 3600), now=time.time())
        newcomer = Newcomer(isp="ptcl", province="", version="0")
        joined = (registry.enrol(token, newcomer, now=time.time() - 86_400) for _ in range(agents))
        lines = [f"{agent.id}.{secret}" for agent, secret in joined]
    credentials = system.root / "credentials"
    credentials.write_text("\n".join(lines), encoding="utf-8")
    errand = {
        "ports": [part.grpc for part in system.ingests],
        "credentials": str(credentials),
        "targets": re.findall(r'url = "(.*)"', system.targets.read_text(encoding="utf-8")),
        "batch": batch,
        "every_s": every_s,
    }
    env = environment(PYTHONPATH=str(TESTS))
    return Program([sys.executable, "-m", "faults.crowd", json.dumps(errand)], env, system.logs / "crowd.log")


def numbers_of(system: Fleet) -> dict[str, "array[int]"]:
    """Of each agent the numbers that the journal holds, as often as it does."""
    found: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
    with closing(open_rows(system.journal)) as rows:
        last = 0
        while chunk := rows.read_after(last, 500):
            for row, sound in chunk:
                assert sound, f"row {row.id} is not what was written"
                found[row.agent].extend(one.sequence for one in MeasurementBatch.FromString(row.payload).measurements)
            last = chunk[-1][0].id
    found.pop("", None)
    return found


async def test_a_cut_from_nats_is_no_false_acknowledgement_and_ends_by_itself(tmp_path: Path) -> None:
    async with Nats(tmp_path).running() as nats, fleet(tmp_path, parse_place(nats.url()), ingests=1) as system:
        await system.start()
        (part,), (node,) = system.ingests, nats.nodes
        member = await system.join("producer", url=part.url)
        await member.program.start()
        await system.until_rows(system.rows() + 20)
        node.stand_still()

        async def not_ready() -> bool:
            return (await part.ask("readyz")).status == 503

        await until(not_ready, within=PATIENCE_S)
        assert "the journal cannot be" in (await part.ask("readyz")).text
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
        await run(COLLECTOR, "revoke", *system.where(), member.id)
        began = time.monotonic()

        async def nobody_is_there() -> bool:
            sums = [await part.sum_of("rabta_collector_sessions") for part in system.ingests]
            return sum(sums) == 0

        await until(nobody_is_there, within=PATIENCE_S)
        assert time.monotonic() - began <= REVOKED_S


async def test_agents_of_two_processes_make_one_verdict_and_are_asked_through_the_one_that_has_them(
    tmp_path: Path,
) -> None:
    """Whole agents, which measure a site on loopback that then goes away; what is decided is the same at both."""
    async with Nats(tmp_path).running() as nats, AsyncExitStack() as site:
        url = await site.enter_async_context(serving())
        port = urlsplit(url).port or 0
        async with fleet(tmp_path, parse_place(nats.url()), site=port, interval="5s") as system:
            await system.start()
            for number, part in enumerate(system.ingests * 3):
                member = await system.join(f"agent{number}", url=part.url, whole=True, control=number > 3)
                await member.program.start()

            async def state_is(reachable: bool) -> bool:
                verdicts = [await verdict(part) for part in system.decides]
                return all((one == "reachable") is reachable and one for one in verdicts)

            await until(lambda: state_is(True), within=PATIENCE_S)
            await site.aclose()
            await until(lambda: state_is(False), within=PATIENCE_S)

            async def all_were_asked() -> bool:
                name = "rabta_collector_measure_now_requests_total"
                return all([await part.sum_of(name, result="given") > 0 for part in system.ingests])

            await until(all_were_asked, within=PATIENCE_S)
            assert 1 == sum([await tells(part) for part in system.decides])
            assert [await verdict(system.decides[0])] * 2 == [await verdict(part) for part in system.ingests]
            before = await changes(system.decides[0])
            for part in system.parts:  # a rolling restart moves no verdict
                await part.program.stop()
                await part.start()
            assert await state_is(False)
            assert [before] * 2 == [await changes(part) for part in system.decides]


async def changes(part: Part) -> list[str]:
    """To what the only verdict changed, one time after the other."""
    rows = json.loads((await part.ask("api/v1/events?isp=ptcl&platform=x")).text)["events"]
    return [str(row["to"]) for row in rows]


async def verdict(part: Part) -> str:
    """On the only platform at the only ISP with agents; empty where there is none yet."""
    rows = json.loads((await part.ask("api/v1/verdicts?isp=ptcl&platform=x")).text).get("verdicts", [])
    return str(rows[0]["state"]) if rows else ""
