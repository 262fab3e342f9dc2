"""A real agent's link in this process: a spool, an uplink, and what became of them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog

from rabta_agent.clock import SystemClock
from rabta_agent.dial import Dialler
from rabta_agent.endpoint import Endpoint, ways
from rabta_agent.line import Road
from rabta_agent.session import Caller, Pace
from rabta_agent.spool import Spool
from rabta_agent.spool_thread import SpoolThread
from rabta_agent.uplink import Uplink
from rabta_proto.model import Measurement
from rabta_proto.v1 import collector_pb2 as wire
from rabta_proto.v1.plan_pb2 import SignedPlan

PACE = Pace(welcome_s=60.0, ack_s=60.0, linger_s=0.0, backoff_cap_s=0.01)


class Linked:
    """One agent. `stood`: the ways that stood, in order; `troubles`: why sessions ended."""

    def __init__(self, path: Path, authorization: str, endpoints: Sequence[Endpoint], road: Road) -> None:
        path.mkdir(exist_ok=True)
        self.file = path / "spool.sqlite"
        self.spool = SpoolThread(self._opened(), anew=self._opened)
        self.stood: list[str] = []
        self.troubles: list[str] = []
        caller = Caller(
            authorization=lambda: authorization,
            on_rotation=self._on_rotation,
            endpoints=ways(endpoints),
            hello=lambda: wire.Hello(agent_version="1", epoch=self.spool.counts.epoch),
            on_plan=self._on_plan,
            on_request=lambda _: None,
            on_link=self._on_link,
        )
        self.uplink = Uplink(caller, self.spool, dial=Dialler(road), pace=PACE, clock=SystemClock(), draw=lambda: 0.0)

    def _opened(self) -> Spool:
        spool = Spool(self.file, limit_bytes=10**8, today=lambda: datetime.now(UTC))
        spool._connection.execute("PRAGMA cache_size = 10")  # so that what is on the disk is read
        return spool

    async def _on_rotation(self, rotation: wire.Rotation) -> None:
        pass

    async def _on_plan(self, plan: SignedPlan) -> None:
        pass

    def _on_link(self, connected: bool, endpoint: Endpoint, trouble: str) -> None:
        if connected:
            self.stood.append(str(endpoint))
        elif trouble:
            self.troubles.append(trouble)

    async def measure(self, count: int) -> None:
        """So many measurements more."""
        for number in range(count):
            await self.spool.append(
                Measurement(
                    target="https://x.com/",
                    platform="x",
                    started_at=datetime.now(UTC),
                    duration_us=number,
                    agent_version="1",
                )
            )
            self.uplink.wake()

    async def delivered(self) -> None:
        async with asyncio.timeout(60):
            await self.uplink.drained()
            while self.spool.counts.waiting:  # the counts follow the spool
                self.spool.changed.clear()
                await self.spool.changed.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Linked"]:
        with structlog.testing.capture_logs():
            task: asyncio.Task[None] = asyncio.create_task(self.uplink.run())
            try:
                yield self
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await self.spool.close()
