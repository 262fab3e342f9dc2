"""After a rolling restart agents are at all processes again, by themselves: each comes again through the balancer."""

import json
import re
import sys
import time
from pathlib import Path

import pytest

from faults.asked import LONG, PATIENCE_S, TIMEOUT_S, tell
from faults.books import read_journal
from faults.fleet import Fleet, fleet
from faults.joining import join
from faults.rig import TESTS
from lab.programs import Program, environment
from lab.system import free_port
from lab.waiting import until
from rabta_collector.jetstream.place import parse_place
from rabta_collector.roles.balance import ENOUGH, LEAST, SPARE
from support.nats import Nats
from support.programs import require

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

SHIPPED = TESTS.parent / "deploy" / "scale" / "ingest.toml"
BALANCER = """global
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 3m
    timeout server 3m
frontend agents
    bind 127.0.0.1:{port}
    default_backend ingest
backend ingest
    balance leastconn
    option httpchk GET /readyz
    default-server check inter 500ms fall 2 rise 2
{servers}
"""


def balancer(system: Fleet, port: int) -> Program:
    """HAProxy as deploy/scale has it, without what is of a machine."""
    servers = "\n".join(f"    server {part.name} 127.0.0.1:{part.grpc} port {part.http}" for part in system.ingests)
    file = system.root / "haproxy.cfg"
    file.write_text(BALANCER.format(port=port, servers=servers), encoding="utf-8")
    return Program([require("haproxy", "haproxy"), "-db", "-f", str(file)], environment(), system.logs / "haproxy.log")


def gather(system: Fleet, agents: int, port: int) -> Program:
    """So many agents that know one address."""
    credentials = system.root / "credentials"
    credentials.write_text("\n".join(join(system.ingests[0].data, "ptcl", agents)), encoding="utf-8")
    targets = re.findall(r'url = "(.*)"', system.targets.read_text(encoding="utf-8"))
    errand = {"ports": [port], "credentials": str(credentials), "targets": targets, "batch": 2, "every_s": 1.0}
    env = environment(PYTHONPATH=str(TESTS))
    return Program([sys.executable, "-m", "faults.witness", json.dumps(errand)], env, system.logs / "crowd.log")


async def sessions_of(system: Fleet) -> list[float]:
    return [await part.sum_of("rabta_collector_sessions") for part in system.ingests]


async def test_agents_are_shared_out_again_after_a_rolling_restart_and_then_stay(tmp_path: Path) -> None:
    agents, port = (500 if LONG else 60), free_port()
    limits = SHIPPED.read_text(encoding="utf-8").partition("\n[limits]\n")[2]  # all agents come from one address
    how = {"decides": 0, "settings": f"[limits]\n{limits}"}
    async with Nats(tmp_path, nodes=3).running() as nats, fleet(tmp_path, parse_place(nats.url()), **how) as system:
        senders, before = gather(system, agents, port), balancer(system, port)
        await system.start()
        await before.start()
        try:
            await senders.start()

            async def all_are_here() -> bool:
                return sum(await sessions_of(system)) == agents

            await until(all_are_here, within=PATIENCE_S)
            for part in reversed(system.ingests):  # the first one last: then all are at the other one
                await part.program.stop()
                await until(all_are_here, within=PATIENCE_S)
                await part.start()
            most = agents / 2 * ENOUGH + LEAST
            assert max(await sessions_of(system)) > most
            began = time.monotonic()

            async def shared() -> bool:
                return max(found := await sessions_of(system)) <= most and sum(found) == agents

            await until(shared, within=PATIENCE_S)
            lasted_s = time.monotonic() - began
            await senders.stop(within=60.0)
        finally:
            await before.stop()
        told: dict[str, tuple[int, int, int]] = json.loads(senders.last_words())
        journal = read_journal(system.journal)
        logs = "".join(part.program.log.read_text(encoding="utf-8") for part in system.ingests)
    ended = sum(map(int, re.findall(r'"ended": (\d+), .*"sessions.shared"', logs)))
    lost = sum(
        (epoch, n) not in journal[agent] for agent, (epoch, acked, _) in told.items() for n in range(1, acked + 1)
    )
    twice = sum(len(marks) - 1 for held in journal.values() for marks in held.values())
    tell("sharing", agents=agents, seconds=round(lasted_s), ended=ended, lost=lost, twice=twice)
    assert 0 == lost == twice
    # Who lost its session otherwise came by the balancer, too; and those under way are at neither.
    assert 0 < ended <= agents / 2 + SPARE
