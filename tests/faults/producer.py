"""A process that is the agent in everything but measuring: plan, schedule, spool, session are the real ones.

    python -m faults.producer DIARY      its home is RABTA_HOME, and it must have joined

Each measurement is made up, at once, with a mark; the diary says which. Ends as the agent does on SIGTERM.
"""

import asyncio
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom

from faults.diary import Key, Writer
from rabta_agent import log
from rabta_agent.app import Agent, Parts
from rabta_agent.clock import SystemClock
from rabta_agent.config import load_config
from rabta_agent.contacts import Contact
from rabta_agent.home import Home
from rabta_agent.inflight import Settled
from rabta_agent.session import Pace
from rabta_agent.spool import Spool
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.stopping import stopping_on_signals
from rabta_agent.task import Settings, Task
from rabta_proto.model import Measurement, NetworkContext, Observation, TcpConnect
from rabta_proto.vocabulary import AddressSource

SPOOL_BYTES = 64 * 1024 * 1024


class Witnessed(SpoolThread):
    """Writes into a diary what the spool is told, and what it answers."""

    def __init__(self, spool: Spool, diary: Writer) -> None:
        super().__init__(spool)
        self._epoch, self._diary = spool.epoch, diary

    async def append(self, measurement: Measurement) -> int:
        sequence = await super().append(measurement)
        self._diary.produced((self._epoch, sequence), measurement.plan_version)
        return sequence

    async def settle(self, settled: Settled, contact: Contact) -> None:
        self._diary.settled(self._keys(settled.accepted))
        self._diary.rejected(self._keys(settled.rejected))
        await super().settle(settled, contact)

    def _keys(self, rows: tuple[int, ...]) -> list[Key]:
        return [(self._epoch, row) for row in rows if row > 0]


def invent(target: str, platform: str, at: datetime, rng: Random, network: NetworkContext) -> Measurement:
    """A measurement of a target that could be reached, with a mark."""
    seen = Observation(
        offset_us=0, duration_us=1000, detail=TcpConnect(address="127.0.0.1", port=80, source=AddressSource.SYSTEM)
    )
    return Measurement(
        target=target,
        platform=platform,
        started_at=at,
        duration_us=1000,
        agent_version="0",
        plan_version=rng.randrange(1, 2**40),
        network=network,
        observations=(seen,),
    )


class Inventor:
    """Measures nothing, and says that all went well."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    async def measure(self, task: Task, settings: Settings, network: NetworkContext) -> Measurement:
        made_up = invent(task.target, task.platform, datetime.now(UTC), self._rng, network)
        return replace(made_up, trigger=task.trigger, depth=task.depth)

    async def close(self) -> None:
        pass


async def produce(home: Home, diary: Path) -> None:
    credential, clock, rng = home.joined(), SystemClock(), SystemRandom()
    config = load_config(flags={}, environment=os.environ, file=home.config_file)
    spool = Spool(home.spool_file, limit_bytes=SPOOL_BYTES, today=clock.now)
    writer = Writer(diary)
    witnessed = Witnessed(spool, writer)
    try:
        agent = Agent(
            Parts(
                home=home,
                config=config,
                credential=credential,
                spool=witnessed,
                measurer=Inventor(rng),
                network=lambda: NetworkContext(isp=credential.isp),
                clock=clock,
                rng=rng,
                pace=Pace.of(lab=config.lab, backlog_bytes_per_s=config.backlog_bytes_per_s),
            )
        )
        with stopping_on_signals(agent.stop):
            await agent.run()
    finally:
        await witnessed.close()
        writer.close()


def main() -> None:
    (diary,) = sys.argv[1:]
    home = Home(path=Path(os.environ["RABTA_HOME"]))
    log.set_up("info")
    with home.locked():
        asyncio.run(produce(home, Path(diary)))


if __name__ == "__main__":
    main()
