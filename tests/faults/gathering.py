"""A crowd of agents (crowd.py) beside a fleet: has them join, and says what they said, and what became of it."""

import asyncio
import json
import sys
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from faults.asked import PATIENCE_S as PATIENCE
from faults.crowd import PATIENCE_S, Errand, Second
from faults.fleet import Fleet
from faults.joining import join
from faults.rig import TESTS
from faults.truth import ISPS, Truth
from lab.programs import Program, environment
from lab.waiting import until
from rabta_collector.rows import Where, open_rows
from rabta_proto.v1.collector_pb2 import MeasurementBatch
from rabta_proto.vocabulary import Role

CONTROLS = 2
CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Of one agent: its role, up to which of its numbers all was acknowledged, and beyond which nothing was sent."""

    epoch: int
    role: str
    acked: int
    sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What was acknowledged beside what is stored; what of it is not there, there twice, or was never sent."""

    acked: int
    stored: int
    of_probes: int
    lost: int
    doubled: int
    strange: int


class Crowd:
    """All of them, in a process of their own."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def now(self) -> Second:
        """What was said last."""
        lines = _tail(self.program.log).splitlines()
        told = [line for line in lines if line.startswith(b'{"at"') and line.endswith(b"}")]
        return Second(**json.loads(told[-1])) if told else Second()

    async def goes_on(self) -> None:
        """Until more was acknowledged than had been after this was asked."""
        began, first = time.time(), Second()

        async def more() -> bool:
            nonlocal first
            assert self.program.running, f"the crowd ended: {self.program.last_words()}"
            now = self.now()
            if now.at > began and first.at == 0.0:
                first = now
            return first.at > 0.0 and now.acked > first.acked

        await until(more, within=PATIENCE, beat=0.2)

    async def end(self) -> dict[str, Account]:
        """Has them stop; what each says in the end."""
        assert await self.program.stop(within=2 * PATIENCE_S) == 0, self.program.last_words()
        told = json.loads(self.program.last_words())["agents"]
        return {
            agent: Account(epoch=epoch, role=role, acked=acked, sent=sent)
            for agent, (epoch, role, acked, sent) in told.items()
        }


def _tail(log: Path, size: int = 4096) -> bytes:
    if not log.exists():
        return b""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size))
        return file.read()


def assemble(system: Fleet, agents: int) -> Path:
    """So many agents have joined, as the first process finds in its data directory; their credentials and roles."""
    data = system.ingests[0].data
    lines = [
        f"{credential} {Role.PROBE}"
        for number, isp in enumerate(ISPS)
        for credential in join(data, isp, (agents - CONTROLS + number) // len(ISPS))
    ]
    controls = join(data, "", agents - len(lines), role=Role.CONTROL)
    lines += [f"{credential} {Role.CONTROL}" for credential in controls]
    credentials = system.root / "credentials"
    credentials.write_text("\n".join(lines), encoding="utf-8")
    return credentials


def gather(system: Fleet, credentials: Path, *, pace: tuple[float, float], begin: float, truth: Truth) -> Crowd:
    """Those who have joined, to be started. `pace`: every how many seconds agents measure, and controls."""
    errand = Errand(
        ports=tuple(part.grpc for part in system.ingests),
        credentials=str(credentials),
        every_s=pace[0],
        control_s=pace[1],
        begin=begin,
        blocked=truth.blocked,
    )
    env = environment(PYTHONPATH=str(TESTS))
    command = [sys.executable, "-m", "faults.crowd", json.dumps(asdict(errand))]
    return Crowd(Program(command, env, system.logs / "crowd.log"))


async def balance(told: Mapping[str, Account], journal: Where) -> Balance:
    """Holds what agents say against the journal."""
    stored = await asyncio.to_thread(numbers_of, journal)
    lost = doubled = strange = 0
    for agent, account in told.items():
        found = Counter(stored.get(agent, ()))
        lost += sum(number not in found for number in range(1, account.acked + 1))
        doubled += found.total() - len(found)
        strange += sum(number > account.sent for number in found)
    strange += sum(len(found) for agent, found in stored.items() if agent not in told)
    return Balance(
        acked=sum(account.acked for account in told.values()),
        stored=sum(map(len, stored.values())),
        of_probes=sum(len(found) for agent, found in stored.items() if agent in told and told[agent].role == "probe"),
        lost=lost,
        doubled=doubled,
        strange=strange,
    )


def numbers_of(journal: Where) -> dict[str, "array[int]"]:
    """Of each agent the numbers that the journal holds, as often as it does."""
    found: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
    with closing(open_rows(journal)) as rows:
        last = 0
        while chunk := rows.read_after(last, CHUNK):
            for row, sound in chunk:
                assert sound, f"row {row.id} is not what was written"
                found[row.agent].extend(one.sequence for one in MeasurementBatch.FromString(row.payload).measurements)
            last = chunk[-1][0].id
    found.pop("", None)
    return found
